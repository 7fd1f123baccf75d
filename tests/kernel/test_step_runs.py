"""A step of a flow of several cells, run alone."""

from __future__ import annotations

import pytest
from support.step_cells import TRAIN

pytestmark = pytest.mark.slow


def test_an_edited_step_runs_alone_with_the_inputs_of_the_latest_run(kernel):
    kernel.execute("%config FlowRun.panel = False").checked()
    for cell in TRAIN:
        kernel.execute(cell).checked()
    shown = kernel.execute("%%step report --run\nprint('early')")
    assert shown.stderr == (
        "UsageError: no run of TrainFlow has reached step report, whose inputs it needs; "
        "%flowrun TrainFlow runs the whole flow\n"
    )
    kernel.execute("%flowrun TrainFlow --no-pylint --depth 5").checked()
    shown = kernel.execute("%%step report --run\nself.twice = 2 * self.top\nprint(self.twice)")
    assert "8.0" in shown.checked().stdout
    code = "self.twice, len(self.rows), type(run).__name__, type(running).__name__"
    assert kernel.execute(code).result == "(8.0, 5, 'Run', 'ExecutingTask')"
    assert kernel.execute("%flowshow report.twice").checked().result == "8.0"
    assert kernel.execute("%flowshow start.depths").checked().result == "[2, 8]"
    shown = kernel.execute("%%step fresh --after report --run\nprint('new')")
    assert "no run of TrainFlow has reached step fresh" in shown.stderr
    kernel.execute("%flow TrainFlow --drop fresh").checked()

    kernel.execute("%config FlowRun.run_steps = True").checked()
    shown = kernel.execute("%%step report\nprint(self.nothing)")
    assert shown.error == "FlowFailedError"
    assert f"Cell In[{kernel.execute('len(In) - 2').result}], line 2, in report" in shown.traceback
    assert kernel.execute("%%step report --no-run\nprint(self.top)").checked().stdout == ""
    shown = kernel.execute("%%step report\nprint('whole', self.top)").checked()
    assert "whole 4.0" in shown.stdout
