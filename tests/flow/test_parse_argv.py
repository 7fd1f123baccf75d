"""Words of the command line and the equivalent calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nbrunner.errors import BadValueError
from nbrunner.flow.build_argv import command_words
from nbrunner.flow.description import FlowDescription, Option
from nbrunner.flow.parse_argv import Call, Word, call_of, config_words

pytestmark = pytest.mark.once

FLOW = FlowDescription(
    name="WordsFlow",
    file="/flows/words.py",
    parameters=(
        Option("alpha", "--Alpha", kind="int", default=1),
        Option("rate", "--rate", kind="float", default=0.5),
        Option("on", "--on", kind="bool", default=False),
        Option("table", "--table", kind="json"),
        Option("sizes", "--sizes", kind="json", default="[1]"),
        Option("who", "--who", default="me"),
    ),
    top_level=(
        Option("pylint", "--pylint", kind="bool", is_flag=True, off_flag="--no-pylint"),
        Option("metadata", "--metadata", kind="choice", choices=("local", "service")),
        Option("decospecs", "--with", multiple=True),
        Option("config_value", "--config-value", kind="config", multiple=True, values=2),
    ),
    run=(
        Option("tags", "--tag", multiple=True),
        Option("decospecs", "--with", multiple=True),
        Option("max_workers", "--max-workers", kind="int"),
    ),
    resume=(
        Option("origin_run_id", "--origin-run-id"),
        Option("step_to_rerun", "step_to_rerun", positional=True),
    ),
    spin=(Option("pathspec", "pathspec", positional=True, required=True),),
)


def call(line: str) -> Call:
    return call_of(FLOW, [Word(text) for text in line.split()])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", Call()),
        ("run", Call()),
        ("--Alpha 3", Call({}, "run", {"alpha": 3})),
        ("--Alpha=-3 --rate 1e-3", Call({}, "run", {"alpha": -3, "rate": 0.001})),
        ("--Alpha -3", Call({}, "run", {"alpha": -3})),
        ("--no-pylint run --on true", Call({"pylint": False}, "run", {"on": True})),
        ("--pylint --on no", Call({"pylint": True}, "run", {"on": False})),
        ("run --no-pylint", Call({"pylint": False}, "run", {})),
        ("run --tag a --tag b", Call({}, "run", {"tags": ["a", "b"]})),
        (
            "--with retry run --with card",
            Call({"decospecs": ["retry"]}, "run", {"decospecs": ["card"]}),
        ),
        ("run --with retry", Call({}, "run", {"decospecs": ["retry"]})),
        ("--who run", Call({}, "run", {"who": "run"})),
        ("run --who=", Call({}, "run", {"who": ""})),
        ('run --table {"a":[1,null]}', Call({}, "run", {"table": {"a": [1, None]}})),
        ("run --table null", Call({}, "run", {"table": None})),
        ("--config-value c 1", Call({"config_value": [["c", "1"]]}, "run", {})),
        (
            "resume train --origin-run-id 7",
            Call({}, "resume", {"step_to_rerun": "train", "origin_run_id": "7"}),
        ),
        ("spin WordsFlow/1/a/2", Call({}, "spin", {"pathspec": "WordsFlow/1/a/2"})),
    ],
)
def test_words_and_the_call_they_stand_for(line, expected):
    found = call(line)
    assert (found.subcommand, found.top_level, found.arguments) == (
        expected.subcommand,
        expected.top_level,
        expected.arguments,
    )


PARAMETERS = "; parameters of WordsFlow are --Alpha, --rate, --on, --table, --sizes, --who"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--Alfa 3", "unknown option --Alfa; did you mean '--Alpha'"),
        ("--Alfa 3", f"'?{PARAMETERS}\n"),
        ("run --m", f"run: unknown option --m{PARAMETERS}\n"),
        ("5", f"expected run, resume or spin, got '5'{PARAMETERS}"),
        ("run # quick", "'#' belongs to no option; put a comment on a line of its own"),
        ("#quick", "got '#quick'; put a comment on a line of its own"),
        ("run more", f"'more' belongs to no option{PARAMETERS}"),
        ("run --Alpha", "--Alpha: expected a value, got nothing"),
        ("run more", "'more' belongs to no option"),
        ("rnu", "expected run, resume or spin, got 'rnu'; did you mean 'run'"),
        ("--no-pylint=1", "--no-pylint takes no value"),
        ("run --table {", "--table: expected JSON, got '{'"),
        ("run --sizes null", "--sizes: Metaflow treats null as not given and uses the def"),
        ("--config-value c", "--config-value: expected 2 values, got 1"),
        ("resume --Alpha 3", "unknown option --Alpha\n"),
    ],
)
def test_what_is_wrong_with_a_line_is_named(line, message):
    with pytest.raises(BadValueError) as raised:
        call(line)
    assert message in str(raised.value)


def test_of_many_parameters_ten_are_named():
    many = replace(FLOW, parameters=tuple(Option(f"p{n}", f"--p{n}") for n in range(12)))
    with pytest.raises(BadValueError, match=r"are --p0, .*, --p9 and 2 more\n"):
        call_of(many, [Word("--bogus")])
    none = replace(FLOW, parameters=())
    with pytest.raises(BadValueError, match=r"unknown option --bogus\n"):
        call_of(none, [Word("--bogus")])


def test_a_value_that_does_not_fit_is_left_to_the_check():
    found = call("run --Alpha three")
    with pytest.raises(TypeError, match="alpha: expected an int"):
        command_words(FLOW, found.top_level, found.subcommand, found.arguments)


def test_an_object_stays_what_it_is():
    words = [
        Word("--table={'a': 1}", {"a": 1}, has_value=True),
        Word("--Alpha"),
        Word("7", 7, has_value=True),
    ]
    assert call_of(FLOW, words).arguments == {"table": {"a": 1}, "alpha": 7}


def test_a_number_is_text_where_text_is_wanted():
    def given(flag, value):
        words = [Word(flag), Word(str(value), value, has_value=True)]
        return list(call_of(FLOW, words).arguments.values())

    assert given("--who", 7) == ["7"]
    assert given("--who", True) == ["True"]
    assert given("--who", Path("/a")) == ["/a"]
    assert given("--who", None) == [None]
    assert given("--who", [7]) == [[7]]
    assert given("--tag", 1.5) == [["1.5"]]
    assert given("--rate", 7) == [7]
    assert given("--table", 7) == [7]


def test_words_back_and_forth_are_the_same():
    words = ["--no-pylint", "run", "--Alpha=3", "--table=[1]", "--tag=a", "--tag=b"]
    found = call(" ".join(words))
    assert command_words(FLOW, found.top_level, found.subcommand, found.arguments) == words


def test_configs_are_found_before_the_flow_is_known():
    line = "--config-value a 1 --config b x.json run --n 1"
    words = [Word(text) for text in line.split()]
    assert config_words(words) == {"config_value": [["a", "1"]], "config": [["b", "x.json"]]}
    assert config_words([Word("--config"), Word("b")]) == {}


SHADOW = replace(
    FLOW,
    parameters=(Option("config", "--config", kind="json"), *FLOW.parameters),
    top_level=(*FLOW.top_level, Option("config", "--config", "config", multiple=True, values=2)),
)


@pytest.mark.parametrize(
    ("line", "top_level", "arguments"),
    [
        ('run --config {"a":1}', {}, {"config": {"a": 1}}),
        ("--config 1 --Alpha 3", {}, {"config": 1, "alpha": 3}),
        ("--config b x.json run --config 1", {"config": [["b", "x.json"]]}, {"config": 1}),
    ],
)
def test_a_parameter_named_config_is_no_config(line, top_level, arguments):
    words = [Word(text) for text in line.split()]
    assert config_words(words) == top_level
    assert call_of(SHADOW, words) == Call(top_level, "run", arguments)
