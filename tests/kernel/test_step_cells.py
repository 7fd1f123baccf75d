"""A flow over several cells in a real kernel."""

from __future__ import annotations

import pytest
from support.step_cells import TRAIN

pytestmark = pytest.mark.slow


@pytest.fixture
def plain(kernel):
    kernel.execute("%config FlowRun.panel = False").checked()
    return kernel


@pytest.fixture
def trained(plain):
    for cell in TRAIN:
        plain.execute(cell).checked()
    return plain


def test_a_flow_over_several_cells_runs_and_an_edited_step_runs_next(trained):
    shown = trained.execute("%flowrun TrainFlow --no-pylint --depth 5").checked()
    assert "best 4.0 5" in shown.stdout
    assert trained.execute("run.data.weights").result == "{'a': [1, 2]}"
    assert trained.execute("'FlowSpec' in dir() or 'step' in dir()").result == "False"
    kept = "<flow TrainFlow of Cells In[6], In[7], In[8], In[9], In[10]>"
    assert trained.execute("TrainFlow").result == kept
    for path, value in (
        ("report.top", "4.0"),
        ("train.score", "2.0"),
        ("start.depths", "[2, 8]"),
        ("{run.pathspec}/best.weights", "{'a': [1, 2]}"),
    ):
        assert trained.execute(f"%flowshow {path}").checked().result == value
    for path, message in (
        ("trian.score", "there is no step of TrainFlow/"),
        ("train.scor", "there is no artifact of train/2 'scor'; did you mean 'score'?"),
        ("train/99.score", "step train has no task '99'; tasks are 2, 3"),
        ("Tree/1/a.b", "there is no run 'Tree/1' in this datastore"),
    ):
        shown = trained.execute(f"%flowshow {path}")
        assert shown.stderr.startswith(f"UsageError: %flowshow: {message}")
    for line, expected in (
        ("%flowshow tra", ["train."]),
        ("%flowshow start.d", ["start.depth", "start.depths"]),
        ("%%step more --after tr", ["train"]),
        ("%%step more -d re", ["resources", "retry"]),
        ("%%step more --fo", ["--foreach"]),
        ("%%step more\nx = self.d", ["depth", "depths"]),
    ):
        reply = trained._reply(trained.client.complete(line))
        assert reply["matches"] == expected, line
    trained.execute("factor = 8\nweights['b'] = 3").checked()
    trained.execute("%%step report\nprint('now', self.top, self.weights)").checked()
    shown = trained.execute("%flowrun TrainFlow --no-pylint").checked()
    assert "now 8.0 {'a': [1, 2], 'b': 3}" in shown.stdout
    code = "from nbrunner import Runner\nRunner(TrainFlow, pylint=False, show_output=False).run()"
    assert "successful" in trained.execute(f"{code}.status").checked().result


def test_a_failed_step_is_told_with_its_cell_and_line_and_resumed(trained):
    trained.execute("%%step report\n\n# more\nprint(self.top / 0)").checked()
    shown = trained.execute("%flowrun TrainFlow --no-pylint")
    assert shown.error == "FlowFailedError"
    lines = [line.strip() for line in shown.traceback.splitlines()]
    assert "Cell In[11], line 4, in report" in lines
    assert lines[-1] == (
        "Fix the cell of the step, execute it, then resume from the failed step: "
        "%flowrun TrainFlow resume"
    )
    assert "/flows/" not in shown.stdout + shown.traceback
    trained.execute("%%step report\nprint('whole', self.top)").checked()
    shown = trained.execute("%flowrun TrainFlow --no-pylint resume").checked()
    assert "whole 4.0" in shown.stdout
    assert trained.execute("running.progress.steps['train'].cloned").result == "2"


def test_mistakes_are_one_line_and_nothing_changes(trained, private_state):
    for cell, message in (
        ("%%step trian --afer start\npass", "%%step: unknown option --afer; did you mean"),
        ("%%step more --after trian\npass", "more --after: there is no step 'trian'; did you"),
        ("%%step more\nx = (", "Cell In[12], line 2: '(' was never closed"),
        ("%%step more --flow Tree\npass", "%%step --flow: there is no flow 'Tree'"),
        ("%%flow\npass", "%%flow: expected the name of a flow"),
        ("%flow TrainFlow --drop trian", "TrainFlow: there is no step 'trian'; did you mean"),
        ("%flow Tree", "no %%flow or %%step cell has defined 'Tree'; flows of several cells are"),
    ):
        shown = trained.execute(cell)
        if "Cell In" in message:
            message = message.replace("12", trained.execute("len(In) - 2").result)
        assert shown.stderr.startswith(f"UsageError: {message}"), shown
        assert len(shown.stderr.strip().splitlines()) == 1
    shown = trained.execute("%flow TrainFlow").checked().result
    assert "more" not in shown
    assert not list(private_state.glob("runs/*/record.json"))


def test_the_flow_is_shown_as_a_text_and_a_graph_and_loses_a_step(trained):
    trained.execute("%flow TrainFlow --drop report").checked()
    shown = trained.execute("%flow").checked()
    assert shown.result.startswith("from metaflow import FlowSpec, Parameter, retry, step\n\n\n")
    assert "\n    @retry(times=0)\n    @step\n    def train(self):\n" in shown.result
    assert shown.result.endswith("start -> train\ntrain -> best\nbest -> end")
    assert "text/html" in shown.mime_types


def test_steps_without_a_flow_cell_and_names_of_the_notebook(plain):
    plain.execute("step = 5").checked()
    plain.execute("%%step start\nself.x = 1").checked()
    shown = plain.execute("%flowrun NotebookFlow --no-pylint")
    assert shown.stderr.startswith("UsageError: the notebook has bound 'step' to something else")
    assert plain.execute("del step\n%flowrun NotebookFlow --no-pylint").checked()
    assert plain.execute("run.data.x, run.parent.id").result == "(1, 'NotebookFlow')"
    plain.execute("%%flow G\nn = Parameter('n', default=1 / 0)").checked()
    plain.execute("%%step start\npass").checked()
    shown = plain.execute("%flowrun G")
    assert "ZeroDivisionError: division by zero" in shown.stderr
    assert "Cell In[8], line 2: " in shown.stderr
