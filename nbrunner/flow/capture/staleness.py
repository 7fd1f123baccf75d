"""Decides whether the names that a statement read still have the values that it read.

Only then may the statement be executed again. To report a name as stale is always safe.
"""

from __future__ import annotations

import ast
import collections
import functools
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nbrunner.flow.capture.literals import is_plain, is_scalar, mutable_ids
from nbrunner.flow.capture.notebook import Cell, Notebook, codes_of, importable, is_filled
from nbrunner.flow.capture.scope import global_reads, is_definition, position

# An object with more parts is too large to travel.
_MAX_PARTS = 100_000
_BLOCKS = (ast.For, ast.While, ast.If, ast.With, ast.Try, ast.Match)


@dataclass(frozen=True)
class Reading:
    """A statement that reads names when it is executed.

    Attributes
    ----------
    statement : ast.stmt
        The statement.
    cell : Cell
        Its cell.
    notebook : Notebook
        The notebook.
    in_place : bool
        It is executed again among the other statements of its cell; otherwise above them, with
        the current values of the names.
    doubtful : bool
        A call of an object's method whose result is discarded counts as a change of the object.
    """

    statement: ast.stmt
    cell: Cell
    notebook: Notebook
    in_place: bool = False
    doubtful: bool = True

    def is_stale(self, name: str) -> bool:
        """Return whether a name that the statement read may have another value by now.

        The names that functions and classes of the notebook read are checked too.
        """
        return self._is_stale(name, set(), is_direct=True)

    def _is_stale(self, name: str, seen: set[str], is_direct: bool) -> bool:
        if name in seen:
            return False
        seen.add(name)
        value = self.notebook.namespace.get(name)
        is_from_module = isinstance(value, types.ModuleType) or importable(value)
        if is_from_module and self.notebook.is_imported(name):
            return False
        changes = self.notebook.changes_since(name, self.cell)
        return (
            self._is_stale_in_cell(name, is_direct)
            or self.notebook.is_bound_since(name, self.cell)
            or (bool(changes) if self.doubtful and not is_scalar(value) else any(changes))
            or any(self._is_stale(each, seen, False) for each in _reads(value, self.notebook))
        )

    def _is_stale_in_cell(self, name: str, is_direct: bool) -> bool:
        """Return whether the cell itself binds or changes a name after the statement."""
        own = self.cell.binding.get(name, [])
        if own and _is_unbound_before(name, own[0], self.statement, self.cell, self.notebook):
            return True  # the statement read a value that an earlier cell had bound
        if is_direct and self.in_place and not any(map(is_definition, own)):
            return False  # the other statements of the cell are executed again too
        after = [*own, *self.cell.changing(name)]
        return any(position(each) > position(self.statement) for each in after) or (
            not is_direct and self.in_place and len(own) > 1
        )


def _is_unbound_before(
    name: str, first: ast.stmt, statement: ast.stmt, cell: Cell, notebook: Notebook
) -> bool:
    """Return whether a statement may read a name before its cell first binds it."""
    if first is not statement:
        return position(first) > position(statement)
    is_simple = not isinstance(statement, _BLOCKS)
    return is_simple or any(each is not cell for each in notebook.binders(name))


def parts_of(value: object) -> set[int]:
    """Return the ids of an object and of the parts that other objects may share with it.

    The attributes of a library's object are included, but not the attributes of those.
    """
    if is_scalar(value):
        return set()
    if is_plain(value):
        return set(mutable_ids(value))
    is_function = isinstance(value, types.FunctionType)
    held: Iterable[object] = () if is_function else getattr(value, "__dict__", {}).values()
    return {id(value), *_nested_classes(value), *_collections_in(value)} | {
        id(each)
        for each in held
        if not is_scalar(each)
        and not isinstance(each, (type, types.ModuleType))
        and not importable(each)
    }


def _collections_in(value: object) -> Iterator[int]:
    """Yield the ids of the lists, dicts and sets in an object, at any depth."""
    seen: set[int] = set()
    stack = [value]
    while stack and len(seen) < _MAX_PARTS:
        each = stack.pop()
        if id(each) not in seen and not is_scalar(each):
            seen.add(id(each))
            if type(each) in (list, dict, set):
                yield id(each)
            stack += _held(each)


def _held(value: Any) -> list[Any]:
    """Return the parts of a collection, a function, or an object of the notebook."""
    kind = type(value)
    if kind is dict:
        return [*value, *value.values()]
    if kind in (list, tuple, set, frozenset, collections.deque):
        return list(value)
    if kind is functools.partial:
        return [value.func, value.args, value.keywords]
    if kind is types.MethodType:
        return [value.__self__]
    if kind is types.FunctionType:
        cells = [each.cell_contents for each in value.__closure__ or () if is_filled(each)]
        return [*cells, value.__defaults__, value.__kwdefaults__, vars(value)]
    if kind.__module__ == "__main__" or kind is types.SimpleNamespace:
        return list(getattr(value, "__dict__", {}).values())
    return []


def _nested_classes(value: Any) -> Iterator[int]:
    """Yield the ids of the classes that are defined in the body of a class."""
    for each in vars(value).values() if isinstance(value, type) else ():
        if isinstance(each, type) and each.__qualname__ == f"{value.__qualname__}.{each.__name__}":
            yield id(each)
            yield from _nested_classes(each)


def reachable_names(names: set[str], notebook: Notebook) -> set[str]:
    """Return names, and those that their functions and classes may read, recursively."""
    found: set[str] = set()
    stack = list(names)
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack += _reads(notebook.namespace.get(name), notebook)
    return found


def _reads(value: object, notebook: Notebook) -> set[str]:
    """Return the names of the notebook that a function or class reads when it is used."""
    if isinstance(value, types.FunctionType):
        codes = [value.__code__]
    elif isinstance(value, type) and value.__module__ == notebook.namespace.get("__name__"):
        codes = codes_of(value)
    else:
        return set()
    return {name for code in codes for name in global_reads(code) if name in notebook.namespace}
