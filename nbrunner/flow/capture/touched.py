"""Finds the statements that may have changed an object in place after it was made.

A statement counts if it names the object, or uses a function or class of the notebook that names
it, whatever it does with the object.
"""

from __future__ import annotations

import ast
import functools
import re
import types
from collections.abc import Iterable, Iterator
from typing import Any

from nbrunner.flow.capture.notebook import Cell, Notebook, codes_in, codes_of, importable
from nbrunner.flow.capture.scope import (
    binds_unseen,
    executed_names,
    global_reads,
    is_definition,
    is_import,
    magic_texts,
    only_in_notebook,
    position,
    used_names,
)

# Functions that neither change nor return their argument.
_LOOKS = frozenset(["print", "len", "repr", "type", "id", "isinstance", "bool", "display"])


def touching(
    name: str, cell: Cell, notebook: Notebook, flow_name: str
) -> Iterator[tuple[Cell, ast.stmt]]:
    """Yield the statements that used the object of a name after a cell made it.

    Statements that bind the name are left out. The methods of the flow are ignored, as its
    steps run in other processes.
    """
    bound = cell.binding.get(name, [])
    for each in cell.statements:
        is_later = not bound or position(each) > position(bound[0])
        if is_later and each not in bound and _touches(each, cell, name, notebook, flow_name):
            yield cell, each
    for other in notebook.executed:
        if other is not cell and other.number >= cell.number:
            for each in other.statements:
                if _touches(each, other, name, notebook, flow_name):
                    yield other, each


def _touches(
    statement: ast.stmt, cell: Cell, name: str, notebook: Notebook, flow_name: str
) -> bool:
    if is_import(statement):
        return False
    if only_in_notebook(statement):
        texts = [*magic_texts(statement)]
        if binds_unseen(statement) or any(re.search(rf"\b{name}\b", text) for text in texts):
            return True
    names_in = executed_names if is_definition(statement) else used_names
    names = names_in(statement, cell.filename) - {flow_name}
    if name in names and not only_looks(statement, name):
        return True
    reached = reachable(names - {name}, notebook, flow_name)
    return name in reached


def only_looks(statement: ast.stmt, name: str) -> bool:
    """Return whether a statement only displays or inspects an object, as ``len(x)`` does."""
    parents = {child: node for node in ast.walk(statement) for child in ast.iter_child_nodes(node)}
    found = [each for each in ast.walk(statement) if isinstance(each, ast.Name) and each.id == name]
    return all(_is_look(each, parents) for each in found)


def _is_look(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    parent = parents[node]
    while isinstance(parent, ast.Attribute) or (
        isinstance(parent, ast.Subscript)
        and parent.value is node
        and isinstance(parent.slice, ast.Constant)
    ):
        if not isinstance(parent.ctx, ast.Load):
            return False
        node, parent = parent, parents[parent]
    if isinstance(parent, ast.Expr):
        return True
    return (
        isinstance(parent, ast.Call)
        and parent.func is not node
        and isinstance(parent.func, ast.Name)
        and parent.func.id in _LOOKS
    )


def reachable(names: Iterable[str], notebook: Notebook, flow_name: str) -> set[str]:
    """Return names, and those that their values may read when they are used, recursively."""
    found: set[str] = set()
    stack = list(names)
    while stack:
        name = stack.pop()
        if name not in found and name != flow_name:
            found.add(name)
            stack += _reads(notebook.namespace.get(name), notebook)
    return found


def _reads(value: object, notebook: Notebook) -> set[str]:
    codes = [code for each in _parts(value) for code in _codes(each, notebook)]
    return {name for code in codes for name in global_reads(code) if name in notebook.namespace}


def _parts(value: Any) -> list[Any]:
    if type(value) is dict:
        return [value, *value.values()]
    return [value, *value] if type(value) in (list, tuple) else [value]


def _codes(value: object, notebook: Notebook) -> list[types.CodeType]:
    """Return the notebook's code that a function, a class or an instance may execute."""
    if isinstance(value, functools.partial):
        return _codes(value.func, notebook)
    if isinstance(value, types.MethodType):
        return _codes(value.__func__, notebook) + _codes(value.__self__, notebook)
    if isinstance(value, types.FunctionType) or hasattr(value, "__wrapped__"):
        return [] if importable(value) else codes_in([value])
    own = notebook.namespace.get("__name__")
    kind = value if isinstance(value, type) else type(value)
    return [code for each in kind.__mro__ if each.__module__ == own for code in codes_of(each)]
