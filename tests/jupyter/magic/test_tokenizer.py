"""The line after a magic, split and expanded."""

from __future__ import annotations

import json
import random
import time

import pytest

from nbrunner.errors import BadValueError
from nbrunner.jupyter.magic.tokenizer import _closing_braces, continued, refuse_semicolon, words_of

pytestmark = pytest.mark.once

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
        ("{{n}", ["{3"]),
        ("{'{'}{n}}", ["{3}"]),
        ("{'\\'}'}", ["'}"]),
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
    """D7: the options continue below, and the lines of the flow keep their numbers."""
    assert continued(line, cell) == expected


@pytest.mark.parametrize("line", ["--n 3;", "--n 3 ; ", ";"])
def test_a_semicolon_at_the_end_is_refused(line):
    """D7: a line of a magic is not a line of Python."""
    with pytest.raises(BadValueError, match="the line ends with ';'"):
        refuse_semicolon(line)


@pytest.mark.parametrize("line", ["--sql 'a;'", '--sql "a;"', "--sql a\\;", "--a ; --b", ""])
def test_a_semicolon_elsewhere_is_text(line):
    refuse_semicolon(line)


class Unprintable:
    def __str__(self):
        raise RuntimeError("no text")


class UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def raises():
    raise UnprintableError


@pytest.mark.parametrize("line", ["$x", "--n=$x", "{x}", '"$x"', "a{x}b"])
def test_a_value_that_has_no_text_is_named(line):
    """B12: a value whose ``__str__`` raises is an error that names it."""
    with pytest.raises(BadValueError) as raised:
        words_of(line, {"x": Unprintable()}.get)
    name = "$x" if "$" in line else "{x}"
    assert str(raised.value).startswith(
        f"{name}: its value, of type Unprintable, cannot be converted"
    )
    assert "RuntimeError: no text" in str(raised.value)


def test_an_expression_whose_error_has_no_text_is_named():
    """B12: an expression that raises an exception whose ``__str__`` raises is named."""
    with pytest.raises(BadValueError, match=r"\{raises\(\)\}: UnprintableError: \(its text cannot"):
        words_of("{raises()}", lambda text: eval(text, {"raises": raises}))


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "{" * 40_000,
        "--n " + "{a " * 40_000,
        "{" * 40_000 + "}" * 40_000,
        '{"' * 40_000,
        '"' + "{'" * 40_000 + '"',
        "{x} " * 10_000 + "{",
        "[" * 40_000 + "{" * 40_000,
    ],
    ids=["open", "words", "nested", "quotes", "quoted", "closed", "brackets"],
)
def test_many_braces_take_linear_time(line):
    """B12: a line with tens of thousands of open braces is split without delay."""
    before = time.process_time()
    try:
        words_of(line, lambda expression: 1)
    except BadValueError as error:
        assert "no closing" in str(error)
    # A scan from each brace takes minutes.
    assert time.process_time() - before < 2


def test_json_that_is_nested_too_deep_to_read_is_text():
    """B12: braces nested deeper than Python or JSON can parse are left unchanged."""
    line = '{"a":' * 20_000 + "1" + "}" * 20_000
    assert texts(line) == [line]


def closing_brace(line, opening):
    """Return the position of the matching brace, by a scan from the opening one."""
    depth, quote, at = 0, "", opening
    while at < len(line):
        character = line[at]
        if quote and character == "\\":
            at += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "{}":
            depth += 1 if character == "{" else -1
            if depth == 0:
                return at
        at += 1
    return None


def test_braces_close_where_a_scan_from_each_finds_it():
    """B12: reading the line once gives the same as a scan from each brace."""
    choose = random.Random(5)
    for _ in range(3000):
        line = "".join(choose.choices("{}'\"\\a ", k=choose.randrange(25)))
        scanned = {at: closing_brace(line, at) for at, each in enumerate(line) if each == "{"}
        expected = {at: end for at, end in scanned.items() if end is not None}
        assert _closing_braces(line) == expected, json.dumps(line)
