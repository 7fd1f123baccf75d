"""The names that the top-level statements of a cell bind, use and change. Pure."""

from __future__ import annotations
import __future__

import ast
import dis
import inspect
import types
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TypeGuard

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)


def is_future(statement: ast.stmt) -> bool:
    """Return whether a statement imports from ``__future__``, and so must come first."""
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def future_flags(statements: Iterable[ast.stmt]) -> int:
    """Return the compiler flags for the statements' imports from ``__future__``."""
    names = [each.name for node in statements if is_future(node) for each in _aliases(node)]
    flags = 0
    for name in names:
        flags |= getattr(__future__, name).compiler_flag
    return flags


def _aliases(statement: ast.stmt) -> list[ast.alias]:
    return statement.names if isinstance(statement, _IMPORTS) else []


def is_import(statement: ast.stmt) -> bool:
    """Return whether a statement is an import."""
    return isinstance(statement, _IMPORTS)


def is_definition(statement: ast.stmt) -> bool:
    """Return whether a statement defines a function or class, or is an import."""
    return isinstance(statement, (*_DEFINITIONS, *_IMPORTS))


def position(statement: ast.stmt) -> tuple[int, int]:
    """Return line and column of a statement; a line may hold several, as ``a = 1; b = 2``."""
    return statement.lineno, statement.col_offset


