"""The parameters that a resumed run takes over from its origin, and where they are shown."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from nbrunner import Runner, attach, cli
from nbrunner.errors import BadValueError
from nbrunner.flow.parse_argv import Word, call_of
from nbrunner.history import History
from nbrunner.jupyter.html.run import picture
from nbrunner.jupyter.magic.equivalent_code import code_of
from nbrunner.jupyter.panels.history_panel import HistoryPanel
from nbrunner.record import run_directory

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("metadata_of_this_test")]

ROWSFLOW = """\
from metaflow import FlowSpec, Parameter, step

class RowsFlow(FlowSpec):
    rows = Parameter("rows", default=3)
    top_k = Parameter("top-k", default=1)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        print(self.rows)
        {mended}1 / 0

if __name__ == "__main__":
    RowsFlow()
"""


def runner(write_flow, mended):
    text = ROWSFLOW.format(mended="" if not mended else "# ")
    return Runner(write_flow("rowsflow.py", text), show_output=False, pylint=False)


@pytest.fixture
def resumed(write_flow):
    """A run that failed, with rows=40, and the run that resumed it after a fix."""
    first = runner(write_flow, False).run(rows=40, tags=["first"], max_workers=2)
    assert first.status == "failed"
    then = runner(write_flow, True).resume()
    assert then.status == "successful"
    return first, then


def test_a_resumed_run_has_its_origins_parameters_and_names_it(resumed, capsys):
    """E6: a resumed run's origin and parameters appear wherever runs are shown."""
    first, then = resumed
    for handle in (then, attach(then.pathspec)):
        assert handle.origin == first.pathspec
        assert handle.parameters == {"rows": 40}
    assert first.origin == ""
    page = History().page(query="rows=40")
    assert [run.pathspec for run in page.runs] == [then.pathspec, first.pathspec]
    assert [run.origin for run in page.runs] == [first.pathspec, ""]
    assert [run.pathspec for run in History().page(query=f"resumes {first.pathspec}").runs] == []
    assert History().page(query=first.pathspec.lower()).runs[0].pathspec == then.pathspec
    text = picture(then, 0)["text/plain"]
    assert "rows=40" in text
    assert first.pathspec.rpartition("/")[2] in text
    cli.list_runs("", [], "", 1)
    line = next(each for each in capsys.readouterr().out.splitlines() if then.pathspec in each)
    assert "rows=40" in line
    assert f"resumes {first.pathspec}" in line
    # The code that starts the run again equals the one that started it.
    code = code_of(then)
    assert code["python"].endswith(", pylint=False).resume()")
    assert code["magic"].endswith(" --no-pylint resume")


def test_the_table_of_past_runs_opens_the_origin(resumed):
    """E6: the row of a resumed run has a button that shows its origin."""
    first, then = resumed
    panel = HistoryPanel()
    try:
        panel._page = panel.read()
        rows = {row["key"]: row for row in map(panel._row, panel._page.runs, [[], []])}
        names = {key: [each["name"] for each in row["actions"]] for key, row in rows.items()}
        assert "origin" in names[then.pathspec]
        assert "origin" not in names[first.pathspec]
        opened = panel._made("origin", panel._page.runs[0])
        assert opened.running.pathspec == first.pathspec
        opened.close()
    finally:
        panel.close()


def test_a_resumed_run_that_is_resumed(write_flow, resumed):
    """E6: parameters come from the run that was started with them, over several resumes."""
    _, then = resumed
    again = runner(write_flow, True).resume(origin_run_id=then.pathspec.rpartition("/")[2])
    assert (again.origin, again.parameters["rows"]) == (then.pathspec, 40)
    assert again.parameters["origin_run_id"] == then.pathspec.rpartition("/")[2]


def test_an_origin_that_nbrunner_has_no_record_of(write_flow, tmp_path):
    """E6: without a record of the origin, its parameters are read from Metaflow."""
    flow = runner(write_flow, False).flow_file
    command = [sys.executable, flow, "--no-pylint", "run", "--rows", "40"]
    subprocess.run(command, capture_output=True, check=False, cwd=tmp_path)
    then = runner(write_flow, True).resume()
    assert then.parameters["rows"] == 40
    older = runner(write_flow, False).run(rows=41)
    record = json.loads((older.directory.path / run_directory.RECORD).read_text())
    del record["flow"]["parameters"]
    (older.directory.path / run_directory.RECORD).write_text(json.dumps(record))
    again = runner(write_flow, True).resume()
    assert (again.origin, again.parameters["rows"]) == (older.pathspec, 41)


@pytest.mark.parametrize("name", ["rows", "top_k"])
def test_a_run_cannot_be_resumed_with_a_parameter(write_flow, name, private_state):
    """E14: the error says that a resumed run keeps its origin's parameters."""
    made = runner(write_flow, True)
    with pytest.raises(BadValueError, match="a parameter of RowsFlow, and a resumed run keeps th"):
        made.resume(**{name: 40})
    flag = f"--{name.replace('_', '-')}"
    said = f"resume: unknown option {flag}\nit is a parameter of RowsFlow; a resumed run keeps"
    for words in (["resume", flag, "40"], ["resume", f"{flag}=40"]):
        with pytest.raises(BadValueError, match=said):
            call_of(made.describe(), [Word(each) for each in words])
    with pytest.raises(BadValueError, match="unknown option --nonsense"):
        call_of(made.describe(), [Word("resume"), Word("--nonsense")])
    assert not list(private_state.glob("runs/*/record.json"))
