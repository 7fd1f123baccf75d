"""Following logs: throughput, latency and delay at the end."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.flows import BURSTING, LOGGED, STAMPING
from benchmarks.measuring import (
    ENGINE,
    OURS,
    PEER,
    Benchmark,
    Figures,
    Row,
    percentile,
    runner_class,
    write_flow,
)

# Metaflow's Runner sleeps 10 ms per line: nbrunner's second would be hours there.
_FINISHED_LINES = {PEER: 500, OURS: 1_000_000}
_BURST_LINES = {PEER: 1_000, OURS: 10_000}
_STAMPS = 200

_STAMP = re.compile(r"stamp (\d+\.\d+)$")


def finished(whose: str) -> Figures:
    """Read the log of a run that has ended."""
    os.environ["BENCH_LINES"] = str(_FINISHED_LINES[whose])
    runner = runner_class(whose)(write_flow(LOGGED), pylint=False)

    async def main() -> Figures:
        running = await runner.async_run()
        await running.wait()
        count = 0
        began = time.perf_counter()
        async for _ in running.stream_log("stdout"):
            count += 1
        seconds = time.perf_counter() - began
        assert count >= _FINISHED_LINES[whose], f"only {count} lines"
        return {"rate": count / seconds}

    return asyncio.run(main())


def attached(whose: str) -> Figures:
    """Attach to a run with a long log from a new process."""
    os.environ["BENCH_LINES"] = str(_FINISHED_LINES[whose])
    ended = runner_class(whose)(write_flow(LOGGED), pylint=False, show_output=False).run()
    command = [sys.executable, "-c", _ATTACH, ended.pathspec, str(_FINISHED_LINES[whose])]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.split()
    return {"known": float(said[0]), "read": float(said[1])}


_ATTACH = """\
import sys, time
from nbrunner import attach
began = time.perf_counter()
again = attach(sys.argv[1])
assert again.status == 'successful' and again.progress.steps['end'].done == 1
known = time.perf_counter() - began
assert again.stdout.count('of a log') == int(sys.argv[2])
print(known, time.perf_counter() - began)
"""


def latency(whose: str) -> Figures:
    """Compare the times of printing and of yielding, one line every 50 ms."""
    os.environ["BENCH_LINES"] = str(_STAMPS)
    flow = write_flow(STAMPING)
    delays = _engine_delays(flow) if whose == ENGINE else asyncio.run(_delays(whose, flow))
    assert len(delays) == _STAMPS, f"{len(delays)} lines"
    return {
        "p50": percentile(delays, 50) * 1e3,
        "p99": percentile(delays, 99) * 1e3,
    }


async def _delays(whose: str, flow: str) -> list[float]:
    running = await runner_class(whose)(flow, pylint=False).async_run()
    delays = []
    async for _, line in running.stream_log("stdout"):
        if stamp := _STAMP.search(line):
            delays.append(time.monotonic() - float(stamp[1]))
    return delays


def _engine_delays(flow: str) -> list[float]:
    """Read Metaflow's own output through a pipe, like a shell."""
    command = [sys.executable, "-u", flow, "--no-pylint", "run"]
    delays = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if stamp := _STAMP.search(line.decode().rstrip()):
                delays.append(time.monotonic() - float(stamp[1]))  # noqa: PERF401 (as they come)
    return delays


def burst(whose: str) -> Figures:
    """Return the time from the run's end until the last of many lines is yielded."""
    os.environ["BENCH_LINES"] = str(_BURST_LINES[whose])
    os.environ["BENCH_ENDED"] = os.path.abspath("ended")
    runner = runner_class(whose)(write_flow(BURSTING), pylint=False)

    async def main() -> Figures:
        running = await runner.async_run()
        count = 0
        async for _, line in running.stream_log("stdout"):
            if "] burst " in line:
                count += 1
                last = time.monotonic()
        assert count == _BURST_LINES[whose], f"{count} lines"
        await running.wait()
        ended = float(Path("ended").read_text())
        return {"behind": max(0.0, last - ended)}

    return asyncio.run(main())


BENCHMARKS = (
    Benchmark(
        "finished-log",
        finished,
        (
            Row(
                "`stream_log` over a finished log",
                "rate",
                "lines/s",
                "500,000 lines/s or more",
                f"{_FINISHED_LINES[PEER]:,} lines for metaflow's, "
                f"{_FINISHED_LINES[OURS]:,} for ours",
            ),
        ),
    ),
    Benchmark(
        "attach",
        attached,
        (
            Row(
                f"attach to a run with {_FINISHED_LINES[OURS]:,} lines: status and progress",
                "known",
                "s",
                "0.3 s or less",
            ),
            Row("the same, and all of its text", "read", "s"),
        ),
        whose=(OURS,),
    ),
    Benchmark(
        "latency",
        latency,
        (
            Row(
                "line printed → yielded, one each 50 ms, p50",
                "p50",
                "ms",
                note="the engine alone, through a pipe: {engine.p50:.1f} ms",
            ),
            Row(
                "the same, p99",
                "p99",
                "ms",
                "8 ms or less",
                "the engine alone, through a pipe: {engine.p99:.1f} ms",
            ),
        ),
        whose=(PEER, OURS, ENGINE),
    ),
    Benchmark(
        "burst",
        burst,
        (
            Row(
                "lines printed at once: the last is yielded after the run's end",
                "behind",
                "s",
                "0.1 s or less",
                f"{_BURST_LINES[PEER]:,} lines for metaflow's, {_BURST_LINES[OURS]:,} for ours",
            ),
        ),
    ),
)