def is_step(statement: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    """Return whether a statement is a function with the decorator ``@step``."""
    if not isinstance(statement, ast.FunctionDef):
        return False
    for node in statement.decorator_list:
        called = node.func if isinstance(node, ast.Call) else node
        if getattr(called, "attr", getattr(called, "id", "")) == "step":
            return True
    return False


def with_decorators(statement: ast.stmt) -> ast.stmt:
    """Return a node with the statement's place in the source, decorators included."""
    decorators = getattr(statement, "decorator_list", [])
    if not decorators:
        return statement
    first = min(decorators, key=lambda each: each.lineno)
    place = ast.Pass()
    # The expression of a decorator begins after the @.
    place.lineno, place.col_offset = first.lineno, 0
    place.end_lineno, place.end_col_offset = statement.end_lineno, statement.end_col_offset
    return place


def bound_names(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a top-level statement binds in its module."""
    for node in executed_nodes(statement):
        if isinstance(node, _DEFINITIONS):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, _IMPORTS):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0]
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest


def executed_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes that are executed with a statement, without the bodies of functions.

    The bodies of classes are left out too.
    """
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        if not isinstance(node, ast.Lambda):
            yield node
            if isinstance(node, ast.comprehension):  # its target is local
                stack += [node.iter, *node.ifs]
            elif not isinstance(node, _DEFINITIONS):
                stack.extend(ast.iter_child_nodes(node))


@lru_cache(maxsize=10_000)
def changed_names(statement: ast.stmt, within: bool = False) -> dict[str, bool]:
    """Return each name whose object a top-level statement may change in place -> certainty.

    True for an assignment to an attribute or item, or its deletion. False for a call of a method
    whose result is discarded. With `within`, functions and classes in the statement count too.
    """
    found: dict[str, bool] = {}
    for node in ast.walk(statement) if within else executed_nodes(statement):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
            name, is_certain = _root(node), True
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            name, is_certain = _root(called) if isinstance(called, ast.Attribute) else "", False
        else:
            continue
        found[name] = found.get(name, False) or is_certain
    found.pop("", None)
    return found


@lru_cache(maxsize=10_000)
def set_attributes(statement: ast.stmt) -> list[ast.Attribute]:
    """Return the attributes that a top statement assigns when it is executed."""
    return [
        node
        for node in executed_nodes(statement)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    ]


def _root(node: ast.expr) -> str:
    """Return the name at the start of a chain of attributes and items; empty if it has none."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def is_written_out(statement: ast.stmt) -> bool:
    """Return whether the assigned value is a literal expression."""
    return isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and not any(
        isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        for node in ast.walk(statement.value or ast.Pass())
    )


def mentions(statement: ast.stmt, name: str) -> bool:
    """Return whether a statement contains a name."""
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(statement))


@lru_cache(maxsize=10_000)
def used_names(statement: ast.stmt, filename: str) -> set[str]:
    """Return the global names that a statement, or a function in it, reads."""
    return global_reads(compiled(statement, filename))


@lru_cache(maxsize=10_000)
def executed_names(statement: ast.stmt, filename: str) -> set[str]:
    """Return the global names that executing a statement reads, without functions in it."""
    return global_reads(compiled(statement, filename), functions=False)


def deferred_names(statement: ast.stmt, filename: str) -> set[str]:
    """Return the global names that the functions in a statement read when they are called."""
    return _deferred_reads(compiled(statement, filename))


def _deferred_reads(code: types.CodeType) -> set[str]:
    reads = set()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            reads |= (_deferred_reads if _is_executed(constant) else global_reads)(constant)
    return reads


@lru_cache(maxsize=10_000)
def compiled(statement: ast.stmt, filename: str, flags: int = 0) -> types.CodeType:
    """Return the code of a module with a single statement."""
    module = ast.Module(body=[statement], type_ignores=[])
    code = compile(module, filename, "exec", flags, dont_inherit=True)
    assert isinstance(code, types.CodeType)
    return code


@lru_cache(maxsize=10_000)
def global_reads(code: types.CodeType, functions: bool = True) -> set[str]:
    """Return the global names that code reads, including functions and classes in it.

    A name that a class body has bound is not global there, but is in its methods.

    Parameters
    ----------
    code : code
        The code of a module, class or function.
    functions : bool
        False: only names read when the code is executed, in classes and comprehensions too.
    """
    reads, bound = set(), set()
    is_class = code.co_name != "<module>"  # functions do not access local names by STORE_NAME
    for instruction in dis.get_instructions(code):
        name = instruction.argval
        if instruction.opname == "STORE_NAME" and is_class:
            bound.add(name)
        elif instruction.opname == "LOAD_GLOBAL" or (
            instruction.opname in ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") and name not in bound
        ):
            reads.add(name)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType) and (functions or _is_executed(constant)):
            reads |= global_reads(constant, functions)
    return reads


def _is_executed(code: types.CodeType) -> bool:
    """Return whether code belongs to a class body or a comprehension."""
    return not code.co_flags & inspect.CO_OPTIMIZED or code.co_name in (
        "<listcomp>",
        "<setcomp>",
        "<dictcomp>",
        "<genexpr>",
    )


def only_in_notebook(statement: ast.stmt) -> bool:
    """Return whether a statement works only in a notebook: a magic, a shell line, an await."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
            return True
        if isinstance(node, ast.comprehension) and node.is_async:
            return True
        if isinstance(node, ast.Name) and node.id == "get_ipython":
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            stack.extend(ast.iter_child_nodes(node))
    return False


def deleted_names(statement: ast.stmt) -> set[str]:
    """Return the names that a top-level statement deletes."""
    return {
        node.id
        for node in executed_nodes(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del)
    }


#: Cell magics that do not execute their cell in the notebook.
_NOT_EXECUTED = frozenset(["flow", "flowrun", "step"])


def magic_texts(statement: ast.stmt) -> Iterator[str]:
    """Yield the text arguments of magics in a statement; a magic may execute them."""
    for node in executed_nodes(statement):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("run_line_magic", "run_cell_magic")
        ):
            texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
            is_cell = node.func.attr == "run_cell_magic"
            if is_cell and texts and texts[0] in _NOT_EXECUTED:
                texts = texts[:-1]
            yield from (each for each in texts if isinstance(each, str))


def binds_unseen(statement: ast.stmt) -> bool:
    """Return whether a top-level statement may bind names that it does not contain."""
    calls = (each for each in executed_nodes(statement) if isinstance(each, ast.Call))
    for call in calls:
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name in ("exec", "globals") or (name in ("vars", "locals") and not call.args):
            return True
    return any(text in ("run", "store") for text in magic_texts(statement))
