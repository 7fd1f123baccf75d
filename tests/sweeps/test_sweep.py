"""Sweeps: many runs with different parameters, in order, including failures."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from functools import partial

import pytest
from support.scripts import run_script

from nbrunner import ExecutingRun, Runner, async_sweep, attach_sweep, sweep
from nbrunner.errors import BadTypeError, BadValueError, NoEventLoopError, RunNotFoundError
from nbrunner.jupyter.panels.board_order import chosen
from nbrunner.jupyter.panels.board_rows import BoardRows
from nbrunner.starter import Starter
from nbrunner.sweeps import api as sweeps_api
from nbrunner.sweeps.grid import differing, parameter_sets

pytestmark = pytest.mark.slow

SCOREFLOW = """\
import os
from metaflow import FlowSpec, Parameter, step

HERE = os.path.dirname(os.path.abspath(__file__))

class ScoreFlow(FlowSpec):

    x = Parameter('x', default=1)
    label = Parameter('label', default='a')

    @step
    def start(self):
        if self.x < 0:
            raise ValueError('x is negative')
        if self.label == 'wait':
            open(f'{HERE}/begun-{self.x}', 'w').close()
            open(f'{HERE}/gate').close()
        self.score = self.x ** 2
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    ScoreFlow()
"""


@pytest.fixture
def runner(write_flow):
    return Runner(write_flow("scoreflow.py", SCOREFLOW), show_output=False, pylint=False)


@pytest.mark.parametrize(
    ("given", "sets"),
    [
        ({"a": [1, 2]}, [{"a": 1}, {"a": 2}]),
        (
            {"a": [1, 2], "b": ["x", "y"]},
            [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}],
        ),
        ({"a": range(2)}, [{"a": 0}, {"a": 1}]),
        ([{"a": 1}, {"b": 2}], [{"a": 1}, {"b": 2}]),
        (({"a": n} for n in (1, 2)), [{"a": 1}, {"a": 2}]),
    ],
)
def test_parameter_sets(given, sets):
    assert parameter_sets(given) == sets


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"a": "xyz"}, BadTypeError, "expected a list of values for 'a', got 'xyz'"),
        ({"a": 3}, BadTypeError, "expected a list of values for 'a', got 3"),
        ({}, BadValueError, "no values for any parameter"),
        ({"a": [1], "b": []}, BadValueError, "no values for b"),
        ([], BadValueError, "list of parameter sets is empty"),
        ([1], BadTypeError, "expected a dict for each run, got 1"),
        ("ab", BadTypeError, "expected a dict of lists or a list of dicts"),
        (7, BadTypeError, "expected a dict of lists or a list of dicts"),
    ],
)
def test_what_is_no_set_of_parameters(given, error, said):
    with pytest.raises(error, match=said):
        parameter_sets(given)


def test_names_that_differ():
    assert differing([{"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 1, "c": 1}]) == ["b", "c"]
    assert differing([{"a": 1}]) == []


def test_runs_come_back_in_order_with_parameters_and_results(runner):
    done = sweep(runner, {"x": [3, 1, 2], "label": ["a", "b"]}, parallel=3)
    assert [(run.parameters["x"], run.parameters["label"]) for run in done] == [
        (3, "a"), (3, "b"), (1, "a"), (1, "b"), (2, "a"), (2, "b"),
    ]  # fmt: skip
    assert done.counts == {"successful": 6}
    assert done.is_over
    table = done.table("score", "nothing")
    assert list(table.columns) == ["x", "label", "status", "seconds", "run", "score", "nothing"]
    assert list(table["score"]) == [9, 9, 1, 1, 4, 4]
    assert list(table["run"]) == [run.pathspec for run in done]
    assert table["nothing"].isna().all()


def test_the_artifacts_of_a_sweep_are_on_its_board_and_in_its_table(runner):
    done = sweep(runner, {"x": [1, 3, 2]}, artifacts=("score",))
    for each in (done, attach_sweep(done.name)):
        assert list(each.table()["score"]) == [1, 9, 4]
        rows = BoardRows(each)
        assert "score" in [column["name"] for column in rows.columns]
        best = chosen(rows.read(), "score", descending=True)
        assert [row.values["score"] for row in best] == [9, 4, 1]
    assert "score" not in sweep(runner, {"x": [1]}).table()


def test_no_more_run_at_once_than_asked_for(runner):
    done = sweep(runner, {"x": [1, 2, 3, 4, 5]}, parallel=2)
    spans = [(run.record["started"], run.record["started"] + run.elapsed_seconds) for run in done]
    for start, _ in spans:
        assert sum(begin <= start < end for begin, end in spans) <= 2


def test_failures_are_kept_and_the_rest_goes_on(runner):
    done = sweep(runner, {"x": [1, -1, 2]}, parallel=1)
    assert done.statuses == ["successful", "failed", "successful"]
    assert done[1].failure.message == "x is negative"


def test_a_failure_can_end_the_sweep(runner):
    done = sweep(runner, {"x": [1, -1, 2, 3]}, parallel=1, on_failure="stop")
    assert done.statuses == ["successful", "failed", "not started", "not started"]
    assert done.runs[2] is None
    assert done.is_over
    assert list(done.table()["status"]) == done.statuses


def test_everything_is_checked_before_anything_starts(runner, private_state):
    for wrong in ({"x": [1, "high"]}, {"z": [1]}, [{"x": 1}, {"y": 2}]):
        with pytest.raises((BadTypeError, BadValueError)):
            sweep(runner, wrong)
    with pytest.raises(BadValueError, match="parallel: expected 1 or more, got 0"):
        sweep(runner, {"x": [1]}, parallel=0)
    with pytest.raises(BadValueError, match="on_failure: expected 'continue' or 'stop'"):
        sweep(runner, {"x": [1]}, on_failure="ignore")
    assert not list((private_state / "runs").glob("[0-9]*"))


def test_parameters_that_all_share(runner):
    done = sweep(runner, {"x": [1, 2]}, label="shared", tags=["swept"])
    assert all("swept" in run.run.tags for run in done)
    assert [run.parameters["label"] for run in done] == ["shared", "shared"]


def test_progress_is_told_where_nothing_else_shows_it(write_flow, capsys):
    runner = Runner(write_flow("scoreflow.py", SCOREFLOW), pylint=False)
    sweep(runner, {"x": [1, -1]}, parallel=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("x=1: ScoreFlow/") and " successful, " in lines[0]
    assert lines[1].startswith("x=-1: ScoreFlow/") and " failed, " in lines[1]


def test_async_sweep_returns_at_once_and_is_awaited(runner):
    async def main():
        began = await async_sweep(runner, {"x": [1, 2, 3]}, parallel=2)
        assert not began.is_over
        ended = await began
        assert ended is began
        return began

    assert asyncio.run(main()).counts == {"successful": 3}


def test_stopping_all(runner, tmp_path):
    async def main():
        began = await async_sweep(runner, {"x": [1, 2, 3]}, parallel=2, label="wait")
        while not all((tmp_path / f"begun-{n}").exists() for n in (1, 2)):
            await asyncio.sleep(0.01)
        await began.async_stop()
        await began
        return began

    os.mkfifo(tmp_path / "gate")
    assert asyncio.run(main()).statuses == ["stopped", "stopped", "not started"]


def test_a_stop_reaches_a_run_that_is_just_starting(runner, tmp_path, monkeypatch):
    start = Starter.start

    async def main():
        async def stopped_meanwhile(*arguments):
            run = await start(*arguments)
            await began.async_stop()  # the sweep does not have this run yet
            return run

        monkeypatch.setattr(Starter, "start", stopped_meanwhile)
        began = await async_sweep(runner, {"x": [1, 2]}, parallel=1, label="wait")
        await began
        return began

    os.mkfifo(tmp_path / "gate")
    assert asyncio.run(main()).statuses == ["stopped", "not started"]


DIES = """
    import asyncio, os, signal, sys
    from pathlib import Path
    from nbrunner import Runner, async_sweep

    async def main():
        runner = Runner("scoreflow.py", pylint=False)
        began = await async_sweep(runner, {"x": [1, 2, 3, 4]}, parallel=2, label="wait")
        while not all(Path(f"begun-{n}").exists() for n in (1, 2)):
            await asyncio.sleep(0.01)
        print(began.name, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main())
