"""Shared by all benchmarks: one process per measurement, medians, a ticking loop."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

Figures = dict[str, float]

PEER, OURS, ENGINE = "metaflow", "nbrunner", "engine"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    what : str
    figure : str
        The name of the measured figure that it shows.
    unit : str
        ``"s"``, ``"ms"``, ``"lines/s"``, ``"MB"`` or ``""``.
    goal : str
    note : str
        May refer to other figures, as in ``{nbrunner.files}``.
    """

    what: str
    figure: str
    unit: str
    goal: str = ""
    note: str = ""


@dataclass(frozen=True)
class Benchmark:
    """A measurement, the sides that it compares, its rounds, and the rows of its figures.

    Attributes
    ----------
    name : str
    measure : callable
        Takes the name of a side (or ``"engine"``), returns figures; called in a fresh process in
        an empty folder.
    rows : tuple of Row
    rounds : int
        Each figure is the median of this many measurements, taken in turn.
    whose : tuple of str
    """

    name: str
    measure: Callable[[str], Figures]
    rows: tuple[Row, ...]
    rounds: int = 3
    whose: tuple[str, ...] = field(default=(PEER, OURS))


def runner_class(whose: str) -> Any:
    """Import and return one Runner or the other."""
    if whose == PEER:
        from metaflow import Runner
    else:
        from nbrunner import Runner
    return Runner


def write_flow(text: str) -> str:
    Path("flow.py").write_text(text)
    return "flow.py"


def measured_apart(benchmark: Benchmark, whose: str, folder: Path) -> Figures:
    """Measure once, in a new process and a new folder."""
    for part in ("work", "tmp", "home"):
        (folder / part).mkdir(parents=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("METAFLOW", "NBRUNNER", "PYTHON", "XDG"))
    } | {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "USER": "bench",
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder / "metaflow"),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.child", benchmark.name, whose],
        cwd=folder / "work",
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def medians(rounds: list[Figures]) -> Figures:
    return {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}


def percentile(values: list[float], percent: float) -> float:
    """Return a percentile of the values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def take_precedence() -> bool:
    """Give this process, not its children, real-time priority; return whether that is allowed.

    On a busy machine the loop of either side stalls because it gets no core.
    """
    policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
    try:
        os.sched_setscheduler(0, policy, os.sched_param(1))
    except OSError:
        return False
    return True


async def longest_stall(work: Callable[[], Awaitable[Any]]) -> float:
    """Do some work; return the longest time, in seconds, that the loop was blocked."""
    take_precedence()
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before - 0.001)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.05)
    longest = 0.0
    try:
        await work()
        await asyncio.sleep(0.005)
    finally:
        ticking.cancel()
    return longest
