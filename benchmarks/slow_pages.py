"""How many panels are wrong, and how many errors there are, in pages of slow machines.

``python -m benchmarks.slow_pages [--panels 10 30] [--rates 1 6 20] [--tries 3]``: Run All right
after opening, then a reload, of a notebook in JupyterLab in Chromium, whose CPU is throttled by
the DevTools protocol. Takes minutes for each line.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.lab import NotebookPage, opened
from support.panel_states import looked_at, run_all, settled, throttle, until_run

_SECONDS = 5.0


_PATIENCE_SECONDS = 900.0
_LIMIT_MS = 600_000


@dataclass
class Figures:
    """Panels that are wrong, and seconds until the page had nothing to do."""

    wrong: int = 0
    out_of_sight: int = 0
    seconds: float = 0.0


def _take(lab: NotebookPage, panels: int, began: float) -> Figures:
    """Wait until the page is idle and look at its panels, those out of sight as well."""
    lab.page.evaluate("() => new Promise(done => requestIdleCallback(() => done()))")
    seconds = time.monotonic() - began
    wrong = settled(lab, panels, _SECONDS)
    return Figures(len(wrong), len(looked_at(lab, panels, _SECONDS)), seconds)


def measure(panels: int, rate: int) -> tuple[Figures, Figures, int]:
    """Return the figures of Run All and of a reload, and how many page errors there were."""
    errors: list[str] = []
    with opened(cells=panels + 1) as lab:
        lab.page.set_default_timeout(_LIMIT_MS)
        lab.page.on("pageerror", lambda error: errors.append(str(error)))
        throttle(lab, rate)
        began = time.monotonic()
        run_all(lab, panels)
        until_run(lab, panels, _PATIENCE_SECONDS)
        run = _take(lab, panels, began)
        throttle(lab, 1)
        lab.save()
        throttle(lab, rate)
        began = time.monotonic()
        lab.page.reload(wait_until="commit")
        lab.page.locator(".nbrunner-panel").nth(panels - 1).wait_for(state="attached")
        reload = _take(lab, panels, began)
        throttle(lab, 1)
    return run, reload, len(errors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panels", type=int, nargs="+", default=[10, 30])
    parser.add_argument("--rates", type=int, nargs="+", default=[1, 6, 20])
    parser.add_argument("--tries", type=int, default=1)
    given = parser.parse_args()
    print("Wrong: 5 s after the page is idle, and once each panel was scrolled to.")
    print("| panels | CPU | load | Run All: wrong | idle | reload: wrong | idle | page errors |")
    print("|---|---|---|---|---|---|---|---|")
    for panels in given.panels:
        for rate in given.rates:
            for _ in range(given.tries):
                run, reload, errors = measure(panels, rate)
                print(
                    f"| {panels} | 1/{rate} | {os.getloadavg()[0]:.1f} "
                    f"| {run.wrong}, {run.out_of_sight} | {run.seconds:.0f} s "
                    f"| {reload.wrong}, {reload.out_of_sight} | {reload.seconds:.0f} s "
                    f"| {errors} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
