"""Panels used by keyboard, next to JupyterLab's own shortcuts."""

from __future__ import annotations

import pytest
from support.cells import LOAD

pytestmark = pytest.mark.slow

SHORT = """\
%%flowrun --no-pylint
from metaflow import FlowSpec, step

class ShortFlow(FlowSpec):

    @step
    def start(self):
        for number in range(100):
            print('line', number)
        self.next(self.end)

    @step
    def end(self):
        pass
"""

CELLS = """() => {
  const { widgets, activeCellIndex } = window.jupyterapp.shell.currentWidget.content;
  return [activeCellIndex, ...widgets.map(each => each.model.sharedModel.getSource())];
}"""


def test_keys_typed_in_a_panel_are_no_shortcuts_of_the_notebook(lab):
    lab.execute(0, LOAD)
    lab.execute(1, SHORT)
    panel = lab.panel()
    panel.until_status("successful")
    lab.execute(2, "%flowruns ShortFlow")
    history = lab.page.get_by_role("region", name="Runs of ShortFlow")
    lab.until(lambda: history.get_by_role("row").count() == 2, "the run")
    history.get_by_role("button", name="Resume").click()
    lab.until(history.get_by_label("From step").count, "the choice of the step")
    # Command mode, where single keys are commands.
    lab.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.mode = 'command' }")
    for control in (
        panel.locator.get_by_role("combobox", name="Step"),
        panel.locator.get_by_role("switch", name="Follow"),
        panel.locator.get_by_role("log"),
        panel.locator.get_by_role("list", name="Steps").get_by_role("button").first,
        panel.button("Copy code"),
        history.get_by_role("combobox", name="State"),
        history.get_by_role("button", name="Refresh"),
        history.get_by_label("From step"),  # ipywidgets' own
    ):
        control.focus()
        cells = lab.page.evaluate(CELLS)
        assert len(cells) == 4
        for key in ("j", "k", "x", "b", "d", "d"):
            lab.page.keyboard.press(key)
        assert lab.page.evaluate(CELLS) == cells, control
        assert control.evaluate("element => element === document.activeElement")
    # JupyterLab's shortcuts with Ctrl still reach it.
    panel.locator.get_by_role("log").focus()
    lab.page.keyboard.press("Control+Shift+C")
    palette = lab.page.get_by_role("dialog").or_(lab.page.locator(".jp-ModalCommandPalette"))
    lab.until(lambda: palette.first.is_visible(), "JupyterLab's commands")


WIDE = """\
%%flowrun --bg --no-pylint
from metaflow import FlowSpec, step

class WideFlow(FlowSpec):

    @step
    def start(self):
        print('a line that is ' + 'very ' * 500 + 'long')
        self.next(self.left, self.right)

    @step
    def left(self):
        self.next(self.join)

    @step
    def right(self):
        import time
        time.sleep(600)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def focused(lab):
    return lab.page.evaluate(
        "() => document.activeElement.getAttribute('aria-label')"
        " ?? document.activeElement.textContent"
    )


def test_steps_and_log_are_gone_through_with_arrow_keys_and_a_stop_keeps_the_focus(lab):
    lab.execute(0, LOAD)
    lab.execute(1, WIDE)
    panel = lab.panel()
    steps = panel.locator.get_by_role("list", name="Steps")
    right = "right: 0 of 1 done, 1 running, 0 failed"
    lab.until(lambda: steps.get_by_role("button", name=right).count(), "the run")
    assert steps.get_by_role("listitem", name=right).count() == 1
    assert panel.locator.get_by_role("group", name="Log controls").count() == 1
    press = lab.page.keyboard.press
    panel.button("Copy code").focus()
    press("Tab")
    assert focused(lab).startswith("start: ")
    for key, name in (
        ("ArrowRight", "left"),
        ("ArrowDown", "right"),
        ("ArrowRight", "join"),
        ("End", "end"),
        ("Home", "start"),
        ("ArrowRight", "left"),
    ):
        press(key)
        assert focused(lab).startswith(f"{name}: ")
    press("Tab")
    assert focused(lab) == "Step", "one stop for all steps"
    press("Shift+Tab")
    assert focused(lab).startswith("left: "), "where one has been"
    log = panel.locator.get_by_role("log")
    log.focus()
    press("ArrowRight")
    lab.until(lambda: log.evaluate("log => log.scrollLeft") > 0, "the rest of the line")
    press("ArrowLeft")
    lab.until(lambda: log.evaluate("log => log.scrollLeft") == 0, "its start")
    panel.button("Stop").focus()
    press("Enter")
    assert focused(lab) == "Stop"
    panel.until_status("stopped")
    lab.until(lambda: focused(lab) == "Resume", "the next button to have the focus")
