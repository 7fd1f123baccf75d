"""Compares panels with the state of their kernel, in a page of adjustable slowness."""

from __future__ import annotations

import time
from typing import Any

from support.lab import NotebookPage

QUICK = """\
%%flowrun --no-pylint
from metaflow import FlowSpec, step

class QuickFlow(FlowSpec):

    @step
    def start(self):
        print('line\\n' * 30)
        self.next(self.end)

    @step
    def end(self):
        print('the end')
"""
# The same, but it runs until there is a file "go" in the kernel's directory.
WAITING = QUICK.replace("%%flowrun", "%%flowrun --bg").replace(
    "        self.next(self.end)",
    """\
        import os, time
        while not os.path.exists('go'):
            time.sleep(0.1)
        self.next(self.end)""",
)
ANOTHER = "from nbrunner.jupyter.panels import RunPanel; display(RunPanel(running))"

# Seldom: a slow page could do nothing else between frequent checks.
_LOOK_MS = 500

# A log that is out of view draws its rows when it is scrolled into view.
_SHOWN = """() => [...document.querySelectorAll('.nbrunner-panel')].map(panel => ({
  status: panel.querySelector('[role=status]')?.textContent,
  lines: panel.querySelector('.nbr-log-count')?.textContent,
  steps: [...panel.querySelectorAll('.nbr-step')].map(step => step.dataset.state),
  log: !panel.querySelector('.nbr-log-pane')?.checkVisibility({contentVisibilityAuto: true})
    || panel.querySelector('.nbr-log-rows').textContent.includes('the end'),
  note: panel.querySelector('.nbr-note')?.textContent ?? '',
}))"""

_SHOW = """number => document.querySelectorAll('.nbrunner-panel .nbr-log-pane')[number]
  ?.scrollIntoView({block: 'center'})"""


def throttle(lab: NotebookPage, rate: int) -> None:
    """Make the page's CPU slower by a factor."""
    session = lab.page.context.new_cdp_session(lab.page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": rate})


def run_all(lab: NotebookPage, panels: int, flow: str = QUICK) -> None:
    """Write and run a cell that runs a flow, and others that show the same run."""
    cells = ["%load_ext nbrunner", flow, *[ANOTHER] * (panels - 1)]
    lab.page.evaluate(
        "cells => { const app = window.jupyterapp;"
        " const notebook = app.shell.currentWidget.content;"
        " cells.forEach((text, at) => notebook.widgets[at].model.sharedModel.setSource(text));"
        " void app.commands.execute('notebook:run-all-cells') }",
        cells,
    )


def wrong(lab: NotebookPage, panels: int) -> list[dict[str, Any]]:
    """Return the faults of panels, whose run was successful and printed 40 lines."""
    right = {"status": "successful", "steps": ["done", "done"], "log": True, "note": ""}
    shown = lab.page.evaluate(_SHOWN)
    found = [
        each
        for each in shown
        if any(each[name] != value for name, value in right.items())
        or not str(each["lines"]).startswith("4")
    ]
    return found + [{"missing": number} for number in range(len(shown), panels)]


def settled(lab: NotebookPage, panels: int, seconds: float) -> list[dict[str, Any]]:
    """Wait until all panels are right, up to a time limit; return what is still wrong."""
    began = time.monotonic()
    while (found := wrong(lab, panels)) and time.monotonic() - began < seconds:
        lab.page.wait_for_timeout(_LOOK_MS)
    return found


def looked_at(lab: NotebookPage, panels: int, seconds: float) -> list[dict[str, Any]]:
    """Scroll each panel's log into view; return the panels that are wrong then."""
    found = []
    for number in range(panels):
        lab.page.evaluate(_SHOW, number)
        found += [each for each in settled(lab, panels, seconds) if each not in found]
    return found


def until_run(lab: NotebookPage, panels: int, seconds: float) -> None:
    """Wait until the cells of `run_all` have been executed."""
    began = time.monotonic()
    while not (prompt := lab.prompt(panels)) or "*" in prompt:
        assert time.monotonic() - began < seconds, f"cell {panels} has not run: {prompt!r}"
        lab.page.wait_for_timeout(_LOOK_MS)
