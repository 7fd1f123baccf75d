"""Finds statements whose result differs with each execution: random numbers, clocks. Pure.

Only calls in the statement itself are found, as in ``x = np.random.rand(3)``. A function of a
library counts as random if it has a parameter for the seed.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from nbrunner.flow.capture.same_body import MISSING, named

_MODULES = ("random", "numpy.random", "secrets", "uuid", "time", "_random", "tempfile")
_CLOCKS = frozenset({"now", "today", "utcnow"})
# pandas and numpy read the clock for these texts.
_CLOCK_TEXTS = frozenset({"now", "today"})
# They are deterministic if a seed is passed.
_SEEDED = frozenset({"Random", "default_rng", "RandomState", "SeedSequence", "Generator", "UUID"})
_HARMLESS = frozenset({"sleep", "strptime", "seed", "gettempdir", "gettempprefix"})
# They read the clock unless they are given this many arguments.
_OF_A_TIME = {"strftime": 2, "gmtime": 1, "localtime": 1, "ctime": 1, "asctime": 1}
# They depend on the process, or on input that the user would have to type again.
_OF_THIS_PROCESS = frozenset({"hash", "id", "input"})
_OF_SYSTEM = frozenset({"urandom", "getrandom"})
_SEEDS = ("random_state", "seed", "rng")
# Methods of DataFrames and distributions, by name alone: only a call would give the object.
_SAMPLING = frozenset({"sample", "rvs"})


def draws(statement: ast.stmt, space: Mapping[str, object]) -> bool:
    """Return whether a statement, or a function in it, draws random numbers or reads a clock."""
    return any_draws(ast.walk(statement), space)


def any_draws(nodes: Iterable[ast.AST], space: Mapping[str, Any]) -> bool:
    """Return whether any of these nodes is a call of a generator or a clock."""
    return any(_draws(each, space) for each in nodes if isinstance(each, ast.Call))


def _draws(call: ast.Call, space: Mapping[str, object]) -> bool:
    if isinstance(call.func, ast.Attribute):
        if call.func.attr in _CLOCKS:
            return True
        if call.func.attr in _SAMPLING and not _is_seeded(call, space):
            return True
    elif isinstance(call.func, ast.Name) and call.func.id in _OF_THIS_PROCESS - space.keys():
        return True
    function = named(call.func, space)
    name = getattr(function, "__name__", "")
    module = _module_of(function)
    if module.partition(".")[0] in ("numpy", "pandas") and any(map(_is_clock_text, call.args)):
        return True
    if name in _OF_SYSTEM and module in ("posix", "nt", "os"):
        return True
    if not any(module == each or module.startswith(f"{each}.") for each in _MODULES):
        return function is not MISSING and _lacks_seed(function, call, space)
    given = [*call.args, *(each.value for each in call.keywords)]
    if name in _SEEDED:
        return not given or any(_is_none(each, space) for each in given)
    if name in _OF_A_TIME:
        return len(given) < _OF_A_TIME[name]
    return name not in _HARMLESS


def _module_of(function: object) -> str:
    own = getattr(function, "__module__", None)
    return str(own or type(getattr(function, "__self__", None)).__module__)


def _is_clock_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in _CLOCK_TEXTS


def _is_none(node: ast.expr, space: Mapping[str, object]) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None
    return named(node, space) is None


def _is_seeded(call: ast.Call, space: Mapping[str, object]) -> bool:
    return any(each.arg in _SEEDS and not _is_none(each.value, space) for each in call.keywords)


def _lacks_seed(function: Any, call: ast.Call, space: Mapping[str, Any]) -> bool:
    """Return whether a function has a seed parameter, None by default, and no seed is passed."""
    if any(each.arg is None for each in call.keywords) or _is_seeded(call, space):
        return False
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # it is not callable, or written in C
        return False
    for place, each in enumerate(parameters):
        if each.name in _SEEDS and each.default is None:
            given = call.args[place] if place < len(call.args) else None
            return given is None or _is_none(given, space)
    return False