"""


def test_a_sweep_is_taken_up_after_its_process_was_killed(write_flow, tmp_path):
    write_flow("scoreflow.py", SCOREFLOW)
    os.mkfifo(tmp_path / "gate")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(DIES))
    died = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    name = died.stdout.strip()
    assert died.returncode == -signal.SIGKILL, died.stderr
    again = attach_sweep(name)
    assert again.statuses == ["running", "running", "waiting", "waiting"]
    before = [run.pathspec for run in again.runs[:2]]

    async def finish():
        waiting = asyncio.ensure_future(again.wait())
        while not all(status == "successful" for status in again.statuses):
            # Let every task that waits at the gate continue.
            with contextlib.suppress(OSError):  # no task is waiting right now
                os.close(os.open(tmp_path / "gate", os.O_WRONLY | os.O_NONBLOCK))
            await asyncio.sleep(0.01)
        await waiting

    asyncio.run(finish())
    assert [run.pathspec for run in again.runs[:2]] == before, "no run is started twice"
    assert again.counts == {"successful": 4}
    assert [run.parameters["x"] for run in again] == [1, 2, 3, 4]
    assert attach_sweep().counts == {"successful": 4}, "the latest one, without a name"


FORKS = """
    import fcntl, os, signal, sys
    from pathlib import Path
    from nbrunner.sweeps.store import SweepDirectory

    directory = SweepDirectory(Path(sys.argv[1]))
    with directory.driving() as ours:
        assert ours
        if os.fork():
            os._exit(0)  # it was killed, say
        signal.alarm(60)  # far beyond what the kernel needs to let go of the lock
        with open(directory.path / "lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
        with directory.driving() as again:
            print(again, flush=True)
        os._exit(0)
"""


def test_a_fork_does_not_keep_the_lock_of_a_process_that_is_gone(runner, tmp_path):
    """H1: the fork waits for the lock itself, as a pipe of that process may end earlier."""
    made = sweeps_api._made(runner, runner.describe(), {"x": [1]}, 1, "continue", {})
    assert run_script(tmp_path, FORKS, str(made._directory.path)) == ["True"]


def test_a_failure_that_nobody_saw_ends_the_sweep_of_whoever_takes_it_up(runner):
    made = sweeps_api._made(runner, runner.describe(), {"x": [-1, 1]}, 1, "stop", {})
    first = asyncio.run(
        runner.starter.start(ExecutingRun, "run", {"x": -1}, partial(made._directory.note, 0))
    )
    asyncio.run(first.wait())
    again = attach_sweep(made.name, runner)
    asyncio.run(again.wait())
    assert again.statuses == ["failed", "not started"]


def test_a_sweep_that_is_begun_where_no_loop_runs_says_what_to_do(runner):
    made = sweeps_api._made(runner, runner.describe(), {"x": [1]}, 1, "continue", {})
    with pytest.raises(NoEventLoopError, match=r"asyncio\.run\(sweep\.wait\(\)\)"):
        attach_sweep(made.name, runner).begin()


def test_columns_of_the_table_that_are_called_like_a_parameter(write_flow):
    text = SCOREFLOW.replace("'label', ", "'seconds', ").replace("self.x ** 2", "'status'")
    runner = Runner(write_flow("scoreflow.py", text), show_output=False, pylint=False)
    table = sweep(runner, [{"x": 1, "seconds": "five"}, {"x": 2}]).table("score")
    assert list(table.columns) == ["x", "seconds", "status", "run_seconds", "run", "score"]
    assert table["seconds"].iloc[0] == "five"
    assert all(table["run_seconds"] > 0)


def test_a_sweep_whose_records_are_gone_is_over_and_stays_so(runner):
    done = sweep(runner, {"x": [1, -1]}, parallel=2)
    pathspecs = [run.pathspec for run in done]
    runner.cleanup()
    again = attach_sweep(done.name, runner)
    assert again.statuses == ["successful", "failed"]
    assert again.runs == [None, None]
    asyncio.run(again.wait())
    assert again.statuses == ["successful", "failed"]
    assert list(again.table()["run"]) == pathspecs


def test_whoever_gave_up_waiting_sees_what_others_have_started(runner, tmp_path, private_state):
    arguments = {"label": "wait"}
    sets = {"x": [1, 2, 3]}
    made = sweeps_api._made(runner, runner.describe(), sets, 1, "continue", arguments)
    one, other = attach_sweep(made.name, runner), attach_sweep(made.name, runner)

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.wait(), 1)
        finishing = asyncio.ensure_future(other.wait())
        while not finishing.done():
            with contextlib.suppress(OSError):  # no task is waiting at the gate right now
                os.close(os.open(tmp_path / "gate", os.O_WRONLY | os.O_NONBLOCK))
            await asyncio.sleep(0.01)
        await one.wait()

    os.mkfifo(tmp_path / "gate")
    asyncio.run(main())
    assert one.counts == other.counts == {"successful": 3}
    assert len(list(private_state.glob("runs/*/record.json"))) == 3, "none is started twice"


def test_a_sweep_goes_on_after_the_loop_that_began_it(runner):
    began = asyncio.run(async_sweep(runner, {"x": [1, 2, 3]}, parallel=1))

    async def wait():
        await began

    asyncio.run(wait())
    assert began.counts == {"successful": 3}


def test_numbers_of_numpy_are_written_down_as_numbers(runner):
    import numpy

    done = sweep(runner, {"x": numpy.arange(1, 3), "label": ["a"]}, parallel=2)
    again = attach_sweep(done.name)
    assert again.parameters == [{"x": 1, "label": "a"}, {"x": 2, "label": "a"}]
    assert [type(each["x"]) for each in again.parameters] == [int, int]


def test_a_sweep_that_is_not_there():
    with pytest.raises(RunNotFoundError, match="no sweep yet"):
        attach_sweep()
    with pytest.raises(RunNotFoundError, match="no sweep 'x' in"):
        attach_sweep("x")


def test_what_a_sweep_needs_and_has_not_written_down_is_asked_for(write_flow):
    file = write_flow("scoreflow.py", SCOREFLOW)
    runner = Runner(file, show_output=False, pylint=False, env={"SECRET": "s3cret"})
    done = sweep(runner, {"x": [1]})
    again = attach_sweep(done.name)
    again._handles.clear()
    with pytest.raises(BadValueError, match="SECRET was set through env= and is not stored"):
        asyncio.run(again._started(0))
    assert "s3cret" not in (again._directory.path / "sweep.json").read_text()
