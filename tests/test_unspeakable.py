"""Values that a command line or environment cannot hold are refused before anything starts."""

from __future__ import annotations

import asyncio
import fractions
import os

import pytest

from nbrunner import BadTypeError, BadValueError, Runner, sweep
from nbrunner.errors import shown

pytestmark = [pytest.mark.slow, pytest.mark.once]

FLOW = """\
from metaflow import Config, FlowSpec, JSONType, Parameter, step

class TakingFlow(FlowSpec):

    i = Parameter('i', type=int, default=1)
    x = Parameter('x', type=float, default=1.0)
    s = Parameter('s', default='a')
    j = Parameter('j', type=JSONType, default='{}')

    @step
    def start(self):
        self.seen = (self.i, self.s, self.j)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    TakingFlow()
"""

HALF = "\\ud800"
HUGE = 10**5000
DEEP: list = []
for _level in range(100_000):
    DEEP = [DEEP]


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no text of me")


@pytest.fixture(params=["0", "1"], ids=["cold", "warm"])
def runner(request, write_flow, monkeypatch, private_state):
    monkeypatch.setenv("NBRUNNER_WARM", request.param)
    yield Runner(write_flow("takingflow", FLOW), show_output=False, pylint=False)
    assert not list(private_state.glob("runs/[!.]*")), "nothing was started"
    assert not list(private_state.glob("describe-*"))


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ({"s": "a\ud800"}, BadValueError, ["s: ", HALF, "cannot encode"]),
        ({"s": "a\0b"}, BadValueError, ["s: ", "NUL"]),
        ({"tags": ["fine", "\udfff"]}, BadValueError, ["tags: ", "\\udfff"]),
        ({"run_id_file": "\ud800"}, BadValueError, ["run_id_file: ", HALF]),
        (
            {"i": HUGE},
            BadValueError,
            ["i: ", "an int", "type int that cannot be shown", "4300 digits"],
        ),
        ({"x": HUGE}, BadValueError, ["x: ", "a float", "4300 digits"]),
        ({"x": fractions.Fraction(HUGE)}, BadValueError, ["x: ", "a float"]),
        ({"max_workers": HUGE}, BadValueError, ["max_workers: "]),
        ({"j": [HUGE]}, BadTypeError, ["j: ", "JSON", "type list that cannot be shown"]),
        ({"j": DEEP}, BadTypeError, ["j: ", "JSON"]),
        ({"s": HUGE}, BadTypeError, ["s: ", "expected a str"]),
        ({"s": Broken()}, BadTypeError, ["s: ", "type Broken that cannot be shown (RuntimeError)"]),
        ({"s": "x" * 200_000}, BadValueError, ["s: ", "200,"]),
        ({"s": "é" * 100_000}, BadValueError, ["s: ", "200,"]),
        (
            {"tags": [f"{number}-{'x' * 1000}" for number in range(8000)]},
            BadValueError,
            ["arguments and environment take 8,", "8,0", "--tag"],
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_parameter(runner, arguments, kind, said):
    """B6: warm and cold alike, for every kind of argument."""
    for run in (
        lambda: runner.run(**arguments),
        lambda: asyncio.run(runner.async_run(**arguments)),
    ):
        with pytest.raises(kind) as refused:
            run()
        message = str(refused.value)
        assert not [part for part in said if part not in message], message
        assert len(message) < 1000


@pytest.mark.parametrize(
    "options", [{"decospecs": ["\ud800"]}, {"config_value": [("c", "\ud800")]}]
)
def test_a_top_level_option(runner, options):
    """B6: an option before the subcommand, which the description of the flow needs."""
    with pytest.raises(BadValueError, match=rf"{next(iter(options))}: .*cannot encode"):
        Runner(runner.flow_file, **options).run()


@pytest.mark.parametrize(
    ("env", "kind", "said"),
    [
        ({"A": "\ud800"}, BadValueError, r"env: not a valid variable: 'A': '\\ud800'"),
        ({"\udc00\ud800": "a"}, BadValueError, "cannot encode"),
        ({"A": "a\0"}, BadValueError, "a NUL character"),
        (
            {"A": HUGE},
            BadTypeError,
            "names and values of type str, got 'A': a value of type int that cannot",
        ),
        (
            {"A": "x" * 131_072},
            BadValueError,
            "'A' takes 131,075 bytes, more than the system's limit of 131,072",
        ),
        ({"A": b"bytes"}, BadTypeError, "type bytes"),
    ],
)
def test_a_variable(runner, env, kind, said):
    """B6: the same for `env`, when the Runner is created."""
    with pytest.raises(kind, match=said):
        Runner(runner.flow_file, env=env)


def test_a_variable_of_this_process(runner, monkeypatch):
    """B6: a variable that this process can have, but not pass to a child."""
    monkeypatch.setenv("BIG", "x" * 200_000)
    with pytest.raises(BadValueError, match="'BIG' takes 200,005 bytes"):
        runner.run()


def test_many_variables(runner):
    """B6: none of them is too large on its own."""
    env = {f"V{number}": "x" * 100_000 for number in range(80)}
    with pytest.raises(BadValueError, match=r"arguments and environment take 8,.*largest is \$V"):
        Runner(runner.flow_file, env=env, pylint=False).run()


@pytest.mark.parametrize("profile", ["\ud800", "a\0b", 7])
def test_a_profile(runner, profile):
    """B6: it becomes a variable, too."""
    with pytest.raises((BadValueError, BadTypeError), match="METAFLOW_PROFILE"):
        Runner(runner.flow_file, profile=profile).run()


def test_a_sweep_names_it_too(runner):
    """B6: the sweep starts none of its runs."""
    with pytest.raises(BadValueError, match="s: an argument cannot contain"):
        sweep(runner, {"s": ["fine", "\ud800"]})


@pytest.mark.parametrize("warm", ["0", "1"])
def test_what_can_be_held_arrives(write_flow, monkeypatch, warm):
    """B6: file names that are not UTF-8, the longest word, a lone surrogate in JSON."""
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    runner = Runner(
        write_flow("takingflow", FLOW),
        show_output=False,
        pylint=False,
        env={"LONGEST": "x" * (128 * 1024 - len("LONGEST=") - 1)},
    )
    odd = os.fsdecode(b"caf\xe9") + "x" * 131_000
    running = runner.run(i=10**4000, s=odd, j=["\ud800"])
    assert running.status == "successful", running.stderr
    assert running.warm == (warm == "1"), running.cold_reason
    assert running.run["start"].task.data.seen == (10**4000, odd, ["\ud800"])


def test_any_value_is_shown_in_an_error():
    """B6: a failure to build the message would hide the actual error."""
    assert shown("x" * 1000) == f"'{'x' * 199}… (1,002 characters)"
    assert shown(HUGE) == "a value of type int that cannot be shown (ValueError)"
    assert shown(Broken()) == "a value of type Broken that cannot be shown (RuntimeError)"
