"""Decides whether the source of a function or class, executed again, makes the same object.

If it does, the source travels; otherwise the object is pickled. False is always safe, so every
uncertain case is False.
"""

from __future__ import annotations

import ast
import enum
import types
import typing
from collections.abc import Mapping
from typing import Any

from nbrunner.flow.capture.computed import computes_the_same
from nbrunner.flow.capture.flow_class import is_flow_class
from nbrunner.flow.capture.notebook import (
    Cell,
    Notebook,
    class_code,
    code_constants,
    importable,
)
from nbrunner.flow.capture.same_body import (
    MISSING,
    class_code_of,
    gives,
    is_body_of,
    named,
)
from nbrunner.flow.capture.same_flow import is_as_stated
from nbrunner.flow.capture.scope import (
    changed_names,
    compiled,
    executed_names,
)
from nbrunner.flow.capture.staleness import Reading
from nbrunner.flow.capture.touched import touching

_MISSING = object()


def is_made_by(
    value: Any, statement: ast.stmt, cell: Cell, notebook: Notebook, flags: int = 0
) -> bool:
    """Return whether a statement of a cell, executed now, makes a given function or class.

    Parameters
    ----------
    value : object
        The current value of the name that the statement binds.
    statement : ast.stmt
        A top-level statement of the cell.
    cell : Cell
        The cell.
    notebook : Notebook
        The notebook.
    flags : int
        Compiler flags of the flow file's imports from ``__future__``.
    """
    if (
        getattr(value, "__name__", None) != getattr(statement, "name", _MISSING)
        or getattr(value, "__qualname__", None) != value.__name__
        or value.__module__ != notebook.namespace.get("__name__")
    ):
        return False
    if isinstance(statement, ast.ClassDef):
        return isinstance(value, type) and _is_class(value, statement, cell, notebook, flags)
    return isinstance(value, types.FunctionType) and _is_function(
        value, statement, cell, notebook, flags
    )


def _is_function(
    value: types.FunctionType, statement: ast.stmt, cell: Cell, notebook: Notebook, flags: int
) -> bool:
    assert isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
    code = value.__code__
    if (
        statement.decorator_list
        or value.__globals__ is not notebook.namespace
        or value.__closure__
        or vars(value)
        or not _is_code(code, compiled(statement, cell.filename, flags), cell)
        or value.__doc__ != types.FunctionType(code, {}).__doc__
    ):
        return False
    space = notebook.namespace
    arguments = statement.args
    keywords = value.__kwdefaults__ or {}
    defaults = [*zip(arguments.defaults, value.__defaults__ or (), strict=False)]
    defaults += [
        (node, keywords.get(each.arg, _MISSING))
        for each, node in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if node is not None
    ]
    is_complete = len(arguments.defaults) == len(value.__defaults__ or ()) and len(
        [each for each in arguments.kw_defaults if each]
    ) == len(keywords)
    return (
        is_complete
        and all(gives(node, each, space) for node, each in defaults)
        and _are_annotations(value, statement, space, flags)
    )


def _is_code(code: types.CodeType, module: types.CodeType, cell: Cell) -> bool:
    return code.co_filename == cell.filename and code in code_constants(module)


def _are_annotations(
    value: types.FunctionType,
    statement: ast.FunctionDef | ast.AsyncFunctionDef,
    space: Mapping[str, object],
    flags: int,
) -> bool:
    arguments = statement.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [each for each in (arguments.vararg, arguments.kwarg) if each]
    nodes = {each.arg: each.annotation for each in every if each.annotation}
    if statement.returns:
        nodes["return"] = statement.returns
    found = value.__annotations__
    if nodes.keys() != found.keys():
        return False
    if flags:  # annotations may be strings
        return all(found[key] == ast.unparse(node) for key, node in nodes.items())
    return all(_is_type(node, found[key], space) for key, node in nodes.items())


