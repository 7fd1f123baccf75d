"""Panels in slow pages, and of kernels that restart or do not answer."""

from __future__ import annotations

import pytest
from support.cells import LOAD, TICKING
from support.lab import NotebookPage, browser_environment, jupyter, write_notebook
from support.panel_states import QUICK, looked_at, run_all, settled, throttle, until_run

pytestmark = pytest.mark.slow

# As if ipywidgets' manager had waited 4 s for the states of all models: then it requests each.
IMPATIENT = """const later = window.setTimeout;
window.setTimeout = (call, ms, ...given) => later(call, ms === 4000 ? 0 : ms, ...given)"""

BADGE = """from nbrunner.jupyter.widgets import StatusBadge
StatusBadge(status='timed out')"""
# Blocks the kernel's main thread, unlike `await running.wait()`.
WAITS = """import time
while running.status == 'running': time.sleep(0.05)"""


@pytest.fixture
def many(tmp_path, private_state, browser):
    """A notebook with a cell for each of ten panels."""
    write_notebook(tmp_path / "notebook.ipynb", *[""] * 11)
    with jupyter("jupyterlab", tmp_path, browser_environment(private_state)) as address:
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.set_default_timeout(120_000)
        yield NotebookPage(page, address, "doc/tree/notebook.ipynb").open()
        page.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("panels", "rate"), [(10, 1), (3, 6)])
def test_a_slow_page_shows_what_the_kernel_has(many, panels, rate):
    """E1, E2: every panel receives messages after Run All or a reload, however slow the page is.

    More and slower ones: ``python -m benchmarks.panels``.
    """
    lab = many
    errors: list[str] = []
    lab.page.on("pageerror", lambda error: errors.append(str(error)))
    throttle(lab, rate)
    run_all(lab, panels)
    until_run(lab, panels, 120)
    assert settled(lab, panels, 60) == []
    throttle(lab, 1)
    lab.save()
    throttle(lab, rate)
    lab.page.reload(wait_until="commit")
    lab.page.locator(".nbrunner-panel").nth(panels - 1).wait_for(state="attached")
    assert settled(lab, panels, 60) == []
    throttle(lab, 1)
    assert looked_at(lab, panels, 30) == []
    assert errors == []


def test_a_page_that_asks_for_each_model_has_its_panels(lab):
    """E1: a page too slow to get all states at once requests each one, and shows it."""
    lab.execute(0, f"{LOAD}\n%flowruns")
    lab.execute(1, TICKING.replace("%%flowrun", "%%flowrun --bg"))
    lab.execute(2, BADGE)
    lab.save()
    lab.page.add_init_script(IMPATIENT)
    lab.open()
    lab.until(lambda: lab.page.locator(".nbrunner-panel").count() == 2, "both panels")
    assert lab.page.get_by_role("status").filter(has_text="timed out").count() == 1
    panel = lab.panel(1)
    panel.until_status("running")
    before = panel.lines
    lab.until(lambda: panel.lines > before, "more lines")
    # A page's requests are handled in a subshell, as before: they do not wait for a cell.
    lab.execute(2, WAITS, wait=False)
    lab.until(lambda: "*" in lab.prompt(2), "the cell to run")
    panel.button("Stop").click()
    panel.until_status("stopped")


def notes(lab):
    return lab.page.get_by_role("note").filter(has_text="not connected")


def test_panels_of_a_restarted_kernel_are_shown_on_once_the_extension_is_loaded(lab):
    lab.execute(0, LOAD)
    lab.execute(1, TICKING.replace("%%flowrun", "%%flowrun --bg"))
    lab.execute(2, "%flowruns")
    panel = lab.panel()
    panel.until_status("running")
    name = panel.name
    lab.restart()
    lab.until(lambda: notes(lab).count() == 2, "both panels to say so")
    before = panel.lines
    lab.execute(0, LOAD)
    lab.until(lambda: notes(lab).count() == 0, "both panels to be back")
    lab.until(lambda: panel.lines > before, "more lines, of the new kernel")
    assert panel.name == name
    history = lab.page.get_by_role("region", name="Runs of all flows", exact=True)
    assert history.get_by_role("button", name="Refresh").get_attribute("aria-disabled") == "false"
    panel.button("Stop").click()
    panel.until_status("stopped")
    lab.save()
    lab.open()
    lab.until(lambda: lab.panel().locator.count(), "the panel after a reload")
    lab.panel().until_status("stopped")


def test_reconnect_loads_the_extension_and_shows_the_panel_on(lab):
    lab.execute(0, LOAD)
    lab.execute(1, QUICK)
    panel = lab.panel()
    panel.until_status("successful")
    lab.restart()
    lab.until(lambda: notes(lab).count() == 1, "what is the matter")
    assert "its runs continue" in notes(lab).inner_text()
    panel.button("Reconnect").click()
    lab.until(lambda: notes(lab).count() == 0, "the panel to be back")
    panel.locator.get_by_text("Artifacts", exact=True).click()
    show = panel.locator.get_by_role("combobox", name="Artifacts of step")
    lab.until(show.count, "an answer of the new kernel")


def test_a_run_whose_record_is_gone_says_so_in_its_panel(lab):
    lab.execute(0, LOAD)
    lab.execute(1, QUICK)
    lab.panel().until_status("successful")
    lab.execute(2, "running.runner.cleanup()")
    lab.restart()
    lab.until(lambda: notes(lab).count() == 1, "what is the matter")
    lab.panel().button("Reconnect").click()
    lab.until(lambda: "no record of a run" in notes(lab).inner_text(), "why it cannot be shown on")
    assert lab.panel().status == "successful"
