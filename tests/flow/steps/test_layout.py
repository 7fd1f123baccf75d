"""Source moves to the right and back, and its strings stay what they are."""

from __future__ import annotations

import ast
import textwrap

import pytest

from nbrunner.flow.steps.layout import moved

SOURCES = {
    "text": 'x = """\na\n  b\n"""\ny = 1',
    "f-string": 'x = f"""\n{1 +\n1}\n  b"""\nif x:\n    y = 1',
    "continued": "x = 'a\\\nb'\ny = 1 + \\\n2",
    "in brackets": "x = [\n1,\n    2,\n]",
    "docstring": '"""Doc.\n\nmore\n"""\nx = 1',
    "docstring, indented": '"""\n  Doc.\n    more\n"""\nx = 1',
    "docstring, far to the right": '"""Doc.\n\n                    more\n"""',
    "docstring of a function": 'def f():\n    """Doc.\n\n    more\n    """\n    return """\n"""',
    "comments": "# a\nif x:\n    # b\n    y = 1\n# c",
}


@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_there_and_back(source, width):
    lines = source.split("\n")
    there = moved(lines, width)
    assert moved(there, -width) == lines
    plain = ast.dump(ast.parse(source))
    (block,) = ast.parse("\n".join(["if 1:", *there])).body
    assert isinstance(block, ast.If)
    if "Doc." not in source:
        assert plain == ast.dump(ast.Module(body=block.body, type_ignores=[]))


def test_a_docstring_moves_with_its_function():
    source = 'def f():\n    """Doc.\n\n    more\n    """\n    return 1'
    assert "\n".join(moved(source.split("\n"), 4)) == textwrap.indent(source, "    ")