def _is_type(node: ast.expr, value: object, space: Mapping[str, object]) -> bool:
    """Return whether an annotation or base, such as ``list[int]`` or ``A | None``, is a value."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        return named(node, space) is value
    if isinstance(node, ast.Constant):
        return bool(node.value == value) and type(node.value) is type(value)
    for each in ast.walk(node):
        if isinstance(each, ast.Subscript) and not _is_generic(named(each.value, space)):
            return False
        if not isinstance(each, _OF_TYPES):
            return False
    code = compile(ast.Expression(node), "<annotation>", "eval", dont_inherit=True)
    try:
        return bool(eval(code, dict(space)) == value)
    except (TypeError, NameError, AttributeError):
        return False


_OF_TYPES = (
    *(ast.Name, ast.Attribute, ast.Constant, ast.Subscript, ast.Tuple, ast.List),
    *(ast.BinOp, ast.BitOr, ast.expr_context),
)


def _is_generic(kind: object) -> bool:
    return isinstance(kind, type) or type(kind).__module__ == "typing"


def _is_class(
    value: type, statement: ast.ClassDef, cell: Cell, notebook: Notebook, flags: int
) -> bool:
    if is_flow_class(value):
        return notebook.cell_defining(value) is cell and is_as_stated(
            value, statement, cell, notebook
        )
    body = class_code(statement, cell.filename, statement.name)
    return (
        body is not None
        and notebook.cell_defining(value) is cell
        and all(_is_known_decorator(each, notebook.namespace) for each in statement.decorator_list)
        and _are_bases(value, statement, notebook.namespace)
        and _is_body_fresh(statement, cell, notebook)
        and _is_annotated_alike(value, statement, flags)
        and _has_body(value, statement, cell, notebook, flags)
        and not any(notebook.changes_since(statement.name, cell))
        and not any(statement.name in _certain(each) for each in cell.changing(statement.name))
        and (not _hides_values(value) or computes_the_same(statement, cell, notebook))
    )


def _hides_values(value: type) -> bool:
    """Return whether values of a class body are not compared: of members, of tuples' fields."""
    return issubclass(value, (enum.Enum, tuple))


def _has_body(
    value: type, statement: ast.ClassDef, cell: Cell, notebook: Notebook, flags: int
) -> bool:
    body = class_code_of(statement, cell.filename, flags)
    return is_body_of(
        value,
        statement,
        body,
        notebook.namespace,
        lambda: (
            any(touching(statement.name, cell, notebook, notebook.flow_name))
            or not computes_the_same(statement, cell, notebook)
        ),
    )


def _certain(statement: ast.stmt) -> set[str]:
    return {name for name, is_certain in changed_names(statement).items() if is_certain}


def _is_known_decorator(node: ast.expr, space: Mapping[str, object]) -> bool:
    """Return whether a decorator comes from a library, and all its arguments are constants."""
    if isinstance(node, ast.Call):
        values = [*node.args, *(each.value for each in node.keywords)]
        if not all(isinstance(each, ast.Constant) for each in values):
            return False
        node = node.func
    return importable(named(node, space))


def _are_bases(value: type, statement: ast.ClassDef, space: Mapping[str, object]) -> bool:
    for each in statement.keywords:
        given = named(each.value, space)
        if not isinstance(each.value, ast.Constant) and given is MISSING:
            return False
        if each.arg == "metaclass" and given is not type(value):
            return False
    nodes = statement.bases
    if any(named(each, space) in (typing.NamedTuple, typing.TypedDict) for each in nodes):
        return len(nodes) == 1  # the class does not record them
    bases = vars(value).get("__orig_bases__", value.__bases__ if nodes else ())
    return len(bases) == len(nodes) and all(
        _is_type(node, base, space) for node, base in zip(nodes, bases, strict=True)
    )


def _is_body_fresh(statement: ast.ClassDef, cell: Cell, notebook: Notebook) -> bool:
    names = executed_names(statement, cell.filename) - {statement.name}
    return not any(map(Reading(statement, cell, notebook).is_stale, names))


def _is_annotated_alike(value: type, statement: ast.ClassDef, flags: int) -> bool:
    """Return whether annotations are strings in the flow file if and only if they are now.

    ``from __future__ import annotations`` applies to a file; in IPython, also to later cells.
    """
    nodes = [each.annotation for each in statement.body if isinstance(each, ast.AnnAssign)]
    if flags:
        return not nodes
    has_texts = any(isinstance(each, ast.Constant) for node in nodes for each in ast.walk(node))
    found = vars(value).get("__annotations__", {}).values()
    return has_texts or not any(isinstance(each, (str, typing.ForwardRef)) for each in found)
