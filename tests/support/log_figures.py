"""The cost of a log of a million lines in JupyterLab, for a test and a benchmark."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from support.lab import NotebookPage

LINES = 1_000_000

FLOW = """\
%%flowrun --quiet --no-pylint
from metaflow import FlowSpec, step

class LinesFlow(FlowSpec):

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""

# Like a task's output, 80 bytes per line, without the minute that Metaflow would take.
FILL = """\
ended = running
prefix = f'2026-11-24 12:00:00.000 [{ended.attributes["run_id"]}/start/1 (pid 17)] '
with open(ended.directory.log('stdout'), 'a') as log:
    for n in range(LINES):
        log.write(f'{prefix}line {n:>8,} {n * 2654435761 % 2**32:>12}\\n')
""".replace("LINES", str(LINES))

LIVE = """\
%%flowrun --bg --no-pylint
from metaflow import FlowSpec, step

class WaitingFlow(FlowSpec):

    @step
    def start(self):
        import time
        time.sleep(600)
        self.next(self.end)

    @step
    def end(self):
        pass
"""

# Another program writes 100,000 lines a second into the run's log.
WRITE = """\
import subprocess, sys
writer = subprocess.Popen([sys.executable, '-c', '''
import sys, time
began, written = time.monotonic(), 0
with open(sys.argv[1], 'a', buffering=1 << 20) as log:
    while (passed := time.monotonic() - began) < 6:
        while written < passed * 100_000:
            log.write(f'line {written} of what a busy task prints, with some words more\\\\n')
            written += 1
        log.flush()
        time.sleep(0.01)
''', str(running.directory.log('stderr'))])
"""


def heap_bytes(page: Any) -> int:
    """Return the heap of the page's JavaScript in bytes, after a garbage collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return int(used)


def size_figures(lab: NotebookPage) -> dict[str, float]:
    """Open, scroll and search a log of a million lines; return seconds, and bytes of heap."""
    lab.execute(0, "%load_ext nbrunner")
    lab.execute(1, FLOW)
    lab.execute(2, "running")
    lab.panel().until_status("successful")
    empty = heap_bytes(lab.page)
    lab.execute(2, FILL)
    figures: dict[str, float] = {}
    log = lab.page.get_by_role("log", name="Log")

    began = time.monotonic()
    lab.execute(2, "from nbrunner import attach; attach(ended.pathspec)", wait=False)
    lab.until(lambda: log.count() and f"line  {LINES - 1:,}" in log.inner_text(), "the last line")
    figures["open seconds"] = time.monotonic() - began
    panel = lab.panel()
    lab.until(lambda: panel.lines > LINES, "the count of all lines")
    figures["counted seconds"] = time.monotonic() - began

    for place in (0.5, 0.25, 0.75):
        began = time.monotonic()
        log.evaluate("(pane, place) => { pane.scrollTop = pane.scrollHeight * place }", place)
        lab.until(partial(_shows, log, LINES * place), "the lines there")
        took = time.monotonic() - began
        figures["position seconds"] = max(figures.get("position seconds", 0.0), took)

    began = time.monotonic()
    panel.locator.get_by_role("searchbox", name="Search log").fill("777,777")
    lab.until(lambda: panel.locator.get_by_text("1 match", exact=True).count(), "the match")
    figures["search seconds"] = time.monotonic() - began
    figures["heap bytes"] = heap_bytes(lab.page) - empty
    return figures


def _shows(log: Any, number: float) -> bool:
    """Return whether the lines near a number are drawn, and none is missing."""
    rows = log.locator(".nbr-log-row").all_inner_texts()
    numbers = [
        int(row.split("line")[1].split()[0].replace(",", "")) for row in rows if "line" in row
    ]
    return bool(numbers) and len(numbers) == len(rows) and abs(numbers[0] - number) < LINES / 50


def flood_figures(lab: NotebookPage) -> dict[str, float]:
    """Watch a log that grows by 100,000 lines per second; return bytes per second on the wire."""
    received = lab.open_heard()
    lab.execute(0, "%load_ext nbrunner")
    lab.execute(1, LIVE)
    panel = lab.panel()
    panel.until_status("running")
    before = panel.lines
    lab.execute(2, WRITE)
    lab.until(lambda: panel.lines > before + 1000, "the flood")
    began = time.monotonic()
    lab.execute(2, "writer.wait()", wait=False)
    lab.until(lambda: "*" not in lab.prompt(2), "the end of the flood")
    ended = time.monotonic()
    size = sum(length for when, length in received if began <= when <= ended)
    lab.until(lambda: panel.lines > before + 590_000, "the last line")
    caught_up = time.monotonic() - ended
    panel.button("Stop").click()
    panel.until_status("stopped")
    return {"wire bytes a second": size / (ended - began), "caught up seconds": caught_up}
