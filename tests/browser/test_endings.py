"""Panels show how runs end: by themselves, by a button, or by a kill."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from support.cells import ANSWERED_SECONDS, LOAD

pytestmark = pytest.mark.slow

FAILS = """\
%%flowrun --no-pylint
from metaflow import FlowSpec, step

def share(total, parts):
    return total / parts

class FailFlow(FlowSpec):

    @step
    def start(self):
        print('about to divide')
        self.share = share(1, 0)
        self.next(self.end)

    @step
    def end(self):
        pass
"""

SLEEPS = """\
%%flowrun --bg --no-pylint
from metaflow import FlowSpec, step

class SleepFlow(FlowSpec):

    @step
    def start(self):
        import time
        print('asleep', flush=True)
        time.sleep(600)
        self.next(self.end)

    @step
    def end(self):
        pass
"""

DEAF = SLEEPS.replace(
    "class",
    "import signal\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\n"
    "class",
)

# The waits of this test take about ten seconds by default.
IMPATIENT = """\
import functools
running.async_stop = functools.partial(running.async_stop, 0.6, 0.6)
"""


def asleep(lab, panel):
    panel.until_status("running")
    log = panel.locator.get_by_role("log")
    lab.until(lambda: "asleep" in log.inner_text(), "the step")


def test_a_run_that_failed_timed_out_or_was_lost_says_so_and_is_resumed(lab, private_state):
    lab.execute(0, LOAD)
    lab.execute(1, FAILS)
    panel = lab.panel()
    panel.until_status("failed")
    lab.until(lambda: "exit code 1" in panel.locator.inner_text(), "how its process has ended")
    alert = panel.locator.get_by_role("alert")
    lab.until(alert.count, "why it failed")
    assert "step start, task 1" in alert.inner_text()
    assert "ZeroDivisionError: division by zero" in alert.inner_text()
    assert "return total / parts" in alert.inner_text()
    box, log = alert.bounding_box(), panel.locator.get_by_role("log").bounding_box()
    assert box["y"] + box["height"] <= log["y"]
    traceback = alert.locator("pre")
    assert traceback.is_hidden()
    alert.get_by_text("Traceback", exact=True).click()
    assert traceback.is_visible()
    assert "Traceback (most recent call last):" in traceback.inner_text()
    assert panel.button("Resume").is_enabled()
    assert not panel.button("Stop").count()

    lab.execute(2, SLEEPS)
    panel = lab.panel(1)
    asleep(lab, panel)
    assert not panel.button("Resume").count()
    lab.execute(0, "print((await running.wait(timeout=0.1)).status)")
    assert "timeout" in lab.page.locator(".jp-CodeCell").nth(0).inner_text()
    panel.until_status("timed out")
    assert panel.button("Resume").is_enabled()

    lab.execute(2, SLEEPS)
    asleep(lab, panel)
    newest = max(private_state.glob("runs/*/supervisor.json"))
    processes = json.loads(newest.read_text())
    for who in ("supervisor", "run"):
        os.kill(processes[who]["pid"], signal.SIGKILL)
    panel.until_status("lost")
    assert panel.button("Resume").is_enabled()
    assert not panel.locator.get_by_role("alert").count()
    lab.execute(0, "running.stop()")  # ends its step task, which has no supervisor any more


@pytest.mark.alone
def test_stop_tells_how_far_it_went_and_continue_ends_the_cell_alone(lab):
    lab.execute(0, LOAD)
    lab.execute(1, DEAF)
    panel = lab.panel()
    asleep(lab, panel)
    assert not panel.button("Continue in background").count(), "no cell waits"
    lab.execute(2, IMPATIENT)
    panel.locator.locator(".nbr-badge-detail").evaluate(
        "detail => { window.told = [];"
        " new MutationObserver(() => window.told.push(detail.textContent))"
        ".observe(detail, {childList: true, characterData: true, subtree: true}) }"
    )
    panel.button("Stop").click()
    assert panel.button("Stop").is_disabled()
    panel.until_status("stopped")
    told = [detail for detail in lab.page.evaluate("() => window.told") if detail]
    rungs = ["asked to stop", "terminating", "killed"]  # the last one works at once
    assert list(dict.fromkeys(told)) in (rungs[:2], rungs)
    assert panel.locator.locator(".nbr-badge-detail").inner_text() == ""

    lab.execute(1, SLEEPS.replace(" --bg", ""), wait=False)
    asleep(lab, panel)
    assert panel.button("Continue in background").is_enabled()
    began = time.monotonic()
    panel.button("Continue in background").click()
    lab.until(lambda: "*" not in lab.prompt(1), "the end of the cell")
    continued = time.monotonic() - began
    lab.until(lambda: not panel.button("Continue in background").count(), "the button to go")
    lab.execute(2, "print(running.pathspec, running.status, run.pathspec == running.pathspec)")
    said = lab.page.locator(".jp-CodeCell").nth(2).locator(".jp-OutputArea-output").inner_text()
    name, *facts = said.split()
    assert panel.name == f"Run {name}" and name.startswith("SleepFlow/")
    assert facts == ["running", "True"]
    assert panel.status == "running"
    began = time.monotonic()
    panel.button("Stop").click()
    panel.until_status("stopped")
    stopped = time.monotonic() - began
    print(f"continued in {continued:.2f} s, stopped in {stopped:.2f} s")
    assert max(continued, stopped) < ANSWERED_SECONDS


def test_a_panel_whose_kernel_is_gone_says_so_and_the_next_kernel_takes_the_run_up(lab):
    lab.execute(0, LOAD)
    lab.execute(1, SLEEPS.replace("'asleep'", "'line\\n' * 5000"))
    panel = lab.panel()
    lab.until(lambda: panel.lines > 5000, "a long log")
    told = panel.locator.get_by_role("note").filter(has_text="kernel")
    assert told.count() == 0
    lab.restart()
    lab.until(told.count, "what has become of the panel")
    assert "%load_ext nbrunner in the new kernel" in told.inner_text()
    stop = panel.button("Stop")
    assert stop.get_attribute("aria-disabled") == "true"
    stop.click(force=True)  # like a user who does not see that it is disabled
    assert stop.inner_text() == "Stop", "nothing is waited for"
    icons = "[...document.querySelectorAll('.jupyter-widgets-disconnected')].map("
    icons += "each => getComputedStyle(each, '::before').content)"
    assert set(lab.page.evaluate(icons)) <= {"none"}, "no broken link beside it"
    # Missing lines are not requested, as there is no kernel to answer.
    said_there: list[str] = []
    lab.page.on("console", lambda message: said_there.append(message.text))
    log = panel.locator.get_by_role("log")
    middle = "pane => { pane.scrollTop = pane.scrollHeight / 2; }"
    log.evaluate(middle)
    drawn = log.locator(".nbr-log-row").first
    lab.until(lambda: 2000 < int(drawn.get_attribute("data-line")) < 3000, "the middle")
    lab.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 200)))")
    assert [text for text in said_there if "lines of the log" in text] == []
    lab.execute(0, LOAD)
    lab.execute(2, "%flowstop")
    said = lab.page.locator(".jp-CodeCell").nth(2).locator(".jp-OutputArea-output").inner_text()
    assert said.startswith("The latest %flowrun of this kernel is not active. Others are: ")
    lab.execute(2, "%flowstop all")
    said = lab.page.locator(".jp-CodeCell").nth(2).locator(".jp-OutputArea-output").inner_text()
    assert "stopped after SIGINT" in said
