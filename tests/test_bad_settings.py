"""Settings of a Runner and times of a handle that are refused by an error that names them."""

from __future__ import annotations

import asyncio
import decimal
import os

import pytest

from nbrunner import BadTypeError, BadValueError, Runner, async_sweep, attach_sweep, sweep

pytestmark = pytest.mark.slow

NAN = float("nan")


@pytest.fixture
def runner(write_flow):
    return Runner(write_flow("slowflow"), show_output=False, pylint=False)


def test_times_that_are_none_leave_the_run_alone(runner):
    """`wait(timeout=nan)` stopped the run."""
    running = asyncio.run(runner.async_run(seconds=60))
    for timeout, error in ((NAN, BadValueError), (decimal.Decimal("-1"), BadTypeError)):
        with pytest.raises(error, match="timeout: expected seconds"):
            asyncio.run(running.wait(timeout=timeout))
    with pytest.raises(BadTypeError, match="timeout: expected seconds, got True"):
        asyncio.run(running.wait(timeout=True))
    for times in ((NAN,), (1, NAN), (-1,), (1, float("-inf"))):
        with pytest.raises(BadValueError, match="grace_seconds: expected seconds, 0 or more, got"):
            running.stop(*times)
    for wrong in (("3",), (1, None), (True,)):
        with pytest.raises(BadTypeError, match="grace_seconds: expected seconds, got"):
            asyncio.run(running.async_stop(*wrong))
    assert running.status == "running"
    assert running.stop().status == "stopped"


@pytest.mark.parametrize(
    ("limit", "error"), [(NAN, BadValueError), (-1, BadValueError), ("5", BadTypeError)]
)
def test_a_file_read_timeout_that_is_none(runner, private_state, limit, error):
    runner.file_read_timeout = limit
    with pytest.raises(error, match="file_read_timeout: expected seconds"):
        runner.run(seconds=0)
    assert not list(private_state.glob("runs/*/record.json"))


@pytest.mark.parametrize("workers", [0, -1])
@pytest.mark.parametrize("method", ["run", "resume"])
def test_no_workers_at_all(runner, private_state, workers, method):
    """With `max_workers=0` Metaflow starts no task and waits forever."""
    with pytest.raises(BadValueError, match=f"max_workers: expected 1 or more, got {workers}"):
        getattr(runner, method)(max_workers=workers)
    with pytest.raises(BadValueError, match=f"max_workers: expected 1 or more, got {workers}"):
        sweep(runner, {"seconds": [0]}, max_workers=workers)
    assert not list(private_state.glob("runs/*/record.json"))


@pytest.mark.parametrize("env", [["A"], "A=1", 3, {"A": 1}, {("A",): "1"}])
def test_an_environment_of_another_type(write_flow, runner, env):
    with pytest.raises(BadTypeError, match="env: expected"):
        Runner(write_flow("slowflow"), env=env)
    before = dict(runner.env_vars)
    with pytest.raises(BadTypeError, match="env: expected"):
        runner.env_vars = env
    assert dict(runner.env_vars) == before


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("env_vars", None, "env_vars: expected a dict of names to values, got None"),
        ("top_level_kwargs", None, "top_level_options: expected a dict of .*, got None"),
        ("top_level_options", ["pylint"], r"top_level_options: .*, got \['pylint'\] of type list"),
        ("cwd", 3, "cwd: expected the path of a directory, .*, got 3 of type int"),
        ("cwd", b"/", "cwd: expected the path of a directory, .* of type bytes"),
    ],
)
def test_a_setting_of_another_type(runner, name, value, message):
    before = (runner.cwd, dict(runner.env_vars), runner.top_level_options)
    with pytest.raises(BadTypeError, match=message):
        setattr(runner, name, value)
    assert (runner.cwd, dict(runner.env_vars), runner.top_level_options) == before


def test_a_sweep_of_something_else_than_a_runner(write_flow):
    file = str(write_flow("slowflow"))
    for function in (sweep, lambda *given: asyncio.run(async_sweep(*given))):
        for given in (file, None, Runner):
            with pytest.raises(BadTypeError, match="sweep: expected a Runner, got"):
                function(given, {"seconds": [1]})
    with pytest.raises(BadTypeError, match="attach_sweep: expected a Runner, got"):
        attach_sweep("", file)


def test_artifacts_of_a_sweep_that_are_none(runner):
    with pytest.raises(BadTypeError, match="artifacts: expected a list of names, got 3"):
        sweep(runner, {"seconds": [1]}, artifacts=3)


def test_environments_are_joined_as_dicts_are(runner):
    variables = runner.env_vars
    variables["ONE"] = "1"
    assert type(variables.copy()) is dict
    assert variables.copy() == dict(variables) == {**os.environ, "ONE": "1"}
    joined = variables | {"ONE": "one", "TWO": "2"}
    assert type(joined) is dict
    assert (joined["ONE"], joined["TWO"], variables["ONE"]) == ("one", "2", "1")
    joined = {"ONE": "one", "TWO": "2"} | variables
    assert type(joined) is dict
    assert (joined["ONE"], joined["TWO"]) == ("1", "2")
    assert (variables | variables) == dict(variables)
    with pytest.raises(TypeError):
        variables | ["A"]


def test_an_environment_is_extended_in_place(runner):
    runner.env_vars |= {"TWO": "2"}
    runner.env_vars |= [("THREE", "3")]
    assert (runner.env_vars["TWO"], runner.env_vars["THREE"]) == ("2", "3")
    assert {"TWO", "THREE"} <= set(runner.settings["env"])
    variables = runner.env_vars
    with pytest.raises(BadTypeError):
        variables |= {"FOUR": "4", "FIVE": 5}
    assert "FOUR" not in variables, "all of them, or none"
