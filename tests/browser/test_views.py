"""A panel shown twice, after a reload, among many others, and in Notebook 7."""

from __future__ import annotations

import pytest
from support.cells import ANSWERED_SECONDS, LOAD, TICKING
from support.lab import NotebookPage, browser_environment, jupyter, write_notebook

pytestmark = pytest.mark.slow


@pytest.mark.alone
def test_a_reloaded_page_shows_the_same_and_its_buttons_work(lab):
    lab.execute(0, LOAD)
    lab.execute(1, TICKING.replace("%%flowrun", "%%flowrun --bg"))
    panel = lab.panel()
    panel.until_status("running")
    panel.locator.get_by_role("searchbox").fill("tick 1")
    lab.until(lambda: panel.locator.get_by_text("matches").count(), "matches")
    name = panel.name
    lab.save()
    lab.open()
    lab.until(lambda: lab.panel().locator.count(), "the panel after the reload")
    panel = lab.panel()
    panel.until_status("running")
    assert panel.name == name
    assert panel.locator.get_by_role("searchbox").input_value() == "tick 1"
    before = panel.lines
    assert before > 5
    lab.until(lambda: panel.lines > before, "more lines")
    panel.button("Stop").click()
    assert panel.until_status("stopped") < ANSWERED_SECONDS


@pytest.mark.alone
def test_two_views_of_one_panel_show_the_same_and_either_stops_it(lab):
    lab.execute(0, LOAD)
    lab.execute(1, TICKING.replace("%%flowrun", "%%flowrun --bg --quiet"))
    lab.execute(
        2,
        "from IPython.display import display; from nbrunner.jupyter.panels import RunPanel\n"
        "panel = RunPanel(running); display(panel, panel)",
    )
    first, second = lab.panel(0), lab.panel(1)
    second.until_status("running")
    first.locator.get_by_role("combobox", name="Step").select_option("start")
    chosen = second.locator.get_by_role("combobox", name="Step")
    lab.until(lambda: chosen.input_value() == "start", "the filter in the other view")
    lab.until(lambda: second.lines == first.lines > 3, "the same lines")
    second.button("Stop").click()
    assert second.until_status("stopped") < ANSWERED_SECONDS
    assert first.until_status("stopped") < ANSWERED_SECONDS


@pytest.mark.alone
def test_ten_panels_at_once_are_live_beside_a_busy_cell(lab):
    lab.execute(0, LOAD)
    cell = TICKING.replace("%%flowrun", "%%flowrun --bg").replace("sleep(0.1)", "sleep(0.5)")
    lab.execute(1, cell)
    lab.panel().until_status("running")
    lab.execute(
        2,
        "from nbrunner import Runner\n"
        "from IPython.display import display\n"
        "runs = [await Runner(TickFlow, pylint=False).async_run() for _ in range(9)]\n"
        "for each in runs: display(each)\n"
        "import time; time.sleep(60)",
        wait=False,
    )
    lab.until(lambda: lab.panel(9).locator.count(), "ten panels")
    for number in range(10):
        lab.panel(number).until_status("running")
    before = [lab.panel(number).lines for number in range(10)]
    lab.until(
        lambda: all(lab.panel(number).lines > before[number] for number in range(10)),
        "more lines in each",
    )
    for number in (9, 0, 5):
        lab.panel(number).button("Stop").click()
        assert lab.panel(number).until_status("stopped") < ANSWERED_SECONDS
    assert "*" in lab.prompt(2), "the kernel was busy all the time"
    for number in (1, 2, 3, 4, 6, 7, 8):
        lab.panel(number).button("Stop").click()
    for number in (1, 2, 3, 4, 6, 7, 8):
        lab.panel(number).until_status("stopped")


def test_a_change_of_the_theme_changes_nothing_else(lab):
    lab.execute(0, LOAD)
    lab.execute(1, TICKING.replace("range(600)", "range(60)").replace("sleep(0.1)", "sleep(0)"))
    panel = lab.panel()
    panel.until_status("successful")
    log = panel.locator.get_by_role("log")
    lab.until(lambda: "Done!" in log.inner_text(), "the last line")
    theme = "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    lab.page.evaluate(theme, "JupyterLab Dark")
    lab.page.wait_for_selector("body[data-jp-theme-name='JupyterLab Dark']", state="attached")
    lab.page.evaluate("() => new Promise(done => requestAnimationFrame(() => done()))")
    last = log.get_by_text("Done!", exact=True)
    seen = "element => { const box = element.getBoundingClientRect();"
    seen += " const pane = element.closest('[role=log]').getBoundingClientRect();"
    seen += " return box.top >= pane.top && box.bottom <= pane.bottom + 1 }"
    assert last.evaluate(seen), "the last line is in sight"
    follow = panel.locator.get_by_role("switch", name="Follow")
    assert follow.get_attribute("aria-checked") == "true"
    lab.page.evaluate(theme, "JupyterLab Light")


@pytest.mark.alone
def test_notebook_7_shows_a_live_panel_and_stops_it(tmp_path, private_state, browser):
    write_notebook(tmp_path / "notebook.ipynb", LOAD, TICKING, "import time; time.sleep(60)")
    with jupyter("notebook", tmp_path, browser_environment(private_state)) as address:
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.set_default_timeout(60_000)
        notebook = NotebookPage(page, address, "notebooks/notebook.ipynb").open()
        cells = page.locator(".jp-CodeCell")
        cells.nth(0).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        notebook.until(lambda: "[1]" in notebook.prompt(0), "the first cell")
        page.keyboard.press("Shift+Enter")
        panel = notebook.panel()
        panel.until_status("running")
        before = panel.lines
        notebook.until(lambda: panel.lines > before + 5, "more lines")
        panel.button("Continue in background").click()
        notebook.until(lambda: "*" not in notebook.prompt(1), "the end of the cell")
        cells.nth(2).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        notebook.until(lambda: "*" in notebook.prompt(2), "the busy kernel")
        before = panel.lines
        notebook.until(lambda: panel.lines > before + 5, "more lines while the kernel sleeps")
        panel.button("Stop").click()
        assert panel.until_status("stopped") < ANSWERED_SECONDS
        page.close()


def test_where_no_click_reaches_a_busy_kernel_the_button_says_so(tmp_path, private_state, browser):
    settings = tmp_path / ".settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    chosen = '{"commsOverSubshells": "disabled"}'
    (settings / "kernels-settings.jupyterlab-settings").write_text(chosen)
    write_notebook(tmp_path / "notebook.ipynb", "", "", "")
    with jupyter("jupyterlab", tmp_path, browser_environment(private_state)) as address:
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.set_default_timeout(60_000)
        lab = NotebookPage(page, address, "doc/tree/notebook.ipynb").open()
        lab.execute(0, LOAD)
        lab.execute(1, TICKING.replace("%%flowrun", "%%flowrun --bg"))
        lab.panel().until_status("running")
        lab.execute(2, "import time; time.sleep(5)", wait=False)
        lab.until(lambda: "*" in lab.prompt(2), "the busy kernel")
        lab.panel().button("Stop").click()
        told = lab.panel().button("Stop (kernel is busy)")
        lab.until(told.count, "the button to tell why it waits")
        assert "interrupting the kernel" in told.get_attribute("title")
        lab.panel().until_status("stopped")
        page.close()
