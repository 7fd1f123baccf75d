"""``python -m benchmarks``: measures both sides and prints the table as Markdown."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

from benchmarks.measuring import (
    OURS,
    PEER,
    Benchmark,
    Figures,
    Row,
    measured_apart,
    medians,
)
from benchmarks.topics import BENCHMARKS

_HEAD = (
    "| what | metaflow's Runner | nbrunner | ours / theirs | goal | note |\n"
    "|---|---|---|---|---|---|"
)


def main() -> None:
    arguments = parse()
    chosen = [each for each in BENCHMARKS.values() if each.name in (arguments.only or BENCHMARKS)]
    print(f"{facts()}\n\n{_HEAD}", flush=True)
    with tempfile.TemporaryDirectory(prefix="nbrunner-bench-") as folder:
        for benchmark in chosen:
            found = measured(benchmark, arguments.rounds or benchmark.rounds, Path(folder))
            for row in benchmark.rows:
                print(line(row, found, arguments.rounds or benchmark.rounds), flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS)
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="measurements of each, in turn")
    return parser.parse_args()


def facts() -> str:
    """Return a description of the machine and of the measurements."""
    cores = len(os.sched_getaffinity(0))
    versions = (
        f"Python {platform.python_version()}, metaflow {importlib.metadata.version('metaflow')}"
    )
    stalls = (
        "Stalls and `to_thread`:\nthe measuring process, not its children, with real-time priority."
        if measured_with_precedence()
        else "Stalls and `to_thread`:\nwithout real-time priority, so other load shows in them."
    )
    return (
        f"{platform.system()}, {cores} cores, {versions}, nbrunner "
        f"{importlib.metadata.version('nbrunner')}. Medians of n measurements taken in turn, each\n"
        "in a fresh process; bytecode cached (PYTHONDONTWRITEBYTECODE unset); local metadata and\n"
        f"datastore; `pylint=False`. {stalls}"
    )


def measured_with_precedence() -> bool:
    """Return whether a measuring process may get real-time priority."""
    command = "import sys; from benchmarks.measuring import take_precedence as take; "
    done = subprocess.run([sys.executable, "-c", f"{command} sys.exit(not take())"], check=False)
    return done.returncode == 0


def measured(benchmark: Benchmark, rounds: int, folder: Path) -> dict[str, Figures]:
    """Measure the sides in turn, so that other load affects all of them."""
    found: dict[str, list[Figures]] = {whose: [] for whose in benchmark.whose}
    for number in range(rounds):
        for whose in benchmark.whose:
            print(f"{benchmark.name} {number + 1}/{rounds} {whose}", end=" ... ", file=sys.stderr)
            sys.stderr.flush()
            place = folder / f"{benchmark.name}-{number}-{whose}"
            figures = measured_apart(benchmark, whose, place)
            shutil.rmtree(place, ignore_errors=True)
            found[whose].append(figures)
            print(", ".join(_figures(figures)), file=sys.stderr)
    return {whose: medians(each) for whose, each in found.items()}


def _figures(figures: Figures) -> Iterator[str]:
    for key, value in figures.items():
        yield f"{key} {value:.4g}"


def line(row: Row, found: dict[str, Figures], rounds: int) -> str:
    """Return a row of the table."""
    ours = found[OURS][row.figure]
    theirs = found[PEER][row.figure] if PEER in found else None
    note = row.note.format(**{whose: SimpleNamespace(**each) for whose, each in found.items()})
    cells = [
        row.what,
        "" if theirs is None else shown(theirs, row.unit),
        shown(ours, row.unit),
        "" if theirs is None else ratio(ours, theirs),
        row.goal,
        "; ".join(part for part in (note, f"n={rounds}") if part),
    ]
    return f"| {' | '.join(cells)} |"


def shown(value: float, unit: str) -> str:
    digits = 0 if value == int(value) or abs(value) >= 100 else 2 if abs(value) < 10 else 1
    return f"{value:,.{digits}f} {unit}".strip()


def ratio(ours: float, theirs: float) -> str:
    if theirs <= 0:
        return "same" if ours == theirs else "-"
    value = ours / theirs
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


if __name__ == "__main__":
    main()
