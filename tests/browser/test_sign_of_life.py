"""Panels of slow pages, of restarted kernels, of kernels that do not answer."""

from __future__ import annotations

import pytest
from support.cells import LOAD, TICKING
from support.lab import NotebookPage, browser_environment, jupyter, write_notebook
from support.panel_states import QUICK, run_all, settled, throttle, until_run

pytestmark = pytest.mark.slow

PANELS = 10


@pytest.fixture
def many(tmp_path, private_state, browser):
    """A notebook with a cell for each panel."""
    write_notebook(tmp_path / "notebook.ipynb", *[""] * (PANELS + 1))
    with jupyter("jupyterlab", tmp_path, browser_environment(private_state)) as address:
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.set_default_timeout(120_000)
        yield NotebookPage(page, address, "doc/tree/notebook.ipynb").open()
        page.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("rate", [1])  # slower ones: python -m benchmarks.slow_pages
def test_a_slow_page_shows_what_the_kernel_has(many, rate):
    """E1, E2: no panel is deaf after Run All or a reload, however slow the page is."""
    lab = many
    errors: list[str] = []
    lab.page.on("pageerror", lambda error: errors.append(str(error)))
    throttle(lab, rate)
    run_all(lab, PANELS)
    until_run(lab, PANELS, 120)
    assert settled(lab, PANELS, 30) == []
    throttle(lab, 1)
    lab.save()
    throttle(lab, rate)
    lab.page.reload()
    lab.page.wait_for_selector(".jp-Notebook .jp-CodeCell .cm-content")
    assert settled(lab, PANELS, 120) == []
    throttle(lab, 1)
    assert errors == []


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
    assert "its runs go on" in notes(lab).inner_text()
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
