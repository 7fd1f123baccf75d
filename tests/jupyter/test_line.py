"""The line behind a magic, split and expanded."""

from __future__ import annotations

import pytest

from nbrunner.errors import BadValueError
from nbrunner.jupyter.line import continued, refuse_semicolon, words_of

NAMES = {"n": 3, "name": "two words", "cfg": {"a": [1, None]}, "nothing": None, "xs": [1, 2]}


def words(line):
    return words_of(line, lambda expression: eval(expression, dict(NAMES)))


def texts(line):
    return [word.text for word in words(line)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("  a   b ", ["a", "b"]),
        ("--n 3 'two words' \"and more\"", ["--n", "3", "two words", "and more"]),
        ('a\\ b c\\"d', ["a b", 'c"d']),
        ("--x=''", ["--x="]),
        ("$n-{n + 1}", ["3-4"]),
        ("'$n {n}'", ["$n {n}"]),
        ('"$n {n}"', ["3 3"]),
        ("$name", ["two words"]),
        ("$$n 5$ $1", ["$n", "5$", "$1"]),
        ("{:>10}", ["{:>10}"]),
        ("a{}b", ["a{}b"]),
        ("{xs[1]}", ["2"]),
        ("{'}'}", ["}"]),
        ("ümläut='ß'", ["ümläut=ß"]),
    ],
)
def test_words(line, expected):
    assert texts(line) == expected


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("$cfg", {"a": [1, None]}),
        ("{cfg}", {"a": [1, None]}),
        ("--table=$cfg", {"a": [1, None]}),
        ("--table={cfg['a']}", [1, None]),
        ("$nothing", None),
        ('{"a": true}', {"a": True}),
        ("{'a': n}", {"a": 3}),
    ],
)
def test_what_is_all_of_a_value_stays_an_object(line, value):
    (word,) = words(line)
    assert word.has_value
    assert word.value == value


@pytest.mark.parametrize("line", ["x$n", "$n$n", '"$cfg"', "--a=b$n", "{n}x"])
def test_what_stands_in_text_is_text(line):
    (word,) = words(line)
    assert not word.has_value


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("'abc", "no closing '"),
        ('"abc', 'no closing "'),
        ("$alpah", "$alpah: NameError: name 'alpah' is not defined; single quotes"),
        ("{1 / 0}", "{1 / 0}: ZeroDivisionError"),
    ],
)
def test_mistakes(line, message):
    with pytest.raises(BadValueError) as raised:
        words(line)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("line", "cell", "expected"),
    [
        ("\\", "--n 3\nx = 1\n", (" --n 3", "\nx = 1\n")),
        ("--a \\", "  --b 1 \\\n  run --n 3\nx\n", ("--a    --b 1    run --n 3", "\n\nx\n")),
        ("--n 3", "x = 1\n", ("--n 3", "x = 1\n")),
        ("--n 'a\\\\", "x", ("--n 'a\\\\", "x")),
        ("\\", "", ("\\", "")),
    ],
)
def test_a_backslash_continues_the_line_into_the_cell(line, cell, expected):
    """D7: the options go on below, and the lines of the flow keep their numbers."""
    assert continued(line, cell) == expected


@pytest.mark.parametrize("line", ["--n 3;", "--n 3 ; ", ";"])
def test_a_semicolon_at_the_end_is_refused(line):
    """D7: a line of a magic is not a line of Python."""
    with pytest.raises(BadValueError, match="the line ends with ';'"):
        refuse_semicolon(line)


@pytest.mark.parametrize("line", ["--sql 'a;'", '--sql "a;"', "--sql a\\;", "--a ; --b", ""])
def test_a_semicolon_elsewhere_is_text(line):
    refuse_semicolon(line)
