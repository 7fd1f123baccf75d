"""Twenty runs at once, in one process."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.flows import QUIET
from tests.benchmarks.measuring import Benchmark, Figures, Row, runner_class, write_flow

_RUNS = 20


def twenty(whose: str) -> Figures:
    """Start all, beside a user's own ``asyncio.to_thread``; wait for all."""
    Runner = runner_class(whose)
    flow = write_flow(QUIET)

    async def start() -> Any:
        return await Runner(flow, pylint=False).async_run()

    async def main() -> Figures:
        peak = _Peak()
        await (await start()).wait()
        await asyncio.to_thread(time.sleep, 0)  # the caller's own first thread
        one = peak.take()
        began = time.perf_counter()
        starting = asyncio.gather(*(start() for _ in range(_RUNS)))
        slowest = 0.0
        while not starting.done():
            asked = time.perf_counter()
            await asyncio.to_thread(time.sleep, 0)
            slowest = max(slowest, time.perf_counter() - asked)
            peak.look()
            await asyncio.sleep(0.01)
        for running in await starting:
            waiting = asyncio.ensure_future(running.wait())
            while not waiting.done():
                peak.look()
                await asyncio.wait([waiting], timeout=0.05)
            assert running.status == "successful", running.status
        total = time.perf_counter() - began
        all_of_them = peak.take()
        return {
            "to_thread": slowest * 1e3,
            "threads": all_of_them["Threads"] - one["Threads"],
            "megabytes": (all_of_them["VmRSS"] - one["VmRSS"]) / 1024,
            "seconds": total,
        }

    return asyncio.run(main())


class _Peak:
    """The most threads and memory (kB) that this process has had."""

    def __init__(self) -> None:
        self._most = {"Threads": 0, "VmRSS": 0}

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
        "twenty",
        twenty,
        (
            Row(
                f"a user's own `asyncio.to_thread` beside {_RUNS} starts, slowest",
                "to_thread",
                "ms",
                "50 ms or less",
            ),
            Row(f"{_RUNS} runs at once: threads more than with one", "threads", "", "0"),
            Row("the same: memory of the parent more", "megabytes", "MB", "5 MB or less"),
            Row("the same: until the last has ended", "seconds", "s"),
        ),
        rounds=3,
    ),
)
