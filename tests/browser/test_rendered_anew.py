"""JupyterLab renders a changed output again, without any loss for its user."""

from __future__ import annotations

import pytest
from support.cells import LOAD
from support.lab import NotebookPage, browser_environment, jupyter, write_notebook

pytestmark = pytest.mark.slow

UNTIL_TOLD = """\
%%flowrun --bg --no-pylint
from metaflow import FlowSpec, step

class WaitFlow(FlowSpec):

    @step
    def start(self):
        self.table = {'one': 1}
        for number in range(200):
            print('line', number)
        self.next(self.wait)

    @step
    def wait(self):
        import os, time
        while not os.path.exists('go'):
            time.sleep(0.02)
        self.next(self.end)

    @step
    def end(self):
        pass
"""

# Records, before each painted frame, what the user of the page would have lost.
WATCH = """panel => {
  panel.parentElement.parentElement.isFirst = true;
  window.seen = [];
  const look = () => {
    const { activeElement } = document;
    window.seen.push([
      activeElement.getAttribute('aria-label') ?? activeElement.tagName,
      document.querySelectorAll('.nbrunner-panel').length,
      document.querySelector('.nbrunner-panel').offsetHeight > 300,
    ].join());
    window.watching = requestAnimationFrame(look);
  };
  look();
}"""
SEEN = """() => { cancelAnimationFrame(window.watching); return [...new Set(window.seen)] }"""
# The panel's own elements move from the old view to the new one.
IS_FIRST = "() => document.querySelector('.nbr-panel-place').parentElement.isFirst"
FIRST_LINE = """log => {
  const { top } = log.getBoundingClientRect();
  const rows = [...log.querySelectorAll('.nbr-log-row')];
  return rows.find(row => row.getBoundingClientRect().bottom > top + 1).dataset.line;
}"""


def check(lab, folder):
    """End a run while its panel is in use; focus, selection and scroll positions stay."""
    panel = lab.panel()
    panel.until_status("running")
    lab.until(lambda: panel.lines > 200, "its lines")
    locator = panel.locator
    locator.get_by_text("Artifacts", exact=True).click()
    locator.get_by_role("combobox", name="Artifacts of step").select_option("start")
    show = locator.get_by_role("button", name="Show table", exact=True)
    lab.until(show.count, "the artifacts")
    show.click()
    value = locator.locator(".nbr-value")
    lab.until(value.count, "the value")
    shown = value.inner_text()
    log = locator.get_by_role("log")
    log.focus()
    lab.page.keyboard.press("Home")
    lab.until(lambda: log.evaluate(FIRST_LINE) == "0", "its beginning")
    lab.page.keyboard.press("PageDown")
    lab.until(lambda: log.evaluate(FIRST_LINE) != "0", "another page")
    line = log.evaluate(FIRST_LINE)
    search = locator.get_by_role("searchbox", name="Search log")
    search.click()
    lab.page.keyboard.type("line 1")
    lab.page.keyboard.press("ArrowLeft")
    name = panel.name
    locator.evaluate(WATCH)
    (folder / "go").touch()
    panel.until_status("successful")
    lab.until(lambda: not lab.page.evaluate(IS_FIRST), "the new view")
    lab.page.keyboard.type("9")
    lab.until(lambda: locator.get_by_text("1 match", exact=True).count(), "what was typed")
    seen = lab.page.evaluate(SEEN)
    assert seen == ["Search log,1,true"], "at every moment"
    assert search.input_value() == "line 91", "where the cursor stood"
    assert value.inner_text() == shown
    assert log.evaluate(FIRST_LINE) == line
    assert panel.name == name
    # It is the same view, and still connected to the kernel.
    search.fill("line 199")
    lab.until(lambda: locator.get_by_text("1 match", exact=True).count(), "the match")
    assert locator.count() == 1
    assert locator.get_by_role("log").count() == 1
    locator.get_by_text("Artifacts", exact=True).click()
    lab.until(lambda: not value.is_visible(), "it to fold")


def test_the_end_of_a_run_leaves_what_is_at_hand_in_jupyterlab(lab, tmp_path):
    lab.execute(0, LOAD)
    lab.execute(1, UNTIL_TOLD)
    check(lab, tmp_path)


def test_a_click_that_the_end_of_a_run_parts_is_a_click(lab, tmp_path):
    lab.execute(0, LOAD)
    lab.execute(1, UNTIL_TOLD)
    panel = lab.panel()
    panel.until_status("running")
    locator = panel.locator
    locator.get_by_role("list", name="Steps").get_by_role("button").first.hover()
    lab.page.mouse.down()
    locator.evaluate(WATCH)
    (tmp_path / "go").touch()
    lab.until(lambda: not lab.page.evaluate(IS_FIRST), "the new view")
    lab.page.mouse.up()
    step = locator.get_by_role("combobox", name="Step", exact=True)
    lab.until(lambda: step.input_value() == "start", "the log of that step alone")


def test_the_end_of_a_run_leaves_what_is_at_hand_in_notebook(tmp_path, private_state, browser):
    write_notebook(tmp_path / "notebook.ipynb", LOAD, UNTIL_TOLD)
    with jupyter("notebook", tmp_path, browser_environment(private_state)) as address:
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.set_default_timeout(60_000)
        notebook = NotebookPage(page, address, "notebooks/notebook.ipynb").open()
        page.locator(".jp-CodeCell .cm-content").nth(0).click()
        page.keyboard.press("Shift+Enter")
        notebook.until(lambda: "[1]" in notebook.prompt(0), "the first cell")
        page.keyboard.press("Shift+Enter")
        check(notebook, tmp_path)
        page.close()
