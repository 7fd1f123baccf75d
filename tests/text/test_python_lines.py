"""Splitting Python source into the same lines as Python."""

from __future__ import annotations

import ast

import pytest

from nbrunner.text.python_lines import python_lines

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("", []),
        ("a", ["a"]),
        ("a\nb\n", ["a", "b"]),
        ("a\r\nb\rc", ["a", "b", "c"]),
        ("\n\n", ["", ""]),
        ("a\x0cb\x1cc\u2028d\ne", ["a\x0cb\x1cc\u2028d", "e"]),
    ],
)
def test_lines(source, lines):
    assert python_lines(source) == lines
    assert "".join(python_lines(source, keepends=True)) == source


@pytest.mark.parametrize("odd", "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
def test_they_are_counted_as_the_parser_does(odd):
    source = f"x = '{odd}'\r\ny = 1\rz = 2\n"
    numbers = [node.lineno for node in ast.parse(source).body]
    assert numbers == list(range(1, len(python_lines(source)) + 1))
