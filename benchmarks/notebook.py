"""The cost of panels in JupyterLab in Chromium: ``python -m benchmarks.notebook``."""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.board_figures import board_figures
from support.lab import opened
from support.log_figures import flood_figures, size_figures
from support.watching_figures import LINES, watching_figures

# The figure, its text, its unit, and the goal in that unit, if there is one.
ROWS = {
    "open seconds": ("1,000,000 lines: until the last one shows", "s", 1.0, 1.0),
    "position seconds": ("the same: any position", "s", 1.0, 0.2),
    "search seconds": ("the same: a search answered", "s", 1.0, 1.0),
    "heap bytes": ("the same: the browser's heap compared with an empty panel", "MB", 1e-6, 50.0),
    "wire bytes a second": ("100,000 lines a second: on the wire", "MB/s", 1e-6, 1.0),
    "caught up seconds": ("the same: the last line shows after the flood", "s", 1.0, 1.0),
    "successful": ("100 runs at once under one board: successful", "runs", 1.0, 100.0),
    "seconds": ("the same: until the last has ended", "s", 1.0, None),
    "cpu": ("the same: the kernel's share of a core", "%", 100.0, 15.0),
    "messages a second": ("the same: messages on the wire", "/s", 1.0, 20.0),
    "short alone": ("two steps without work, without a panel", "s", 1.0, None),
    "short watched": ("the same with its panel in sight", "s", 1.0, None),
    "printing alone": (f"a step that prints {LINES:,} lines, without a panel", "s", 1.0, None),
    "printing watched": ("the same with its panel in sight", "s", 1.0, None),
    "printing bytes": ("the same: on the wire", "MB/s", 1e-6, 1.0),
    "stop seconds": ("a click on Stop, while the cell waits, until it is done", "s", 1.0, 1.0),
    "continue seconds": ("the same with Continue in background", "s", 1.0, 1.0),
}


MEASURES = (size_figures, flood_figures, board_figures, watching_figures)


def main() -> None:
    """Measure in turn, each round in a fresh JupyterLab, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        for measure in MEASURES:
            with opened() as lab:
                figures = measure(lab)
            print(f"{number + 1}/{rounds}", figures, file=sys.stderr)
            for name, value in figures.items():
                found.setdefault(name, []).append(value)
    print("| what | measured | goal | n |\n|---|---|---|---|")
    for name, (what, unit, factor, goal) in ROWS.items():
        value = statistics.median(found[name]) * factor
        aim = "" if goal is None else f"{goal:g} {unit}"
        print(f"| {what} | {value:.3g} {unit} | {aim} | {rounds} |")


if __name__ == "__main__":
    main()
