"""Whether what a statement read when it was executed is still what its names stand for.

Only then may it be executed again. A yes to `is_stale` is always safe.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Iterable
from typing import Any

from nbrunner.flow.executed import Cell, Notebook, codes_of, importable
from nbrunner.flow.plain import is_plain, is_scalar, mutable_ids
from nbrunner.flow.statements import global_reads

_BLOCKS = (ast.For, ast.While, ast.If, ast.With, ast.Try, ast.Match)


def is_stale(name: str, statement: ast.stmt, cell: Cell, notebook: Notebook) -> bool:
    """Tell whether a name that a statement read may stand for something else by now.

    Functions and classes of the notebook are followed into what they read.
    """
    return _is_stale(name, statement, cell, notebook, set())


def _is_stale(
    name: str, statement: ast.stmt | None, cell: Cell, notebook: Notebook, seen: set[str]
) -> bool:
    if name in seen:
        return False
    seen.add(name)
    value = notebook.namespace.get(name, None)
    is_from_module = isinstance(value, types.ModuleType) or importable(value)
    if is_from_module and notebook.is_imported(name):
        return False
    own = cell.binding.get(name, [])
    if (
        own
        and statement is not None
        and _is_unbound_before(name, own[0], statement, cell, notebook)
    ):
        return True  # it was something else, which an earlier cell had bound
    if notebook.is_bound_since(name, cell) or any(notebook.changes_since(name, cell)):
        return True
    reads = _reads(value, notebook)
    return any(_is_stale(each, None, cell, notebook, seen) for each in reads)


def _is_unbound_before(
    name: str, first: ast.stmt, statement: ast.stmt, cell: Cell, notebook: Notebook
) -> bool:
    """Tell whether a statement may read a name before its cell first binds it."""
    if first is not statement:
        return first.lineno > statement.lineno
    is_simple = not isinstance(statement, _BLOCKS)
    return is_simple or any(each is not cell for each in notebook.binders(name))


def parts_of(value: Any) -> set[int]:
    """Return the ids of what others may share with an object: itself, and what it holds.

    Of an object's attributes only those are looked at that stand directly in it.
    """
    if is_scalar(value):
        return set()
    if is_plain(value):
        return set(mutable_ids(value))
    is_function = isinstance(value, types.FunctionType)
    held: Iterable[Any] = () if is_function else getattr(value, "__dict__", {}).values()
    return {id(value)} | {
        id(each)
        for each in held
        if not is_scalar(each)
        and not isinstance(each, (type, types.ModuleType))
        and not importable(each)
    }


def reachable_names(names: set[str], notebook: Notebook) -> set[str]:
    """Return names, and those that the functions and classes they stand for may read."""
    found: set[str] = set()
    stack = list(names)
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack += _reads(notebook.namespace.get(name), notebook)
    return found


def _reads(value: Any, notebook: Notebook) -> set[str]:
    """Return the names of the notebook that a function, or a class, reads when it is used."""
    if isinstance(value, types.FunctionType):
        codes = [value.__code__]
    elif isinstance(value, type) and value.__module__ == notebook.namespace.get("__name__"):
        codes = codes_of(value)
    else:
        return set()
    return {name for code in codes for name in global_reads(code) if name in notebook.namespace}
