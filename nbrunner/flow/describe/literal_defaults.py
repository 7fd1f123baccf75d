"""Literal defaults and help texts of parameters in a flow file. Pure functions.

Editing a literal default changes nothing else in the description: the new value can be read
from the file.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

Json = dict[str, Any]

# Replaces a literal whose value does not matter.
_BLANK = "literal"


def take_literals(
    flows: Iterable[ast.ClassDef], parameters: Collection[str], mentioned: Collection[str]
) -> dict[str, Json]:
    """Replace the literals of parameters by their types, and return them by parameter.

    Parameters
    ----------
    flows : iterable of ClassDef
        Flow classes, which are changed.
    parameters : collection of str
        Names of Metaflow's Parameter in the file.
    mentioned : collection of str
        Names that may be read while the file is imported; such parameters are skipped.

    Returns
    -------
    dict of str to dict
        The literal ``default`` and ``help`` of each parameter, if present.
    """
    calls = [
        (name, call)
        for flow in flows
        for node in flow.body
        if isinstance(node, ast.Assign) and not _names(node) & set(mentioned)
        if isinstance(call := node.value, ast.Call) and ast.unparse(call.func) in parameters
        if (name := _name_of(call))
    ]
    # Names defined twice (flow and base class) are skipped: which one wins is unknown here.
    count = Counter(name for name, _ in calls)
    return {name: _replaced_literals(call) for name, call in calls if count[name] == 1}


def with_literals(description: Json, literals: Mapping[str, Json]) -> Json:
    """Return a description with the literal defaults and help texts of the current file."""
    return {
        **description,
        "parameters": [
            {**each, **literals.get(each["flag"].removeprefix("--"), {})}
            for each in description["parameters"]
        ],
    }


def _names(node: ast.Assign) -> set[str]:
    return {target.id for target in node.targets if isinstance(target, ast.Name)}


def _name_of(call: ast.Call) -> str:
    """Return the command line name of a parameter; empty if it is not a literal."""
    first = call.args[0] if call.args else None
    named = first is not None and isinstance(first, ast.Constant) and isinstance(first.value, str)
    return str(first.value) if named else ""  # type: ignore[union-attr]


def _replaced_literals(call: ast.Call) -> Json:
    found = {}
    for keyword in call.keywords:
        if keyword.arg not in ("default", "help"):
            continue
        try:
            value = ast.literal_eval(keyword.value)
        except ValueError:
            continue
        text = isinstance(value, str)
        if text or (keyword.arg == "default" and isinstance(value, (bool, int, float))):
            found[keyword.arg] = value
            keyword.value = ast.Constant(f"{_BLANK} {type(value).__name__}")
    return found
