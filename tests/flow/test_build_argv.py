"""Keyword arguments and the resulting words of the command line."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy
import pytest

from nbrunner.errors import BadTypeError, BadValueError
from nbrunner.flow.build_argv import command_words, top_level_words
from nbrunner.flow.description import FlowDescription, Option, Step

pytestmark = pytest.mark.once

FLOW = FlowDescription(
    name="TableFlow",
    file="/flows/table.py",
    parameters=(
        Option("alpha", "--Alpha", kind="int", default=1),
        Option("a_dash", "--a-dash", kind="float", default=0.5),
        Option("who", "--who", default="me"),
        Option("on", "--on", kind="bool", default=False),
        Option("tagline", "--tagline"),
        Option("with_title", "--with-title"),
        Option("table", "--table", kind="json"),
        Option("text", "--text", kind="file"),
        Option("letters", "--letters", kind="other", default=["a", "b"]),
    ),
    top_level=(
        Option("pylint", "--pylint", kind="bool", is_flag=True, off_flag="--no-pylint"),
        Option("production", "--production", kind="bool", is_flag=True),
        Option("metadata", "--metadata", kind="choice", choices=("local", "service")),
        Option("decospecs", "--with", multiple=True),
        Option("config", "--config", kind="config", multiple=True, values=2),
        Option("config_value", "--config-value", kind="config", multiple=True, values=2),
    ),
    run=(
        Option("tags", "--tag", multiple=True),
        Option("max_workers", "--max-workers", kind="int", default=16),
        Option("user_namespace", "--namespace"),
        Option("runner_attribute_file", "--runner-attribute-file"),
    ),
    resume=(
        Option("origin_run_id", "--origin-run-id"),
        Option("step_to_rerun", "step-to-rerun", positional=True),
    ),
    spin=(
        Option("pathspec", "pathspec", positional=True, required=True),
        Option("persist", "--persist", kind="bool", is_flag=True, off_flag="--no-persist"),
    ),
    steps=(Step("start", "linear", ("end",)), Step("end", "end")),
)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, []),
        ({"alpha": 3}, ["--Alpha=3"]),
        ({"tagline": "", "with_title": ""}, ["--tagline=", "--with-title="]),
        ({"Alpha": 3}, ["--Alpha=3"]),
        ({"alpha": -3}, ["--Alpha=-3"]),
        ({"alpha": 10**30}, [f"--Alpha={10**30}"]),
        ({"alpha": None}, []),
        ({"a_dash": 0.1}, ["--a-dash=0.1"]),
        ({"a_dash": 2}, ["--a-dash=2"]),
        ({"a_dash": 1e-300}, ["--a-dash=1e-300"]),
        ({"a_dash": float("inf")}, ["--a-dash=inf"]),
        ({"a_dash": Fraction(1, 4)}, ["--a-dash=0.25"]),
        ({"who": ""}, ["--who="]),
        ({"who": "--on=True ; rm -rf"}, ["--who=--on=True ; rm -rf"]),
        ({"who": "über\n'\""}, ["--who=über\n'\""]),
        ({"who": Path("/a/b")}, ["--who=/a/b"]),
        ({"on": True}, ["--on=True"]),
        ({"on": False}, ["--on=False"]),
        ({"table": {"a": [1, None, True]}}, ['--table={"a": [1, null, true]}']),
        ({"table": "text"}, ['--table="text"']),
        ({"text": "data.csv"}, ["--text=data.csv"]),
        ({"text": Path("data.csv")}, ["--text=data.csv"]),
        ({"letters": "cd"}, ["--letters=cd"]),
        ({"letters": Path("/a/b")}, ["--letters=/a/b"]),
        ({"tags": ["a", "b c"]}, ["--tag=a", "--tag=b c"]),
        ({"tags": ("a",)}, ["--tag=a"]),
        ({"tags": []}, []),
        ({"max_workers": 2, "alpha": 1}, ["--max-workers=2", "--Alpha=1"]),
        ({"user_namespace": "user:me"}, ["--namespace=user:me"]),
        ({"namespace": "user:me"}, ["--namespace=user:me"]),
        ({"tag": ["a"]}, ["--tag=a"]),
    ],
)
def test_arguments_of_run(arguments, words):
    assert command_words(FLOW, {}, "run", arguments) == ["run", *words]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pylint": False}, ["--no-pylint"]),
        ({"pylint": True}, ["--pylint"]),
        ({"production": True}, ["--production"]),
        ({"production": False}, []),
        ({"metadata": "service"}, ["--metadata=service"]),
        ({"decospecs": ["retry", "batch:cpu=2"]}, ["--with=retry", "--with=batch:cpu=2"]),
        ({"config": [("c", "c.json")]}, ["--config", "c", "c.json"]),
        (
            {"config": {"c": Path("c.json"), "d": "d"}},
            ["--config", "c", "c.json", "--config", "d", "d"],
        ),
        ({"config_value": [("c", {"a": 1})]}, ["--config-value", "c", '{"a": 1}']),
        ({"config_value": {"c": '{"a": 2}'}}, ["--config-value", "c", '{"a": 2}']),
    ],
)
def test_top_level_options_stand_before_the_subcommand(options, words):
    assert command_words(FLOW, options, "run", {"alpha": 1}) == [*words, "run", "--Alpha=1"]
    ours = command_words(FLOW, options, "run", {"alpha": 1}, ["--ours"])
    assert ours == [*words, "run", "--ours", "--Alpha=1"]


def test_configs_alone_are_spelt_before_the_flow_is_known():
    options = {"pylint": False, "config_value": [("c", [1])], "config": [("d", "d.json")]}
    words = ["--config-value", "c", "[1]", "--config", "d", "d.json"]
    assert top_level_words(None, options) == words
    assert top_level_words(FLOW, options) == ["--no-pylint", *words]


def test_metaflows_own_config_value_is_taken():
    from metaflow.user_configs.config_parameters import ConfigValue

    words = top_level_words(FLOW, {"config_value": [("c", ConfigValue({"a": {"b": 1}}))]})
    assert json.loads(words[-1]) == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("subcommand", "arguments", "words"),
    [
        ("resume", {}, []),
        ("resume", {"origin_run_id": "17"}, ["--origin-run-id=17"]),
        ("resume", {"origin_run_id": 17}, ["--origin-run-id=17"]),
        ("resume", {"step_to_rerun": "end", "origin_run_id": "17"}, ["--origin-run-id=17", "end"]),
        ("spin", {"pathspec": "start", "persist": True}, ["--persist", "start"]),
    ],
)
def test_positional_words_stand_last(subcommand, arguments, words):
    assert command_words(FLOW, {}, subcommand, arguments) == [subcommand, *words]


@pytest.mark.parametrize(
    ("subcommand", "arguments", "kind", "said"),
    [
        (
            "run",
            {"alpha": True},
            BadTypeError,
            r"alpha: expected an int \(default 1\), got True of type bool",
        ),
        ("run", {"alpha": "1"}, BadTypeError, "got '1' of type str"),
        ("run", {"alpha": 1.0}, BadTypeError, "of type float"),
        ("run", {"alpha": Decimal(1)}, BadTypeError, "of type Decimal"),
        ("run", {"alpha": [1]}, BadTypeError, "of type list"),
        ("run", {"a_dash": "0.5"}, BadTypeError, "a_dash: expected a float"),
        ("run", {"a_dash": False}, BadTypeError, "a_dash: expected a float"),
        ("run", {"who": b"me"}, BadTypeError, "who: expected a str"),
        ("run", {"who": 1}, BadTypeError, "who: expected a str"),
        ("run", {"on": 1}, BadTypeError, "on: expected True or False"),
        ("run", {"on": object()}, BadTypeError, "on: expected True or False"),
        (
            "run",
            {"table": object()},
            BadTypeError,
            "table: expected a value that JSON can hold",
        ),
        ("run", {"text": 1}, BadTypeError, "text: expected a path"),
        (
            "run",
            {"letters": ["c", "d"]},
            BadTypeError,
            r"letters: expected a str .*, got \['c', 'd'\] of type list; .*type=JSONType\) takes",
        ),
        ("run", {"letters": {"a": 1}}, BadTypeError, "letters: expected a str .*of type dict"),
        ("run", {"letters": 1}, BadTypeError, "letters: expected a str .*of type int"),
        ("run", {"tags": "a"}, BadTypeError, "tags: expected a list or tuple"),
        ("run", {"tags": {"a"}}, BadTypeError, "tags: expected a list or tuple"),
        ("run", {"tags": [""]}, BadValueError, "tags: --tag does not take an empty str"),
        ("run", {"who": "a\0"}, BadValueError, "NUL"),
        ("run", {"alhpa": 1}, BadValueError, "Unknown argument: 'alhpa'; did you mean 'alpha'"),
        ("run", {"origin_run_id": "1"}, BadValueError, "Unknown argument: 'origin_run_id'"),
        ("run", {"runner_attribute_file": "x"}, BadValueError, "set by nbrunner itself"),
        ("resume", {"alpha": 1}, BadValueError, r"resume\(\): Unknown argument: 'alpha'"),
        (
            "resume",
            {"step_to_rerun": "nope"},
            BadValueError,
            "no step 'nope'\npossible steps: start, end",
        ),
        ("resume", {"origin_run_id": 1.5}, BadTypeError, "origin_run_id: expected a str"),
        ("spin", {}, BadValueError, "Missing argument: pathspec is required"),
        ("spin", {"pathspec": None}, BadValueError, "Missing argument: pathspec"),
        (
            "spin",
            {"pathspec": "a", "persist": "x"},
            BadTypeError,
            "persist: expected True or False",
        ),
    ],
)
def test_what_does_not_fit(subcommand, arguments, kind, said):
    with pytest.raises(kind, match=said):
        command_words(FLOW, {}, subcommand, arguments)


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"metadata": "servce"}, BadValueError, "local, service, got 'servce'; did you mean 'serv"),
        ({"metadata": 3}, BadTypeError, "metadata: expected one of local, service"),
        ({"config": [("c", 3)]}, BadTypeError, "the path of a file for 'c'"),
        ({"config": "c.json"}, BadTypeError, "pairs of config name"),
        ({"config": 3}, BadTypeError, "pairs of config name"),
        ({"config_value": [("c", {1})]}, BadTypeError, "JSON can hold"),
        ({"pylint": 1}, BadTypeError, "pylint: expected True or False"),
        ({"decospecs": [""]}, BadValueError, "decospecs: --with does not take an empty str"),
        ({"alpha": 1}, BadValueError, r"Runner\(\): Unknown argument: 'alpha'"),
    ],
)
def test_top_level_options_that_do_not_fit(options, kind, said):
    with pytest.raises(kind, match=said):
        command_words(FLOW, options, "run", {})


def test_possible_names_are_listed_without_our_own():
    with pytest.raises(BadValueError) as refused:
        command_words(FLOW, {}, "run", {"zzz": 1})
    possible = str(refused.value).splitlines()[1]
    assert possible == (
        "possible args are: alpha, a_dash, who, on, tagline, with_title, table, text, letters, "
        "tags, max_workers, user_namespace"
    )


def test_numbers_of_numpy_are_numbers():
    arguments = {
        "alpha": numpy.int64(3),
        "a_dash": numpy.float32(0.5),
        "on": numpy.bool_(True),
        "who": numpy.str_("me"),
    }
    words = command_words(FLOW, {}, "run", arguments)
    assert words == ["run", "--Alpha=3", "--a-dash=0.5", "--on=True", "--who=me"]
    with pytest.raises(BadTypeError, match="alpha: expected an int"):
        command_words(FLOW, {}, "run", {"alpha": numpy.bool_(True)})


LONG = "ä" * 65_532  # plus "--who=" before it, and a NUL after it


@pytest.mark.parametrize(
    ("top_level", "arguments", "said"),
    [
        ({}, {"who": f"{LONG}xx"}, r"who: 131,072 bytes .* limit of 131,071 .*IncludeFile"),
        ({}, {"table": [0] * 50_000}, r"table: 150,008 bytes .*; write it to a file and pass"),
        ({"config_value": {"c": LONG * 2}}, {}, "config_value: .*; write it to a file and pass"),
    ],
)
def test_what_no_command_line_can_hold(top_level, arguments, said):
    with pytest.raises(BadValueError, match=said):
        command_words(FLOW, top_level, "run", arguments)


def test_the_longest_word_is_one_that_a_process_can_be_given():
    (_run, word) = command_words(FLOW, {}, "run", {"who": f"{LONG}x"})
    subprocess.run(["true", word], check=True)
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["true", f"{word}x"], check=True)


def test_the_name_as_the_flow_has_it():
    names = {each.name: each.name_as_written for each in (*FLOW.parameters, *FLOW.run)}
    assert (names["alpha"], names["a_dash"], names["tags"]) == ("Alpha", "a_dash", "tag")


def test_options_that_take_several_values():
    flow = FlowDescription(
        name="Pairs",
        file="pairs.py",
        run=(
            Option("size", "--size", kind="int", values=2),
            Option("pairs", "--pair", kind="tuple", values=2, multiple=True),
        ),
    )
    arguments = {"size": (1, 2), "pairs": [("a", "b"), ("c", "d")]}
    words = command_words(flow, {}, "run", arguments)
    assert words == ["run", "--size", "1", "2", "--pair", "a", "b", "--pair", "c", "d"]
    with pytest.raises(BadValueError, match=r"size: expected 2 values, got \(1,\)"):
        command_words(flow, {}, "run", {"size": (1,)})
    with pytest.raises(BadTypeError, match="pairs: expected a list or tuple"):
        command_words(flow, {}, "run", {"pairs": ["ab"]})


def test_a_parameter_may_be_named_as_an_option_of_metaflow():
    flow = FlowDescription(
        name="Shadow",
        file="shadow.py",
        parameters=(Option("max_workers", "--max-workers", kind="str"),),
        run=(Option("max_workers", "--max-workers", kind="int"),),
    )
    assert command_words(flow, {}, "run", {"max_workers": "x"}) == ["run", "--max-workers=x"]


def test_nothing_given_is_changed():
    tags, top_level = ["a"], {"decospecs": ["retry"]}
    command_words(FLOW, top_level, "run", {"tags": tags})
    assert (tags, top_level) == (["a"], {"decospecs": ["retry"]})
