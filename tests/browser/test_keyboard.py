"""Panels by keyboard, beside JupyterLab's own shortcuts."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

LOAD = "%load_ext nbrunner"

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
    # What JupyterLab is asked for by Ctrl still reaches it.
    panel.locator.get_by_role("log").focus()
    lab.page.keyboard.press("Control+Shift+C")
    palette = lab.page.get_by_role("dialog").or_(lab.page.locator(".jp-ModalCommandPalette"))
    lab.until(lambda: palette.first.is_visible(), "JupyterLab's commands")
