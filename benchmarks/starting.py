"""The cost of a start: the import, and one short run from end to end."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time

from benchmarks.flows import QUIET
from benchmarks.measuring import (
    ENGINE,
    OURS,
    PEER,
    Benchmark,
    Figures,
    Row,
    runner_class,
    write_flow,
)

_IMPORTS = 5


def _milliseconds(statement: str) -> float:
    text = f"import time; began = time.perf_counter(); {statement}; ended = time.perf_counter()"
    taken = [
        float(
            subprocess.run(
                [sys.executable, "-c", f"{text}; print(ended - began)"],
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        )
        for _ in range(_IMPORTS)
    ]
    return statistics.median(taken) * 1e3


def importing(whose: str) -> Figures:
    """Import in a fresh interpreter."""
    return {
        "package": _milliseconds("import nbrunner" if whose == OURS else "import metaflow"),
        "runner": _milliseconds(f"from {whose} import Runner"),
    }


def one_run(whose: str) -> Figures:
    """Run a flow of two steps without work: the second run of its process."""
    flow = write_flow(QUIET)
    if whose == ENGINE:
        taken = [_from_the_shell(flow) for _ in range(2)]
    else:
        taken = asyncio.run(_with_runner(whose, flow))
    return {"first": taken[0], "second": taken[1]}


def _from_the_shell(flow: str) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, flow, "--no-pylint", "run"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


async def _with_runner(whose: str, flow: str) -> list[float]:
    Runner = runner_class(whose)
    taken = []
    for _ in range(2):
        began = time.perf_counter()
        running = await Runner(flow, pylint=False).async_run()
        await running.wait()
        taken.append(time.perf_counter() - began)
    return taken


BENCHMARKS = (
    Benchmark(
        "import",
        importing,
        (
            Row("`from metaflow` / `from nbrunner import Runner`", "runner", "ms", "", ""),
            Row(
                "`import metaflow` / `import nbrunner`",
                "package",
                "ms",
                "30 ms or less",
            ),
        ),
    ),
    Benchmark(
        "one-run",
        one_run,
        (
            Row(
                "two steps without work, construct to end, first in a process",
                "first",
                "s",
                "",
                "`python flow.py run`: {engine.first:.2f} s",
            ),
            Row(
                "the same, second in a process",
                "second",
                "s",
                "",
                "`python flow.py run`: {engine.second:.2f} s",
            ),
        ),
        rounds=5,
        whose=(PEER, OURS, ENGINE),
    ),
)
