"""The hierarchy of errors is as documented in its module."""

from __future__ import annotations

import re

import pytest

from nbrunner import errors

pytestmark = pytest.mark.once

_NODE = re.compile(r"^    (?P<indent>[│ ├└─]*)(?P<name>\w+Error|BadRequest)\b(?P<told>.*)$", re.M)


def told():
    """Return the base classes of each error according to the module's docstring."""
    found: dict[str, object] = {}
    above: list[str] = []
    for node in _NODE.finditer(errors.__doc__):
        depth = len(node["indent"]) // 4
        also = re.search(r"also an? ([^:]+):|also an? (\w+)$", node["told"])
        names = re.findall(r"\w+Error", also[0]) if also else []
        found[node["name"]] = {*above[depth - 1 : depth], *names}
        above[depth:] = [node["name"]]
    return found


def test_the_tree_names_every_error_and_what_it_also_is():
    there = {
        name: {base.__name__ for base in kind.__bases__} - {"Exception"}
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.NbrunnerError)
    }
    assert told() == there
