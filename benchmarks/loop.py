"""The longest time that the caller's event loop is blocked."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from benchmarks.flows import HEAVY, QUIET, SLEEPING
from benchmarks.measuring import (
    ENGINE,
    OURS,
    PEER,
    Benchmark,
    Figures,
    Row,
    longest_stall,
    runner_class,
    write_flow,
)

_PLAIN = "a plain asyncio subprocess: {engine.stall:.1f} ms"


def _whole_run(text: str, whose: str) -> Figures:
    flow = write_flow(text)

    async def plainly() -> None:
        command = [sys.executable, flow, "--no-pylint", "run"]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        await process.wait()

    if whose == ENGINE:
        return {"stall": asyncio.run(longest_stall(plainly)) * 1e3}
    Runner = runner_class(whose)

    async def with_runner() -> None:
        running = await Runner(flow, pylint=False).async_run()
        await running.wait()

    return {"stall": asyncio.run(longest_stall(with_runner)) * 1e3}


def quiet(whose: str) -> Figures:
    """Construct, start and wait for a flow with a fast import."""
    return _whole_run(QUIET, whose)


def heavy(whose: str) -> Figures:
    """Do the same with a flow whose import takes 1.5 s."""
    return _whole_run(HEAVY, whose)


def timeout(whose: str) -> Figures:
    """Let ``wait(timeout=2)`` end a run."""
    Runner = runner_class(whose)

    async def main() -> Figures:
        running: Any = await Runner(write_flow(SLEEPING), pylint=False).async_run()

        async def wait() -> None:
            await running.wait(timeout=2)

        stall = await longest_stall(wait)
        assert running.status == "timeout", running.status
        return {"stall": stall * 1e3}

    return asyncio.run(main())


BENCHMARKS = (
    Benchmark(
        "stall",
        quiet,
        (
            Row(
                "longest stall of the loop: construct, start, wait",
                "stall",
                "ms",
                "5 ms or less",
                _PLAIN,
            ),
        ),
        rounds=5,
        whose=(PEER, OURS, ENGINE),
    ),
    Benchmark(
        "stall-heavy",
        heavy,
        (
            Row(
                "the same, with a flow whose import takes 1.5 s",
                "stall",
                "ms",
                "5 ms or less",
                _PLAIN,
            ),
        ),
        whose=(PEER, OURS, ENGINE),
    ),
    Benchmark(
        "stall-timeout",
        timeout,
        (Row("longest stall of the loop in `wait(timeout=2)`", "stall", "ms", "5 ms or less"),),
        whose=(PEER, OURS),
    ),
)
