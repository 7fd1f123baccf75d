"""Defaults and helps of parameters that stand in a flow file as literals. Pure.

Somebody who edits a default and runs again has changed nothing else of the description: the
new value can be read in the file.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

Json = dict[str, Any]

# What stands for a literal where it does not count which one it is.
_BLANK = "literal"


def take_literals(
    flows: Iterable[ast.ClassDef], parameters: Collection[str], mentioned: Collection[str]
) -> dict[str, Json]:
    """Replace the literals of parameters by their types, and return them by parameter.

    Parameters
    ----------
    flows : iterable of ClassDef
    parameters : collection of str
        What Metaflow's Parameter is called in the file.
    mentioned : collection of str
        Attributes that something may read while the file is imported: these count whole.

    Returns
    -------
    dict of str to dict
        ``default`` and ``help``, as far as they are there, of each parameter.
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
    return {name: _taken(call) for name, call in calls if count[name] == 1}


def with_literals(description: Json, literals: Mapping[str, Json]) -> Json:
    """Return a description with the defaults and helps that stand in the file now."""
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
    """Return the name that a parameter has on the command line; empty if that is computed."""
    first = call.args[0] if call.args else None
    named = first is not None and isinstance(first, ast.Constant) and isinstance(first.value, str)
    return str(first.value) if named else ""  # type: ignore[union-attr]


def _taken(call: ast.Call) -> Json:
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
