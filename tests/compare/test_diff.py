"""Runs compared: real ones, of nbrunner and of the command line."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nbrunner
from nbrunner import BadTypeError, BadValueError, Runner, RunNotFoundError
from nbrunner.compare.diff import DiffRow, difference
from nbrunner.compare.facts import RunFacts
from nbrunner.history import PastRun

FLOW = """\
from metaflow import FlowSpec, Parameter, step
import helper

class ScoreFlow(FlowSpec):
    depth = Parameter('depth', default=3)
    label = Parameter('label', default='a')

    @step
    def start(self):
        self.rows = list(range(10_000))
        self.same = 'same'
        self.next(self.work, foreach='rows_of')

    @step
    def work(self):
        self.each = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.score = helper.score(self.depth)
        self.next(self.end)

    @step
    def end(self):
        self.large = 'x' * 5000

    rows_of = [1, 2]

if __name__ == '__main__':
    ScoreFlow()
"""


@pytest.fixture
def flow(tmp_path, write_flow, metadata_of_this_test):
    (tmp_path / "helper.py").write_text("def score(depth):\n    return depth * 2\n")
    return write_flow("scoreflow.py", FLOW)


def run(flow, **arguments):
    return Runner(flow, pylint=False, show_output=False, cwd=str(flow.parent)).run(**arguments)


@pytest.mark.slow
def test_two_runs_before_and_after_an_edit(tmp_path, flow):
    first = run(flow)
    flow.write_text(FLOW.replace("* 5000", "* 5001"))
    (tmp_path / "helper.py").write_text("def score(depth):\n    return depth * 30\n")
    second = run(flow, depth=4, tags=["tuned"])
    found = nbrunner.diff(first, second.pathspec)
    assert found.pathspecs == (first.pathspec, second.pathspec)
    rows = {(row.section, row.name): row for row in found.rows}
    assert rows["parameters", "depth"] == DiffRow("parameters", "depth", ("3", "4"), False)
    assert rows["parameters", "label"].equal
    assert rows["run", "status"] == DiffRow("run", "status", ("successful",) * 2, True)
    assert rows["run", "tags"].values == (None, "tuned")
    assert rows["artifacts", "score"].values == ("6", "120")
    assert rows["artifacts", "same"].equal and rows["artifacts", "rows"].equal
    assert rows["artifacts", "large"].values == ("str, 5,018 bytes", "str, 5,019 bytes")
    assert ("artifacts", "depth") not in rows and ("artifacts", "each") not in rows
    assert {name for section, name in rows if section == "seconds"} == {
        *("whole run", "start", "work", "join", "end"),
    }
    changes = found.code[second.pathspec]
    assert [(change.name, change.kind) for change in changes] == [
        ("step end", "changed"),
        ("helper.py", "changed"),
    ]
    assert found.notes == []
    table = found.table()
    assert list(table.columns) == ["section", "name", *found.pathspecs, "equal", "note"]
    assert len(table) == len(found.rows)
    assert "-    return depth * 2" in str(found) and "<ins>30</ins>" in found._repr_html_()


@pytest.mark.slow
def test_a_run_of_the_command_line_is_compared_without_its_code(flow):
    ours = run(flow, label="b")
    command = [sys.executable, str(flow), "--no-pylint", "run", "--run-id-file", "id"]
    subprocess.run(command, cwd=flow.parent, check=True, capture_output=True)
    theirs = f"ScoreFlow/{(flow.parent / 'id').read_text()}"
    found = nbrunner.diff(theirs, ours)
    rows = {(row.section, row.name): row for row in found.rows}
    assert rows["parameters", "label"].values == ("'a'", "'b'")
    assert rows["artifacts", "score"].equal
    assert all(rows["seconds", step].values[0] for step in ("start", "work", "join", "end"))
    assert found.code == {}
    (note,) = found.notes
    assert note.startswith(f"the code of {theirs} is not known: nbrunner did not start the run")


@pytest.mark.slow
def test_a_failed_run_beside_two_that_went_well(tmp_path, flow):
    good = run(flow)
    (tmp_path / "helper.py").write_text("def score(depth):\n    raise ValueError('no score')\n")
    bad = run(flow)
    found = nbrunner.diff(good, bad, good)
    rows = {(row.section, row.name): row for row in found.rows}
    assert rows["run", "status"].values == ("successful", "failed", "successful")
    assert "no score" in str(rows["run", "failure"].values[1])
    assert rows["artifacts", "score"].values == ("6", None, "6")
    assert rows["seconds", "end"].values[1] is None
    assert found.code[good.pathspec] == []


def facts(pathspec: str, seconds: float | None, **steps: float) -> RunFacts:
    past = PastRun(pathspec, "successful", 1.0, seconds)
    return RunFacts(past, {}, {}, list(steps), steps, {})


@pytest.mark.once
@pytest.mark.parametrize(
    ("seconds", "equal", "note"),
    [
        ((10.0, 10.9), True, ""),
        ((10.0, 20.0), False, "2 times as long"),
        ((20.0, 10.0), False, "0.5 times as long"),
        ((0.05, 0.24), True, ""),  # both are short
        ((0.0, 5.0), False, ""),
        ((None, 5.0), False, ""),
        ((10.0, 10.0, 30.0), False, ""),
    ],
)
def test_durations_differ_where_the_difference_counts(seconds, equal, note):
    found = difference([facts(f"F/{index}", each) for index, each in enumerate(seconds)])
    (row,) = [row for row in found.rows if row.name == "whole run"]
    assert (row.equal, row.note) == (equal, note)


@pytest.mark.once
def test_without_pandas_the_table_is_a_list(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = difference([facts("F/1", 1.0, start=1.0), facts("F/2", 9.0, start=9.0)]).table()
    assert table[-1] == {
        **{"section": "seconds", "name": "start", "F/1": "1.00 s", "F/2": "9.00 s"},
        **{"equal": False, "note": "9 times as long"},
    }


@pytest.mark.once
def test_what_names_no_run(metadata_of_this_test):
    with pytest.raises(BadTypeError, match="expected the pathspec of a run, or a run; got 3"):
        nbrunner.diff(3, "F/1")
    with pytest.raises(RunNotFoundError, match="NoFlow/1"):
        nbrunner.diff("NoFlow/1", "NoFlow/2")
    with pytest.raises(RunNotFoundError, match="nothing"):
        nbrunner.diff("nothing", "NoFlow/2")


@pytest.mark.once
@pytest.mark.slow
def test_a_spun_task_is_no_run(flow):
    runner = Runner(flow, pylint=False, show_output=False, cwd=str(flow.parent))
    first = runner.run()
    spun = runner.spin("start")
    with pytest.raises(BadValueError, match="is a task that was spun, not a run"):
        nbrunner.diff(first, spun)
