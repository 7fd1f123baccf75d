"""Twenty runs at once, in one process."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.flows import QUIET
from benchmarks.measuring import (
    ENGINE,
    OURS,
    PEER,
    Benchmark,
    Figures,
    Row,
    runner_class,
    take_precedence,
    write_flow,
)

_RUNS = 20


def beside(whose: str) -> Figures:
    """Start all at once, while using the loop's default executor like a user."""
    flow = write_flow(QUIET)

    async def plainly() -> Any:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, flow, "--no-pylint", "run"), stdout=DEVNULL, stderr=DEVNULL
        )

    Runner = None if whose == ENGINE else runner_class(whose)

    async def with_runner() -> Any:
        return await Runner(flow, pylint=False).async_run()

    async def main() -> Figures:
        take_precedence()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(initializer=take_precedence))
        start = plainly if whose == ENGINE else with_runner
        starting = asyncio.gather(*(start() for _ in range(_RUNS)))
        slowest = 0.0
        while not starting.done():
            asked = time.perf_counter()
            await asyncio.to_thread(time.sleep, 0)
            slowest = max(slowest, time.perf_counter() - asked)
            await asyncio.sleep(0.005)
        for running in await starting:
            await running.wait()
        return {"to_thread": slowest * 1e3}

    return asyncio.run(main())


def twenty(whose: str) -> Figures:
    """Run all at once; compare this process with its state during a single run."""
    Runner = runner_class(whose)
    flow = write_flow(QUIET)

    async def run() -> None:
        running = await Runner(flow, pylint=False).async_run()
        await running.wait()
        assert running.status == "successful", running.status

    async def main() -> Figures:
        peak = _Peak()
        await peak.during(run())
        one = peak.take()
        began = time.perf_counter()
        await peak.during(asyncio.gather(*(run() for _ in range(_RUNS))))
        total = time.perf_counter() - began
        all_of_them = peak.take()
        return {
            "threads": all_of_them["Threads"] - one["Threads"],
            "megabytes": (all_of_them["VmRSS"] - one["VmRSS"]) / 1024,
            "seconds": total,
        }

    return asyncio.run(main())


class _Peak:
    """The peaks of this process's threads and memory (kB)."""

    def __init__(self) -> None:
        self._most = {"Threads": 0, "VmRSS": 0}

    async def during(self, work: Awaitable[Any]) -> None:
        """Sample repeatedly until some work is done."""
        working = asyncio.ensure_future(work)
        while not working.done():
            self.look()
            await asyncio.wait([working], timeout=0.02)
        await working

    def look(self) -> None:
        for line in Path("/proc/self/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in self._most:
                self._most[name] = max(self._most[name], int(value.split()[0]))

    def take(self) -> dict[str, int]:
        self.look()
        return dict(self._most)


BENCHMARKS = (
    Benchmark(
        "beside",
        beside,
        (
            Row(
                f"a user's own `asyncio.to_thread` during {_RUNS} starts, slowest",
                "to_thread",
                "ms",
                "50 ms or less",
                "plain asyncio subprocesses: {engine.to_thread:.0f} ms",
            ),
        ),
        whose=(PEER, OURS, ENGINE),
    ),
    Benchmark(
        "twenty",
        twenty,
        (
            Row(f"{_RUNS} runs at once: threads more than with one", "threads", "", "0"),
            Row("the same: memory of the parent more", "megabytes", "MB", "5 MB or less"),
            Row("the same: until the last has ended", "seconds", "s"),
        ),
    ),
)
