"""nbrunner's own options, and where they end."""

from __future__ import annotations

import re

import pytest

from nbrunner.errors import BadValueError
from nbrunner.flow.parse_argv import Word
from nbrunner.jupyter.magic.options import OPTIONS, Options, help_text, take_options

pytestmark = pytest.mark.once


def taken(line):
    options, rest = take_options([Word(text) for text in line.split()], Options())
    return options, [word.text for word in rest]


@pytest.mark.parametrize(
    ("line", "changed", "rest"),
    [
        ("", {}, []),
        ("flow.py run --bg", {}, ["flow.py", "run", "--bg"]),
        ("--bg flow.py", {"block": False}, ["flow.py"]),
        ("-a -b x", {"block": True}, ["x"]),
        ("-o best --no-raise-error x", {"out": "best", "raise_error": False}, ["x"]),
        ("--out=best x", {"out": "best"}, ["x"]),
        ("--on-interrupt detach x", {"on_interrupt": "detach"}, ["x"]),
        ("--env A=1 --env=B=2=3 x", {"env": {"A": "1", "B": "2=3"}}, ["x"]),
        ("-q -N x", {"panel": False, "execute": False}, ["x"]),
        ("-- -q x", {}, ["-q", "x"]),
        (
            "--profile p --cwd /d --no-pylint run",
            {"profile": "p", "cwd": "/d"},
            ["--no-pylint", "run"],
        ),
    ],
)
def test_ours_come_first_and_what_follows_is_metaflows(line, changed, rest):
    options, found = taken(line)
    assert options == Options(**changed)
    assert found == rest


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--out", "--out: expected NAME"),
        ("--out 3x", "expected a Python name, got '3x'"),
        ("--on-interrupt kill", "expected stop or detach, got 'kill'"),
        ("--env A", "expected NAME=VALUE, got 'A'"),
        ("--bg=1", "--bg takes no value"),
    ],
)
def test_mistakes(line, message):
    with pytest.raises(BadValueError) as raised:
        taken(line)
    assert message in str(raised.value)


def test_the_help_has_every_option_once():
    table = help_text().partition("Options of nbrunner:")[2]
    for option in OPTIONS:
        for spelling in option.spellings:
            assert len(re.findall(rf"(?<![\w-]){re.escape(spelling)}(?![\w-])", table)) == 1
