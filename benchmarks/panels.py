"""How many panels differ from their kernel, in slow pages and after interruptions.

``python -m benchmarks.panels [--panels 10 100] [--throttle 1 6 20] [--tries 5]
[--only run reload suspend cut] [--suspend 60] [--cut 20]``

A notebook in JupyterLab in Chromium shows one run in many panels. Each scenario changes what the
kernel has: ``run`` runs all cells right after opening; ``reload`` opens the saved notebook again;
in ``suspend`` the run ends while the page is frozen; in ``cut`` while its connections to the server
are closed. The CPU of the page is throttled by the DevTools protocol. Takes minutes for each try.

The table counts panels that differ from the kernel 5 s after the page is idle ("wrong"), those
that do once they are scrolled to ("out of sight"), and uncaught errors of the page. "Idle" is the
median time until the page has all panels and nothing to do; "heap" is what each panel adds to the
JavaScript heap of a page that was reloaded.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from support.lab import NotebookPage, opened
from support.panel_states import WAITING, looked_at, run_all, settled, throttle, until_run
from support.wire import Wire

SECONDS = 5.0
_HEAD = "| panels | CPU | what | tries | wrong | out of sight | page errors | idle | heap | load |"
_LIMIT_MS = 600_000
_DRAWN_MS = 180_000
_DRAWN = "number => document.querySelectorAll('.nbrunner-panel').length >= number"


@dataclass
class Figures:
    """What one scenario has shown."""

    wrong: int
    out_of_sight: int
    errors: int
    idle_seconds: float
    heap_bytes: float | None = None


@dataclass(frozen=True)
class Setting:
    """What is measured: how many panels, how many times slower, for how many seconds."""

    panels: int
    rate: int
    suspend: float
    cut: float


class Sitting:
    """A notebook with many panels, in a page of a slow machine."""

    def __init__(self, lab: NotebookPage, wire: Wire, setting: Setting) -> None:
        self.lab, self.wire, self.setting = lab, wire, setting
        self.panels = setting.panels
        self._session = lab.page.context.new_cdp_session(lab.page)
        self._errors: list[str] = []
        lab.page.on("pageerror", lambda error: self._errors.append(str(error)))

    def run(self) -> Figures:
        with self._throttled():
            began = time.monotonic()
            run_all(self.lab, self.panels)
            until_run(self.lab, self.panels, _LIMIT_MS / 1000)
            return self._figures(began)

    def reload(self) -> Figures:
        run_all(self.lab, self.panels)
        until_run(self.lab, self.panels, _LIMIT_MS / 1000)
        settled(self.lab, self.panels, _LIMIT_MS / 1000)
        self.lab.save()
        with self._throttled():
            began = time.monotonic()
            self.lab.page.reload(wait_until="commit")
            return self._figures(began)

    def suspend(self) -> Figures:
        with self._throttled():
            end = self._waiting_run()
            self._session.send("Page.setWebLifecycleState", {"state": "frozen"})
            end()
            time.sleep(self.setting.suspend)
            self._session.send("Page.setWebLifecycleState", {"state": "active"})
            return self._figures(time.monotonic())

    def cut(self) -> Figures:
        with self._throttled():
            end = self._waiting_run()
            self.wire.cut()
            end()
            time.sleep(self.setting.cut)
            self.wire.restore()
            began = time.monotonic()
            self.lab.until(self.lab.is_idle, "the connection", 120)
            return self._figures(began)

    # -- parts of scenarios ------------------------------------------------------------------

    def _waiting_run(self) -> Callable[[], object]:
        """Show an active run; return the function that makes it end."""
        go = Path(self.lab.state).parent / "go"
        go.unlink(missing_ok=True)
        run_all(self.lab, self.panels, WAITING)
        until_run(self.lab, self.panels, _LIMIT_MS / 1000)
        return go.touch

    def _figures(self, began: float) -> Figures:
        """Wait until the page has its panels and is idle; look at them, and scroll to each."""
        page = self.lab.page
        with contextlib.suppress(PlaywrightTimeoutError):  # those that are missing are wrong
            page.wait_for_function(_DRAWN, arg=self.panels, timeout=_DRAWN_MS)
        page.evaluate("() => new Promise(done => requestIdleCallback(() => done()))")
        idle = time.monotonic() - began
        heap = self._heap()
        wrong = settled(self.lab, self.panels, SECONDS)
        unseen = looked_at(self.lab, self.panels, SECONDS)
        for each in [*wrong, *unseen][:3]:
            print(f"    {each}", file=sys.stderr)
        for error in self._errors[:3]:
            print(f"    {error}", file=sys.stderr)
        return Figures(len(wrong), len(unseen), len(self._errors), idle, heap)

    def _heap(self) -> float:
        self._session.send("HeapProfiler.collectGarbage")
        return float(self._session.send("Runtime.getHeapUsage")["usedSize"])

    @contextmanager
    def _throttled(self) -> Iterator[None]:
        throttle(self.lab, self.setting.rate)
        yield
        throttle(self.lab, 1)


SCENARIOS = {
    each.__name__: each for each in (Sitting.run, Sitting.reload, Sitting.suspend, Sitting.cut)
}


def measure(name: str, setting: Setting) -> Figures:
    """Return the figures of one scenario, in a new JupyterLab and a new browser."""
    with opened(cells=setting.panels + 1) as lab, Wire.to(lab.address) as wire:
        lab.page.set_default_timeout(_LIMIT_MS)
        lab.address = wire.address
        lab.open()
        sitting = Sitting(lab, wire, setting)
        empty = sitting._heap()
        found = SCENARIOS[name](sitting)
        assert found.heap_bytes is not None
        found.heap_bytes = (found.heap_bytes - empty) / setting.panels
        return found


def row(name: str, setting: Setting, tries: list[Figures]) -> str:
    """Return a line of the table."""
    cells: list[Any] = [
        *(setting.panels, f"1/{setting.rate}", name, len(tries)),
        sum(each.wrong for each in tries),
        sum(each.out_of_sight for each in tries),
        sum(each.errors for each in tries),
        f"{statistics.median(each.idle_seconds for each in tries):.1f} s",
        f"{statistics.median(each.heap_bytes or 0 for each in tries) / 1e6:.2f} MB",
        f"{os.getloadavg()[0]:.1f}",
    ]
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.panels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--panels", type=int, nargs="+", default=[10])
    parser.add_argument("--throttle", type=int, nargs="+", default=[6])
    parser.add_argument("--tries", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--suspend", type=float, default=60.0, help="seconds")
    parser.add_argument("--cut", type=float, default=20.0, help="seconds")
    given = parser.parse_args()
    print(f"{_HEAD}\n|{'---|' * _HEAD.count(' | ')}---|", flush=True)
    for panels, rate in itertools.product(given.panels, given.throttle):
        setting = Setting(panels, rate, given.suspend, given.cut)
        for name in given.only:
            tries = [measure(name, setting) for _ in range(given.tries)]
            print(row(name, setting, tries), flush=True)


if __name__ == "__main__":
    main()
