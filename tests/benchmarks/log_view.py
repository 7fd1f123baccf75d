"""What a log costs in JupyterLab in Chromium: ``python -m tests.benchmarks.log_view``."""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.lab import opened
from support.log_figures import flood_figures, size_figures

# What is measured, as what it is told, its unit, and the goal in that unit.
ROWS = {
    "open seconds": ("1,000,000 lines: until the last one shows", "s", 1.0, 1.0),
    "position seconds": ("the same: any position", "s", 1.0, 0.2),
    "search seconds": ("the same: a search answered", "s", 1.0, 1.0),
    "heap bytes": ("the same: the browser's heap beside an empty panel's", "MB", 1e-6, 50.0),
    "wire bytes a second": ("100,000 lines a second: on the wire", "MB/s", 1e-6, 1.0),
    "caught up seconds": ("the same: the last line shows after the flood", "s", 1.0, 1.0),
}


def main() -> None:
    """Measure in turn, each round in a fresh JupyterLab, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        for measure in (size_figures, flood_figures):
            with opened() as lab:
                figures = measure(lab)
            print(f"{number + 1}/{rounds}", figures, file=sys.stderr)
            for name, value in figures.items():
                found.setdefault(name, []).append(value)
    print("| what | measured | goal | n |\n|---|---|---|---|")
    for name, (what, unit, factor, goal) in ROWS.items():
        value = statistics.median(found[name]) * factor
        print(f"| {what} | {value:.2g} {unit} | {goal:g} {unit} | {rounds} |")


if __name__ == "__main__":
    main()
