"""Whether a statement draws something that no second execution draws again. Pure.

Calls of the libraries below are found where they stand in the statement, as in
``x = np.random.rand(3)``; what other libraries draw inside is not.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from nbrunner.flow.capture.same_body import named

_MODULES = frozenset({"random", "numpy.random", "secrets", "uuid", "time", "_random"})
_CLOCKS = frozenset({"now", "today", "utcnow"})
# They draw nothing where they are given a seed.
_SEEDED = frozenset({"Random", "default_rng", "RandomState", "SeedSequence", "Generator", "UUID"})
_HARMLESS = frozenset({"sleep", "strftime", "strptime", "gmtime", "localtime", "seed"})


def draws(statement: ast.stmt, space: Mapping[str, Any]) -> bool:
    """Tell whether a statement, or a function in it, calls a generator or reads a clock."""
    calls = (each for each in ast.walk(statement) if isinstance(each, ast.Call))
    return any(_draws(each, space) for each in calls)


def _draws(call: ast.Call, space: Mapping[str, Any]) -> bool:
    function = named(call.func, space)
    name = getattr(function, "__name__", "")
    if isinstance(call.func, ast.Attribute) and call.func.attr in _CLOCKS:
        return getattr(named(call.func.value, space), "__module__", "") == "datetime"
    owner = (
        getattr(function, "__module__", None)
        or type(getattr(function, "__self__", None)).__module__
    )
    if not any(owner == each or str(owner).startswith(f"{each}.") for each in _MODULES):
        return False
    if name in _SEEDED:
        given = [*call.args, *(each.value for each in call.keywords)]
        return not given or any(isinstance(x, ast.Constant) and x.value is None for x in given)
    return name not in _HARMLESS
