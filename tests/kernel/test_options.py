"""The effect of ``%flowrun``'s options, and the flow and run that a line refers to."""

from __future__ import annotations

import json
import os

import pytest
from support.offspring import processes_of

pytestmark = [pytest.mark.slow, pytest.mark.once]

WIDGET = "application/vnd.jupyter.widget-view+json"

TELL = """\
import os
from metaflow import FlowSpec, metaflow_config, step

class TellFlow(FlowSpec):
    @step
    def start(self):
        self.mode = os.environ.get('MODE')
        self.other = os.environ.get('OTHER')
        self.cwd = os.getcwd()
        self.profile = os.environ.get('METAFLOW_PROFILE')
        self.retries = metaflow_config.SERVICE_RETRY_COUNT
        self.next(self.end)

    @step
    def end(self):
        print('told')
"""

# Waits until its gate is opened from outside.
GATED = """\
from metaflow import FlowSpec, step

class GatedFlow(FlowSpec):
    @step
    def start(self):
        print('at the gate', flush=True)
        open('gate').close()
        self.next(self.end)

    @step
    def end(self):
        pass
"""

PLAIN = """\
from metaflow import FlowSpec, Parameter, step

class PlainFlow(FlowSpec):
    n = Parameter('n', default=1, help='how many')

    @step
    def start(self):
        print('n is', self.n)
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def cell(line, text=TELL):
    return f"%%flowrun {line}\n{text}"


def told(kernel, expression):
    """Return the value of an expression, passed as JSON."""
    return json.loads(kernel.execute(f"import json; print(json.dumps({expression}))").stdout)


@pytest.fixture(autouse=True)
def _warm(monkeypatch):
    """Start runs warm: then surroundings matter most, as an interpreter may not fit them."""
    monkeypatch.setenv("NBRUNNER_WARM", "1")


@pytest.fixture
def open_gate(tmp_path):
    """Let the run that waits at the gate, or will wait there, continue."""
    os.mkfifo(tmp_path / "gate")
    return lambda: os.close(os.open(tmp_path / "gate", os.O_WRONLY))


def test_variables_directory_and_profile_reach_the_run_and_nothing_else(
    kernel, tmp_path, private_state
):
    (tmp_path / "elsewhere").mkdir()
    profile = private_state / "metaflow-home" / "config_mine.json"
    profile.parent.mkdir()
    profile.write_text(json.dumps({"METAFLOW_SERVICE_RETRY_COUNT": 3}))
    seen = "[run.data.mode, run.data.other, run.data.cwd, run.data.profile, run.data.retries]"
    given = "--env MODE='a b' --env OTHER=x=1 --cwd elsewhere --profile mine"
    kernel.execute(cell(f"-q {given} --no-pylint run")).checked()
    assert told(kernel, seen) == ["a b", "x=1", str(tmp_path / "elsewhere"), "mine", 3]
    kernel.execute("%flowrun -q TellFlow --no-pylint run").checked()
    assert told(kernel, seen) == [None, None, str(tmp_path), None, 5]
    kernel.execute("import os").checked()
    assert told(kernel, "[os.getcwd(), os.environ.get('MODE')]") == [str(tmp_path), None]


def test_to_return_at_once_or_to_wait(kernel, open_gate):
    kernel.execute(cell("-q -a --no-pylint", GATED)).checked()
    assert told(kernel, "running.status") == "running"
    open_gate()
    kernel.execute("await running").checked()
    kernel.execute("%config FlowRun.block = False").checked()
    shown = kernel.execute(cell("-q -b --no-pylint")).checked()
    assert "] told\n" in shown.stdout
    assert told(kernel, "running.status") == "successful"


def test_a_panel_is_for_whoever_looks_at_it(kernel):
    panel = kernel.execute(cell("--panel --no-pylint")).checked()
    assert WIDGET in panel.mime_types
    assert "told" not in panel.stdout
    kernel.execute("%config FlowRun.panel = False").checked()
    assert WIDGET in kernel.execute("%flowrun --panel TellFlow --no-pylint").mime_types
    lines = kernel.execute("%flowrun --panel TellFlow --no-pylint", headless=True).checked()
    assert "] told\n" in lines.stdout
    assert lines.mime_types == {"text/plain", "text/html"}
    assert "  successful  " in lines.result


def test_interrupt_of_other_cells_leaves_a_run_in_the_background_alone(
    kernel, open_gate, private_state
):
    kernel.execute(cell("--bg --no-pylint", GATED)).checked()
    kernel.execute("first = running; import time").checked()
    busy = "print('go', flush=True); time.sleep(60)"
    shown = kernel.execute(busy, interrupt_when=lambda shown: shown.stdout)
    assert shown.error == "KeyboardInterrupt"
    waiting = cell(
        "-q --no-pylint", GATED.replace("open('gate').close()", "import time; time.sleep(60)")
    )
    shown = kernel.execute(waiting, interrupt_when=lambda shown: "at the gate" in shown.stdout)
    assert shown.error == "Interrupted"
    assert told(kernel, "[first.status, running.status]") == ["running", "stopped"]
    open_gate()
    kernel.execute("await first").checked()
    assert told(kernel, "first.status") == "successful"
    for record in private_state.glob("runs/*/record.json"):
        assert processes_of(record.parent) == []


def test_a_flow_of_an_ordinary_cell_and_the_latest_run(kernel):
    kernel.execute("%config FlowRun.panel = False").checked()
    kernel.execute(PLAIN).checked()
    assert "] n is 4\n" in kernel.execute("%flowrun PlainFlow --no-pylint --n 4").checked().stdout
    table = kernel.execute("%flowform PlainFlow").checked().result.splitlines()
    assert [row.split() for row in table[1:]] == [
        ["parameter", "type", "default", "help"],
        ["n", "int", "1", "how", "many"],
    ]
    kernel.execute("%flowrun PlainFlow --no-pylint --n 5").checked()
    latest = told(kernel, "running.pathspec")
    for _ in ("this kernel", "the next one"):
        shown = kernel.execute("%flowrun").checked()
        assert shown.result.startswith(f"{latest}  successful  ")
        assert "\nn=5\n" in shown.result and "  start/1  n is 5\n" in shown.result
        kernel.restart()
        kernel.execute("%load_ext nbrunner\n%config FlowRun.panel = False").checked()
    kernel.execute("%config FlowRun.panel = True").checked()
    assert WIDGET in kernel.execute("%flowrun").checked().mime_types
