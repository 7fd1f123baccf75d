"""The cost of a visible panel for its run, and the time until a click is answered."""

from __future__ import annotations

import statistics
import time

from support.lab import NotebookPage
from support.log_figures import LIVE

# The number of runs of each kind, watched and not, in turn.
TURNS = 3
LINES = 50_000

FLOW = """\
from metaflow import FlowSpec, Parameter, step

class WatchedFlow(FlowSpec):

    lines = Parameter('lines', default=0)

    @step
    def start(self):
        for number in range(self.lines):
            print('line', number, 'of what a busy task prints, with some words more')
        self.next(self.end)

    @step
    def end(self):
        pass
"""

LASTING = LIVE.replace("--bg", "--no-raise-error")


def watching_figures(lab: NotebookPage) -> dict[str, float]:
    """Run the same flow with a visible panel and without one.

    Returns
    -------
    dict
        ``short watched`` and ``short alone``, of a run of two steps, ``printing watched`` and
        ``printing alone``, of one that prints `LINES` lines: seconds from start to end, medians.
        ``printing bytes``: on the wire, a second, while it prints. ``stop seconds`` and
        ``continue seconds``: from a click, while the cell waits, until it is done.
    """
    received = lab.open_heard()
    lab.execute(0, "%load_ext nbrunner")
    took: dict[str, list[float]] = {}
    rates: list[float] = []
    _seconds(lab, 0, "--quiet")  # the warm interpreter is ready
    for _ in range(TURNS):
        for what, lines in (("short", 0), ("printing", LINES)):
            for how, option in (("alone", "--quiet"), ("watched", "--panel")):
                began = time.monotonic()
                took.setdefault(f"{what} {how}", []).append(_seconds(lab, lines, option))
                if lines and how == "watched":
                    size = sum(length for when, length in received if when >= began)
                    rates.append(size / (time.monotonic() - began))
    figures = {name: statistics.median(values) for name, values in took.items()}
    figures["printing bytes"] = max(rates)
    figures["continue seconds"] = _until_clicked(lab, "Continue in background", "running")
    figures["stop seconds"] = _until_clicked(lab, "Stop", "stopped")
    return figures


def _seconds(lab: NotebookPage, lines: int, option: str) -> float:
    """Run the flow once; return the time that took, in seconds.

    In the background, because a waiting cell without a panel would print the lines.
    """
    lab.execute(1, f"%%flowrun --bg {option} --no-pylint run --lines {lines}\n{FLOW}")
    lab.execute(2, "await running; print('TOOK', running.status, running.elapsed_seconds)")
    output = lab.page.locator(".jp-CodeCell").nth(2).locator(".jp-OutputArea-output")
    lab.until(lambda: "TOOK" in "".join(output.all_inner_texts()), "the time that it took")
    status, seconds = "".join(output.all_inner_texts()).split()[1:3]
    assert status == "successful"
    return float(seconds)


def _until_clicked(lab: NotebookPage, button: str, status: str) -> float:
    """Press a button while the cell waits; return the seconds until the state is shown."""
    lab.execute(1, LASTING, wait=False)
    panel = lab.panel()
    panel.until_status("running")
    lab.until(panel.button(button).is_enabled, button)
    began = time.monotonic()
    panel.button(button).click()
    lab.until(lambda: "*" not in lab.prompt(1) and lab.prompt(1), "the end of the cell")
    panel.until_status(status)
    took = time.monotonic() - began
    lab.execute(2, "running.stop()")
    return took
