"""Panels whose page was suspended or offline, or whose notebook has another kernel."""

from __future__ import annotations

import pytest
from support.cells import LOAD, TICKING

from nbrunner.handles import attach

pytestmark = pytest.mark.slow

BACKGROUND = TICKING.replace("%%flowrun", "%%flowrun --bg")
SESSION = "window.jupyterapp.shell.currentWidget.sessionContext"
# Longer than JupyterLab waits before it connects again.
BACK_SECONDS = 40.0


def notes(lab):
    return lab.page.get_by_role("note").filter(has_text="not connected")


def until_notes(lab, count, text=""):
    both = notes(lab).filter(has_text=text)
    lab.until(lambda: both.count() == count, f"{count} notices: {text}")


def until_live(lab):
    """Wait until no panel is out of touch, and the log grows."""
    before = lab.panel().lines
    lab.until(lambda: notes(lab).count() == 0, "all panels to be connected", BACK_SECONDS)
    lab.until(lambda: lab.panel().lines > before, "more lines", BACK_SECONDS)


@pytest.fixture
def errors():
    return []


def two_panels(lab, errors):
    """Show a run in the background, and the table of runs."""
    lab.page.on("pageerror", lambda error: errors.append(str(error)))
    lab.execute(0, LOAD)
    lab.execute(1, BACKGROUND)
    lab.execute(2, "%flowruns")
    lab.panel().until_status("running")
    until_live(lab)


def stop(lab):
    lab.panel().button("Stop").click()
    lab.panel().until_status("stopped")


def test_a_connection_that_was_cut_is_made_again(wired, wire, errors):
    """E1: panels say that the connection is lost, and show all once it is back."""
    two_panels(wired, errors)
    wire.cut()
    until_notes(wired, 2, "lost its connection")
    wire.restore()
    until_live(wired)
    stop(wired)
    assert errors == []


def test_a_connection_that_fell_silent_is_noticed_and_opened_again(wired, wire, errors):
    """E1: a network that was changed leaves a connection that seems to be open."""
    two_panels(wired, errors)
    wire.silence()
    until_notes(wired, 1)
    until_live(wired)
    stop(wired)
    assert errors == []


def test_reconnect_opens_a_silent_connection_again(wired, wire, errors):
    two_panels(wired, errors)
    wire.silence()
    until_notes(wired, 1)
    wired.panel().button("Reconnect").click()
    until_live(wired)
    stop(wired)


def test_a_page_that_was_suspended_shows_what_has_happened(lab, errors):
    """E1: a run that ended while the page was frozen is shown to have ended."""
    two_panels(lab, errors)
    run = lab.panel().name.removeprefix("Run ")
    session = lab.page.context.new_cdp_session(lab.page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    attach(run).stop()
    session.send("Page.setWebLifecycleState", {"state": "active"})
    lab.panel().until_status("stopped", 5)
    assert notes(lab).count() == 0
    assert errors == []


def test_panels_follow_their_runs_in_the_kernel_that_a_notebook_is_changed_to(lab, errors):
    """E2: *Change kernel* leaves no panel behind."""
    two_panels(lab, errors)
    lab.page.evaluate(f"() => {SESSION}.changeKernel({{name: {SESSION}.session.kernel.name}})")
    lab.until(lab.is_idle, "the other kernel")
    until_notes(lab, 2, "run %load_ext nbrunner in the new kernel")
    lab.execute(0, LOAD)
    until_live(lab)
    stop(lab)
    assert errors == []


def test_panels_of_a_kernel_that_was_shut_down_continue_in_the_next_one(lab, errors):
    """E2: the notice says that there is no kernel, and Reconnect works once there is one."""
    two_panels(lab, errors)
    name = lab.page.evaluate(f"() => {SESSION}.session.kernel.name")
    lab.page.evaluate(f"() => {SESSION}.shutdown()")
    until_notes(lab, 2, "start a kernel")
    lab.panel().button("Reconnect").click()
    until_notes(lab, 2, "start a kernel")
    lab.page.evaluate(f"name => {SESSION}.changeKernel({{name}})", name)
    lab.until(lab.is_idle, "the next kernel")
    until_notes(lab, 2, "press Reconnect")
    lab.panel().button("Reconnect").click()
    until_live(lab)
    stop(lab)
    assert errors == []
