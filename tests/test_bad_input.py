"""Bad input gets a helpful error before anything starts, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import pytest
from support.flows import SLOWFLOW

from nbrunner import (
    BadRequest,
    BadTypeError,
    BadValueError,
    CleanedUpError,
    FlowImportError,
    FlowLoadError,
    FlowNotFoundError,
    FlowSyntaxError,
    NbrunnerError,
    Runner,
    RunNotFoundError,
    RunStartError,
    attach,
    describe,
)

pytestmark = pytest.mark.slow

PARAMETERS = """\
from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, step

class ParamFlow(FlowSpec):

    count = Parameter('count', type=int, required=True, help='how many')
    ratio = Parameter('ratio', type=float, default=0.5)
    who = Parameter('who', default='nobody')
    on = Parameter('on', type=bool, default=False)
    table = Parameter('table', type=JSONType, default='{}')
    words = Parameter('words', default='a', separator=',')
    text = IncludeFile('text', required=False)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    ParamFlow()
"""


@pytest.fixture
def no_run_recorded(private_state):
    """Check that the test leaves no run directory and no incomplete description."""
    yield
    assert not list(private_state.glob("runs/[!.]*"))
    assert not list(private_state.glob("describe-*"))


def refusal(kind: type[Exception], runner: Runner, **arguments) -> str:
    """Return the error of a refused run; it must be the same for run() and async_run()."""
    with pytest.raises(kind) as blocking:
        runner.run(**arguments)
    with pytest.raises(kind) as awaited:
        asyncio.run(runner.async_run(**arguments))
    assert isinstance(blocking.value, NbrunnerError)
    assert str(blocking.value) == str(awaited.value)
    return str(blocking.value)


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (
            {"conut": 1, "count": 1},
            ValueError,
            ["'conut'", "did you mean 'count'", "ratio, ", "tags"],
        ),
        ({"count": 1, "max_worker": 2}, ValueError, ["'max_worker'", "did you mean 'max_workers'"]),
        ({"count": 1, "runner_attribute_file": ""}, ValueError, ["set by nbrunner"]),
        ({}, ValueError, ["Missing argument", "count is required", "how many"]),
        ({"count": None}, ValueError, ["Missing argument", "count"]),
        ({"count": "abc"}, TypeError, ["count", "expected an int", "'abc'", "type str"]),
        ({"count": "3"}, TypeError, ["count", "expected an int", "'3'", "type str"]),
        ({"count": 3.0}, TypeError, ["count", "expected an int", "3.0", "type float"]),
        ({"count": True}, TypeError, ["count", "expected an int", "True", "type bool"]),
        ({"count": 1, "ratio": "half"}, TypeError, ["ratio", "expected a float", "0.5", "'half'"]),
        (
            {"count": 1, "who": ["a", "b"]},
            TypeError,
            ["who", "expected a str", "'nobody'", "type list"],
        ),
        ({"count": 1, "who": 7}, TypeError, ["who", "expected a str", "type int"]),
        ({"count": 1, "who": "a\0b"}, ValueError, ["who", "NUL"]),
        ({"count": 1, "on": "yes"}, TypeError, ["on", "True or False"]),
        ({"count": 1, "table": {1, 2}}, TypeError, ["table", "JSON", "type set"]),
        ({"count": 1, "text": 5}, TypeError, ["text", "expected a path", "type int"]),
        ({"count": 1, "text": "no.txt"}, ValueError, ["text", "to include", "does not exist"]),
        ({"count": 1, "text": "/"}, ValueError, ["text", "to include", "'/'", "is a folder"]),
        ({"count": 1, "tags": "mytag"}, TypeError, ["tags", "expected a list", "'mytag'"]),
        ({"count": 1, "tags": [1]}, TypeError, ["tags", "expected a str", "type int"]),
        (
            {"count": 1, "max_workers": "2"},
            TypeError,
            ["max_workers", "expected an int", "type str"],
        ),
    ],
)
def test_an_argument_that_does_not_fit(write_flow, no_run_recorded, arguments, kind, said):
    runner = Runner(write_flow("paramflow", PARAMETERS), pylint=False)
    message = refusal(kind, runner, **arguments)
    assert not [part for part in said if part not in message], message


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"pylnt": False}, ValueError, ["Runner()", "'pylnt'", "did you mean 'pylint'"]),
        ({"pylint": "no"}, TypeError, ["pylint", "True or False", "'no'"]),
        ({"decospecs": "retry"}, TypeError, ["decospecs", "expected a list", "'retry'"]),
        ({"metadata": "lcoal"}, ValueError, ["metadata", "local", "'lcoal'"]),
        ({"config": [("x",)]}, TypeError, ["config", "pairs"]),
        ({"config_value": "x"}, TypeError, ["config_value", "pairs"]),
    ],
)
def test_a_top_level_option_that_does_not_fit(write_flow, no_run_recorded, options, kind, said):
    runner = Runner(write_flow("slowflow"), **options)
    message = refusal(kind, runner)
    assert not [part for part in said if part not in message], message


def test_what_is_refused_names_the_step_and_those_there_are(write_flow, no_run_recorded):
    with pytest.raises(BadValueError, match=r"no step 'strat'.*did you mean 'start'") as refused:
        Runner(write_flow("slowflow")).resume(origin_run_id="1", step_to_rerun="strat")
    assert "start, end" in str(refused.value)


def test_a_missing_flow_file_is_named_as_given_and_as_resolved(tmp_path):
    with contextlib.chdir(tmp_path), pytest.raises(FileNotFoundError) as refused:
        Runner("nowhere/flow.py")
    assert isinstance(refused.value, FlowNotFoundError)
    assert "'nowhere/flow.py'" in str(refused.value)
    assert str(tmp_path / "nowhere" / "flow.py") in str(refused.value)


def test_a_directory_is_no_flow_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="is a directory"):
        Runner(tmp_path)


def test_a_file_of_another_kind_is_no_flow_file(tmp_path):
    (tmp_path / "flow.ipynb").write_text("{}")
    with pytest.raises(ValueError, match=r"flow\.ipynb.*not a Python file"):
        Runner(tmp_path / "flow.ipynb")


def test_what_is_neither_path_nor_flow_class():
    with pytest.raises(TypeError, match="path of its file or its FlowSpec class, got 3"):
        Runner(3)


@pytest.mark.parametrize(
    ("line", "kinds", "said"),
    [
        ("def broken(:", (SyntaxError, FlowSyntaxError), "SyntaxError"),
        ("import no_such_module_at_all", (ImportError, FlowImportError), "no_such_module_at_all"),
        ("1 / 0", (RuntimeError, FlowLoadError), "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", (RuntimeError, FlowLoadError), "exits with 3"),
        ("import os; os._exit(4)", (RuntimeError, FlowLoadError), "without an answer"),
    ],
)
def test_a_flow_file_that_cannot_be_imported(write_flow, no_run_recorded, line, kinds, said):
    file = write_flow("broken", f"# a comment\n\n{line}\n{SLOWFLOW}")
    message = refusal(kinds[0], Runner(file))
    with pytest.raises(kinds[1]):
        Runner(file).run()
    assert said in message
    assert str(file) in message
    if "_exit" not in line:
        assert f'"{file}", line 3' in message, "the file's own line"
        assert "describe_child" not in message, "and none of ours"


def test_a_syntax_error_says_where(write_flow):
    with pytest.raises(SyntaxError) as refused:
        Runner(write_flow("broken", "x = 1\ndef broken(:\n")).run()
    assert (Path(refused.value.filename).name, refused.value.lineno) == ("broken.py", 2)


def test_an_error_in_an_imported_module_shows_both_lines(write_flow):
    file = write_flow("caller", f"import broken_module\n{SLOWFLOW}")
    module = write_flow("broken_module", "\n\nraise LookupError('not in there')\n")
    message = refusal(RuntimeError, Runner(file))
    assert f'"{file}", line 1' in message
    assert f'"{module}", line 3' in message
    assert message.endswith("LookupError: not in there")


def test_a_file_without_a_flow(write_flow, no_run_recorded):
    file = write_flow("empty", "from metaflow import FlowSpec, step\n")
    message = refusal(ValueError, Runner(file))
    assert f"no FlowSpec class found in {file}" in message


def test_a_file_with_two_flows_names_both(write_flow, no_run_recorded):
    other = SLOWFLOW.replace("SlowFlow", "OtherFlow")
    message = refusal(ValueError, Runner(write_flow("two", SLOWFLOW + other)))
    assert "OtherFlow, SlowFlow" in message


@pytest.mark.parametrize("code", [0, 3])
def test_a_flow_that_exits_before_metaflow_starts(write_flow, no_run_recorded, code):
    leaving = f"    print('leaving early'); raise SystemExit({code})\n    SlowFlow()"
    file = write_flow("leaving", SLOWFLOW.replace("    SlowFlow()", leaving))
    with pytest.raises(RuntimeError) as refused:
        Runner(file, show_output=False).run()
    assert isinstance(refused.value, RunStartError)
    assert refused.value.returncode == code
    for part in (f"exit code {code}", "leaving early", f"{file} run"):
        assert part in str(refused.value)


def test_a_long_command_is_shown_by_its_ends(write_flow, no_run_recorded):
    leaving = "    raise SystemExit(3)\n    ParamFlow()"
    file = write_flow("leaving", PARAMETERS.replace("    ParamFlow()", leaving))
    with pytest.raises(RunStartError) as refused:
        Runner(file, show_output=False).run(count=1, who="x" * 100_000, words="last")
    message = str(refused.value)
    assert len(message) < 3000
    for part in (f"{file} run", "characters ...", "--words=last"):
        assert part in message


@pytest.mark.parametrize("way", ["run", "async_run"])
def test_a_run_that_never_gets_an_id_is_ended(write_flow, no_run_recorded, way):
    waiting = (
        "import time\n"
        "if __name__ == '__main__':\n    print('hanging', flush=True)\n    time.sleep(300)\n"
    )
    file = write_flow("hanging", waiting + SLOWFLOW)
    describe(file)  # the time is then the run's alone
    runner = Runner(file, show_output=False, file_read_timeout=2)
    with pytest.raises(RunStartError, match=r"did not start within 2 s") as refused:
        runner.run() if way == "run" else asyncio.run(runner.async_run())
    assert "hanging" in str(refused.value)


def test_a_flow_file_that_never_ends_being_imported(write_flow, no_run_recorded):
    file = write_flow("forever", f"import time; print('on and on'); time.sleep(300)\n{SLOWFLOW}")
    with pytest.raises(RunStartError, match="still being imported after 1 s"):
        Runner(file, file_read_timeout=1).run()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("self.next(self.end)", "self.next(self.nowhere)"), "nowhere"),
        (("        self.next(self.end)\n", ""), "start"),
        (("def end(self)", "def finish(self)"), "end"),
    ],
)
def test_a_graph_that_metaflow_refuses(write_flow, no_run_recorded, change, said):
    file = write_flow("graph", SLOWFLOW.replace(*change))
    with pytest.raises(RuntimeError) as refused:
        Runner(file, show_output=False).run(seconds=0)
    message = str(refused.value)
    for part in ("Validity checker found an issue", said, "exit code 1", f"{file}"):
        assert part in message


@pytest.mark.parametrize("env", [{"A": 1}, {1: "A"}, {"A": None}])
def test_an_environment_of_other_than_texts(write_flow, env):
    with pytest.raises(TypeError, match=r"env: expected names and values of type str.*of type"):
        Runner(write_flow("slowflow"), env=env)


@pytest.mark.parametrize("env", [{"A=B": "1"}, {"": "1"}, {"A": "one\0two"}])
def test_an_environment_that_no_process_can_have(write_flow, env):
    with pytest.raises(ValueError, match="env: not a valid variable"):
        Runner(write_flow("slowflow"), env=env)


def test_a_missing_working_directory(write_flow, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cwd: no directory at .*nowhere"):
        Runner(write_flow("slowflow"), cwd=tmp_path / "nowhere")


def test_a_current_directory_that_was_deleted(write_flow, no_run_recorded, tmp_path):
    flow = write_flow("slowflow")
    gone = tmp_path / "gone"
    gone.mkdir()
    with contextlib.chdir(gone):
        runner = Runner(flow, show_output=False, pylint=False)
    with contextlib.chdir(tmp_path):
        os.chdir(gone)
        gone.rmdir()
        for what in (
            lambda: runner.run(seconds=0),
            lambda: runner.describe(),
            lambda: describe(flow),
            lambda: Runner("slowflow.py"),
            lambda: Runner(flow, cwd="sub"),
        ):
            with pytest.raises(FlowNotFoundError, match=r"directory was deleted; .*os\.chdir\(\)"):
                what()


@pytest.mark.slow
def test_an_absolute_cwd_serves_where_the_current_directory_was_deleted(write_flow, tmp_path):
    flow = write_flow("slowflow")
    (tmp_path / "gone").mkdir()
    with contextlib.chdir(tmp_path):
        os.chdir("gone")
        (tmp_path / "gone").rmdir()
        runner = Runner(flow, show_output=False, pylint=False, cwd=tmp_path)
        assert runner.run(seconds=0).status == "successful"


def test_an_unknown_profile_is_told_in_metaflows_words(write_flow, no_run_recorded):
    message = refusal(RuntimeError, Runner(write_flow("slowflow"), profile="no_such_profile"))
    assert "no_such_profile" in message


def test_a_bad_argument_leaves_the_working_directory_alone(write_flow, tmp_path):
    (tmp_path / "sub").mkdir()
    before = os.getcwd()
    with pytest.raises(BadRequest):
        Runner(write_flow("slowflow"), cwd=tmp_path / "sub").run(nope=1)
    assert os.getcwd() == before


def test_resuming_what_never_ran(write_flow, no_run_recorded):
    with pytest.raises(RuntimeError) as refused:
        Runner(write_flow("slowflow"), show_output=False).resume()
    assert "SlowFlow" in str(refused.value)
    assert "run" in str(refused.value)


@pytest.mark.parametrize("unknown", ["SlowFlow/987654", "987654"])
def test_attaching_to_an_unknown_run(unknown, private_state):
    with pytest.raises(LookupError) as refused:
        attach(unknown)
    assert isinstance(refused.value, RunNotFoundError)
    assert unknown in str(refused.value)
    assert str(private_state / "runs") in str(refused.value)


@pytest.mark.parametrize("unknown", ["", 17, None])
def test_attaching_to_what_is_no_name(unknown):
    with pytest.raises(ValueError, match="expected a pathspec"):
        attach(unknown)


@pytest.mark.slow
def test_use_after_cleanup_and_stop_of_an_ended_run(write_flow, no_run_recorded):
    runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
    running = runner.run(seconds=0)
    report = running.stop()
    assert (report.status, report.returncode, report.signals) == ("successful", 0, ())
    assert str(report) == "successful: had already ended"
    with pytest.raises(ValueError, match="expected 'stdout' or 'stderr', got 'both'"):
        _ = asyncio.run(_first(running.stream_log("both")))
    with pytest.raises(ValueError, match="timeout: expected seconds, 0 or more, got -1"):
        asyncio.run(running.wait(timeout=-1))
    with pytest.raises(BadTypeError, match="timeout: expected seconds, got '5'"):
        asyncio.run(running.wait(timeout="5"))
    with pytest.raises(BadValueError, match="position: expected bytes, 0 or more, got -5"):
        asyncio.run(_first(running.stream_log("stdout", -5)))
    with pytest.raises(BadTypeError, match="position: expected an int, got '5' of type str"):
        asyncio.run(_first(running.stream_log("stdout", "5")))
    runner.cleanup()
    for look in (
        lambda: running.stdout,
        lambda: running.stderr,
        lambda: running.progress,
        lambda: asyncio.run(_first(running.stream_log("stdout"))),
    ):
        with pytest.raises(CleanedUpError, match=rf"{running.pathspec}.*cleanup\(\)"):
            look()
    assert running.status == "successful", "what was known stays known"
    assert running.run.data.secs == 0


async def _first(lines):
    return await anext(lines)
