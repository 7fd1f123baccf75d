"""How many panels are wrong, and how many errors there are, in pages of slow machines.

``python -m benchmarks.slow_pages [--panels 10 30] [--rates 1 6 20] [--tries 3]``: Run All right
after opening, then a reload, of a notebook in JupyterLab in Chromium, whose CPU is throttled by
the DevTools protocol. Takes minutes for each line.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.lab import NotebookPage, opened
from support.panel_states import run_all, settled, throttle, until_run

_SECONDS = 5.0


def _idle(lab: NotebookPage, panels: int) -> None:
    """Wait until all cells have run and the page has time for what is not urgent."""
    until_run(lab, panels, 600)
    lab.page.evaluate("() => new Promise(done => requestIdleCallback(() => done()))")


def measure(panels: int, rate: int) -> tuple[int, int, int, float]:
    """Return panels that are wrong after Run All and after a reload, errors, seconds to open."""
    errors: list[str] = []
    with opened(cells=panels + 1) as lab:
        lab.page.set_default_timeout(300_000)
        lab.page.on("pageerror", lambda error: errors.append(str(error)))
        throttle(lab, rate)
        run_all(lab, panels)
        _idle(lab, panels)
        after_run = len(settled(lab, panels, _SECONDS))
        throttle(lab, 1)
        lab.save()
        throttle(lab, rate)
        began = time.monotonic()
        lab.page.reload()
        lab.page.wait_for_selector(".jp-Notebook .jp-CodeCell .cm-content")
        lab.page.locator(".nbrunner-panel").nth(panels - 1).wait_for(state="attached")
        lab.page.evaluate("() => new Promise(done => requestIdleCallback(() => done()))")
        took = time.monotonic() - began
        after_reload = len(settled(lab, panels, _SECONDS))
        throttle(lab, 1)
    return after_run, after_reload, len(errors), took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panels", type=int, nargs="+", default=[10, 30])
    parser.add_argument("--rates", type=int, nargs="+", default=[1, 6, 20])
    parser.add_argument("--tries", type=int, default=1)
    given = parser.parse_args()
    print("| panels | CPU | wrong after Run All | wrong after reload | page errors | reload |")
    print("|---|---|---|---|---|---|")
    for panels in given.panels:
        for rate in given.rates:
            for _ in range(given.tries):
                run, reload, errors, took = measure(panels, rate)
                print(
                    f"| {panels} | 1/{rate} | {run} | {reload} | {errors} | {took:.1f} s |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
