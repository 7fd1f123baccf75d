"""The magics in IPython in a terminal: concise text only."""

from __future__ import annotations

import re

import pytest
from support.terminal import Terminal

pytestmark = [pytest.mark.slow, pytest.mark.once]

# Without empty lines, which would end a typed cell.
SMALL = """\
%%flowrun --no-pylint run --n 3
from metaflow import FlowSpec, Parameter, step
class SmallFlow(FlowSpec):
    n = Parameter('n', default=1, help='how many')
    @step
    def start(self):
        print('n is', self.n)
        self.next(self.end)
    @step
    def end(self):
        pass
"""

SLEEP = """\
%%flowrun {line}
from metaflow import FlowSpec, step
class SleepFlow(FlowSpec):
    @step
    def start(self):
        import time
        print('asleep', flush=True)
        time.sleep(60)
        self.next(self.end)
    @step
    def end(self):
        pass
"""

# State that an extension may leave in the shell, as far as it can be observed.
SHELL = """\
def registered(shell=get_ipython()):
    display = shell.display_formatter
    return {
        'magics': {kind: sorted(names) for kind, names in shell.magics_manager.magics.items()},
        'config': list(shell.configurables),
        'objects': sorted(shell.magics_manager.registry),
        'matchers': list(shell.Completer.custom_matchers),
        'events': {name: list(each) for name, each in shell.events.callbacks.items()},
        'mime types': [list(each.type_printers) for each in display.formatters.values()],
        'display': list(display.ipython_display_formatter.type_printers),
    }
"""


@pytest.fixture
def terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    with Terminal(tmp_path) as terminal:
        yield terminal


def test_loading_prints_nothing_and_every_magic_prints_text(terminal):
    assert terminal.enter("%load_ext nbrunner") == ""
    lines = terminal.enter(SMALL).splitlines()
    assert lines[0].startswith("Metaflow ")
    assert sum(line.endswith("] n is 3") for line in lines) == 1
    run = re.search(r"SmallFlow/\d+", lines[-4])[0]
    assert re.fullmatch(rf"{run}  successful  \d+\.\d\d s", lines[-4])
    summary = ["n=3", "start 1/1  end 1/1", f"load it with metaflow.Run('{run}')"]
    assert lines[-3:] == summary
    assert terminal.enter("running") == f"Out[3]: <ExecutingRun {run}: successful>"
    title, columns, row = terminal.enter("%flowruns").splitlines()
    assert title == "Runs of all flows"
    assert columns.split() == ["status", "Run", "Started", "Time", "Tags", "Parameters", "User"]
    assert row.startswith(f"successful  {run}  ") and "  n=3  " in row
    assert [line.split() for line in terminal.enter("%flowform SmallFlow").splitlines()] == [
        ["SmallFlow"],
        ["parameter", "type", "default", "help"],
        ["n", "int", "1", "how", "many"],
    ]
    latest = terminal.enter("%flowrun").splitlines()
    assert [latest[0], *latest[1:3], latest[-1]] == lines[-4:]
    assert any(line.endswith("  start/1  n is 3") for line in latest[3:-1])


def test_runs_in_the_background_and_their_end(terminal):
    terminal.enter("%load_ext nbrunner")
    said = terminal.enter(SLEEP.format(line="--bg --no-pylint"))
    run = re.fullmatch(r"(SleepFlow/\d+) runs in the background; its handle is `running`", said)[1]
    assert terminal.enter("running") == f"Out[3]: <ExecutingRun {run}: running>"
    terminal.enter(SLEEP.format(line="--bg --no-pylint"))
    stopped = terminal.enter("%flowstop all").splitlines()
    assert len(stopped) == 2 and stopped[1].startswith(f"{run}: stopped after SIGINT")
    assert terminal.enter("%flowstop all") == "No run is active"


def test_ctrl_c_stops_the_run_that_a_cell_waits_for(terminal):
    terminal.enter("%load_ext nbrunner")
    said = terminal.enter(SLEEP.format(line="--no-pylint"), interrupt_at=r"\] asleep\r\n")
    assert re.search(r"^Interrupted: SleepFlow/\d+ stopped$", said, re.MULTILINE)
    assert "Traceback" not in said
    assert terminal.enter("running.status") == "Out[3]: 'stopped'"


def test_unloading_leaves_the_shell_as_it_was(terminal):
    terminal.enter("%load_ext autoreload")  # IPython registers its own for that
    terminal.enter("get_ipython().set_custom_completer(lambda completer, text: [])")
    terminal.enter(SHELL)
    terminal.enter("before = registered()")
    terminal.enter("%load_ext nbrunner")
    changed = "[name for name, value in registered().items() if value != before[name]]"
    everything = ["magics", "config", "objects", "matchers", "events", "display"]
    assert terminal.enter(changed) == f"Out[6]: {everything}"
    assert terminal.enter("%unload_ext nbrunner") == ""
    assert terminal.enter(changed) == "Out[8]: []"
    for line in ("%flowrun --help", "%flowruns", "%flowform X", "%flowstop", "%config FlowRun"):
        assert terminal.enter(line).startswith("UsageError: "), line
