"""Leftovers: processes after a stop, files and descriptors after many runs."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import warnings
from pathlib import Path

import psutil

from benchmarks.flows import BREEDING, QUIET
from benchmarks.measuring import OURS, Benchmark, Figures, Row, runner_class, write_flow

_RUNS = 50


def orphans(whose: str) -> Figures:
    """Count which of a step's four children outlive the end of their run by 4 s."""
    pids = Path("pids").absolute()
    os.environ["BENCH_PIDS"] = str(pids)
    Runner = runner_class(whose)

    async def main() -> list[psutil.Process]:
        running = await Runner(write_flow(BREEDING), pylint=False).async_run()
        while not pids.exists():
            await asyncio.sleep(0.01)
        children = [psutil.Process(int(pid)) for pid in pids.read_text().split()]
        await running.wait(timeout=0.1)
        return children

    children = asyncio.run(main())
    time.sleep(4)
    alive = [child for child in children if child.is_running()]
    for child in alive:
        child.kill()
    return {"alive": len(alive)}


def leftovers(whose: str) -> Figures:
    """Run a flow many times, dropping each handle, and measure what has grown."""
    warnings.simplefilter("ignore", ResourceWarning)
    runner_of = runner_class(whose)
    flow = write_flow(QUIET)

    async def run_once() -> None:
        running = await runner_of(flow, pylint=False).async_run()
        await running.wait()

    async def main() -> Figures:
        await run_once()
        gc.collect()
        before = {**_files(), **_inside()}
        for _ in range(_RUNS):
            await run_once()
        gc.collect()
        after = {**_files(), **_inside()}
        return {key: after[key] - before[key] for key in after}

    return asyncio.run(main())


def _files() -> Figures:
    """Count the files and folders outside Metaflow's datastore and nbrunner's state folder."""
    home = Path.home()
    state = home / ".local" / "state" / "nbrunner"
    places = (home, Path(os.environ["TMPDIR"]), Path())
    outside = [
        file
        for place in places
        for file in place.rglob("*")
        if state not in (file, *file.parents)
        and file not in state.parents
        and "__pycache__" not in file.parts
    ]
    inside = [file.stat().st_size for file in state.rglob("*") if file.is_file()]
    return {"files": len(outside), "state_kilobytes": sum(inside) / 1e3}


def _inside() -> Figures:
    return {"fds": len(os.listdir("/proc/self/fd")), "threads": threading.active_count()}


BENCHMARKS = (
    Benchmark(
        "orphans",
        orphans,
        (
            Row(
                "children alive after `wait(timeout=...)`: plain, setsid, deaf to SIGTERM, "
                "double fork",
                "alive",
                "of 4",
                "0",
            ),
        ),
    ),
    Benchmark(
        "leftovers",
        leftovers,
        (
            Row(
                f"files and folders left by {_RUNS} runs outside of the state folder",
                "files",
                "",
                "0",
                f"in ours: {{{OURS}.state_kilobytes:.0f}} kB, deleted after 30 days or beyond 2 GB",
            ),
            Row(f"descriptors more after {_RUNS} runs", "fds", "", "0"),
            Row(f"threads more after {_RUNS} runs", "threads", "", "0"),
        ),
        rounds=1,
    ),
)
