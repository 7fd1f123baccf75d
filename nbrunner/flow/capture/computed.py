"""Whether a definition, executed again, computes the same values as when the notebook executed it.

A class statement computes its attributes, and the defaults of its methods: ``seed = random()``,
``number = next(counter)``, ``first = rows[0]``. A second execution gives other values if they
depend on chance, or on an object that this or a later statement has changed in place. Rebound
names are the part of `nbrunner.flow.capture.staleness`.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Collection, Iterator

from nbrunner.flow.capture.chance import any_draws, draws
from nbrunner.flow.capture.literals import is_plain, is_scalar, plain_source
from nbrunner.flow.capture.notebook import Cell, Notebook, importable
from nbrunner.flow.capture.same_body import FUNCTIONS, assigned, is_given, is_made_by_code
from nbrunner.flow.capture.scope import executed_names, position
from nbrunner.flow.capture.touched import reachable, touching


def computes_the_same(
    statement: ast.stmt, cell: Cell, notebook: Notebook, excused: Collection[str] = ()
) -> bool:
    """Return whether a function or class statement computes the same values again.

    Parameters
    ----------
    statement : ast.stmt
        At the top of the cell.
    excused : collection of str
        Names of objects that count as unchanged: connections, locks and the like.
    """
    nodes = list(_defining_nodes(statement))
    if any_draws(nodes, notebook.namespace):
        return False
    names = _names_in_use(statement, nodes, cell, notebook)
    return not any(
        _may_differ(each, statement, cell, notebook)
        for each in reachable(names, notebook, notebook.flow_name) - set(excused)
    )


def _defining_nodes(statement: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that are executed when a function or class is defined."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, (*FUNCTIONS, ast.Lambda)):
            stack += [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            stack += getattr(node, "decorator_list", [])
        else:
            stack.extend(ast.iter_child_nodes(node))


def _names_in_use(
    statement: ast.stmt, nodes: list[ast.AST], cell: Cell, notebook: Notebook
) -> set[str]:
    """Return the names whose objects have a part in the values, not only in their types.

    A function or class counts if it is in a call, a base class if it runs code for each subclass.
    """
    space = notebook.namespace
    called = {
        each.id
        for node in nodes
        if isinstance(node, ast.Call)
        for each in ast.walk(node)
        if isinstance(each, ast.Name)
    }
    bases = statement.bases if isinstance(statement, ast.ClassDef) else []
    called |= {
        each.id
        for each in bases
        if isinstance(each, ast.Name)
        and isinstance(kind := space.get(each.id), type)
        and ("__init_subclass__" in vars(kind) or is_made_by_code(kind))
    }
    names = executed_names(statement, cell.filename) - {getattr(statement, "name", "")}
    is_code = (type, types.FunctionType)
    return {each for each in names if each in called or not isinstance(space.get(each), is_code)}


def _may_differ(name: str, statement: ast.stmt, cell: Cell, notebook: Notebook) -> bool:
    """Return whether what a name gives may differ from what it gave to a statement."""
    value = notebook.namespace.get(name)
    if is_scalar(value) or isinstance(value, types.ModuleType) or importable(value):
        return False
    if isinstance(value, types.FunctionType):
        return _is_function_of_chance(value, notebook)
    if isinstance(value, type):
        return False  # its methods are among what is reachable, under the names that they read
    if hasattr(type(value), "__next__"):
        return True
    return any(
        _may_change(each, name, notebook)
        if each is statement
        else at is not cell or position(each) > position(statement)
        for at, each in touching(name, cell, notebook, notebook.flow_name)
    )


# They change no collection that they are given.
_READERS = frozenset(
    {"len", "sum", "min", "max", "sorted", "reversed", "enumerate", "zip", "range", "any", "all"}
    | {"list", "tuple", "set", "frozenset", "dict", "str", "repr", "int", "float", "round"}
)


def _may_change(statement: ast.stmt, name: str, notebook: Notebook) -> bool:
    """Return whether a statement passes an object to a call that may change it in place."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and name in map(_name, ast.walk(node)):
            called = _name(node.func)
            if called not in _READERS or called in notebook.namespace:
                return True
    return False


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _is_function_of_chance(function: types.FunctionType, notebook: Notebook) -> bool:
    """Return whether a function draws something, or binds global names such as a counter."""
    code = function.__code__
    cell = notebook.cell(code.co_filename)
    definition = cell.statement_at(code.co_firstlineno) if cell else None
    return definition is not None and (
        draws(definition, notebook.namespace)
        or any(isinstance(each, ast.Global) for each in ast.walk(definition))
    )


def computed_attributes(
    kind: type, statement: ast.ClassDef, notebook: Notebook
) -> Iterator[tuple[str, str]]:
    """Yield the plain attributes that a class body computes, and expressions of their values.

    The defaults of its methods are among them, as ``"method.__defaults__"``.
    """
    nodes = assigned(statement)
    space = {key: each for key, each in notebook.namespace.items() if key not in nodes}
    functions = {each.name: each.args for each in statement.body if isinstance(each, FUNCTIONS)}
    for name, node in nodes.items():
        value = vars(kind).get(name, kind)
        is_own = name not in functions and not name.startswith("__")
        if is_own and is_plain(value) and is_given(node, value, space) is None:
            yield name, plain_source(value)
    for name, arguments in functions.items():
        method = vars(kind).get(name)
        given = [*arguments.defaults, *filter(None, arguments.kw_defaults)]
        if isinstance(method, types.FunctionType) and not all(map(_is_literal, given)):
            for key in ("__defaults__", "__kwdefaults__"):
                if is_plain(defaults := getattr(method, key)):
                    yield f"{name}.{key}", plain_source(defaults)


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)
