"""Spinning a step from a cell: `running`, the panel, and the error if it fails."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

FLOW = """\
%%flowrun --no-pylint
from metaflow import FlowSpec, step

class SquareFlow(FlowSpec):

    @step
    def start(self):
        self.number = 4
        self.next(self.end)

    @step
    def end(self):
        print('squared', self.number**2)
        import os
        if os.path.exists('fail'):
            raise ValueError('no square today')
        while os.path.exists('wait'):
            pass
"""


@pytest.fixture
def plain(kernel):
    kernel.execute("%config FlowRun.panel = False").checked()
    kernel.execute(FLOW).checked()
    kernel.execute("from pathlib import Path").checked()
    return kernel


def test_running_names_a_spin_that_has_failed(plain):
    """C2: the cell ends with the failure, and `running` is the spun task with its log."""
    plain.execute("before = running; Path('fail').touch()").checked()
    result = plain.execute("%flowrun SquareFlow --no-pylint spin end")
    assert result.error is not None
    told = "print(type(running).__name__, running.status, running is before)"
    assert plain.execute(told).stdout == "ExecutingTask failed False\n"
    assert plain.execute("print(running.failure.message)").stdout == "no square today\n"
    assert "squared 16" in plain.execute("print(running.stdout)").stdout
    assert "(spin)  " in plain.execute("%flowruns SquareFlow").checked().result
    code = (
        "from nbrunner.jupyter.panels import RunPanel\n"
        "panel = RunPanel(running)\n"
        "panel.wait_until_shown()\n"
        "print(panel.header.status, panel.header.title == running.pathspec)\n"
        "print(panel.failure.failure)\n"
        "print([each['name'] for each in panel.header.actions])\n"
        "panel.close()"
    )
    shown = plain.execute(code).checked().stdout
    assert shown.startswith("failed True\n")
    assert "no square today" in shown
    assert shown.endswith("[]\n"), "a spun task cannot be resumed"


def test_a_spin_in_the_background_is_followed_and_stopped(plain):
    """C3: a cell with --bg ends once the task has started."""
    plain.execute("Path('wait').touch()").checked()
    plain.execute("%flowrun --bg SquareFlow --no-pylint spin end").checked()
    told = "print(running.status, running.attributes['step_name'], running.progress)"
    assert plain.execute(told).stdout == "running end end 0/1\n"
    assert "stopped after" in plain.execute("%flowstop").checked().stdout
    assert plain.execute("print(running.status)").stdout == "stopped\n"
