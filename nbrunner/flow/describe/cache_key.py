"""The cache key of a flow's description: the flow file without code used only by steps. Pure.

Describing a flow imports its file, which may import pandas. Editing a step, or a function
called by steps, does not change the description. Comparing syntax trees detects that and
saves the import.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

from nbrunner.flow.describe.literal_defaults import Json, take_literals


def skeleton(source: bytes) -> bytes:
    """Return a cache key: two flow files with equal keys have equal descriptions.

    Literal defaults of parameters are left out; `literals` returns them. A step is reduced to its
    name, arguments, decorators, docstring and final ``self.next(...)``, which is all that Metaflow
    reads (``metaflow/graph.py``), unless a decorator of the user's own may read the function. The
    body of a function that nothing else mentions is left out. Source that is not valid Python is
    returned unchanged.
    """
    return _reduced(source)[0]


def literals(source: bytes) -> dict[str, Json]:
    """Return the literal defaults and help texts of a flow file's parameters by name."""
    return _reduced(source)[1]


@functools.lru_cache(maxsize=16)
def _reduced(source: bytes) -> tuple[bytes, dict[str, Json]]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source, {}
    _spell_long_integers_in_hex(tree)
    known = _names_from_metaflow(tree)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in classes:
        for function in node.body:
            if isinstance(function, ast.FunctionDef) and _is_plain_step(function, known):
                function.body = _declared(function.body)
    _drop_unmentioned(tree, known)
    parameters = {"Parameter"} & known | {f"{name}.Parameter" for name in known}
    read = _read(tree)
    found = take_literals(classes, parameters, read) if read.isdisjoint(_BY_ANY_NAME) else {}
    return ast.dump(tree).encode(), found


# Python converts at most 4,300 digits by default, and as few as 640 if so configured
# (sys.set_int_max_str_digits): ast.dump() and ast.unparse() raise for a longer integer.
_MAX_DECIMAL_BITS = 2000


class _LongIntegers(ast.NodeTransformer):
    """Replaces integers by a name made of their hexadecimal digits, invalid in source code."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, int) and node.value.bit_length() > _MAX_DECIMAL_BITS:
            return ast.Name(hex(node.value), ast.Load())
        return node


def _spell_long_integers_in_hex(tree: ast.Module) -> None:
    """Change a tree so that integers of any length can be printed."""
    _LongIntegers().visit(tree)


# Code that uses one of these may call functions without naming them.
_BY_ANY_NAME = frozenset({"globals", "locals", "vars", "eval", "exec", "dir", "__dict__"})


def _drop_unmentioned(tree: ast.Module, known: set[str]) -> None:
    """Remove the bodies of functions that cannot be called while the file is imported."""
    dropped = [(function, function.body) for function in _plain_functions(tree, known)]
    for function, _body in dropped:
        function.body = []
    mentioned = _mentioned(tree)
    while back := [
        (function, body)
        for function, body in dropped
        if function.name in mentioned or not mentioned.isdisjoint(_BY_ANY_NAME)
    ]:
        for function, body in back:  # functions named in these bodies may be called too
            function.body = body
            dropped.remove((function, body))
            mentioned.update(*map(_mentioned, body))


def _plain_functions(tree: ast.Module, known: set[str]) -> Iterator[ast.FunctionDef]:
    """Yield undecorated module functions and methods of flows that Python does not call itself.

    Classes with other bases are skipped: their bases may call their methods.
    """
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield from [node] if _is_undecorated(node) else []
        elif isinstance(node, ast.ClassDef):
            roots = [_root(base) for base in node.bases]
            if all(root[-1:] == ["FlowSpec"] and root[0] in known for root in roots):
                for each in node.body:
                    if isinstance(each, ast.FunctionDef) and _is_undecorated(each):
                        yield each


def _is_undecorated(function: ast.FunctionDef) -> bool:
    return not function.decorator_list and not function.name.startswith("__")


def _mentioned(tree: ast.AST) -> set[str]:
    """Return all names, attributes and strings in some code."""
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return _read(tree) | {text for text in texts if isinstance(text, str)}


def _read(tree: ast.AST) -> set[str]:
    """Return the names and attributes that some code reads."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found


def _names_from_metaflow(tree: ast.Module) -> set[str]:
    """Return the names that are bound to something of Metaflow's own, and to nothing else."""
    names: set[str] = set()
    rebound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "metaflow" and not node.level:
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {each.asname or each.name for each in node.names if each.name == "metaflow"}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            rebound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            rebound.add(node.id)
    return names - rebound


def _is_plain_step(function: ast.FunctionDef, known: set[str]) -> bool:
    roots = [_root(decorator) for decorator in function.decorator_list]
    return any(root[-1:] == ["step"] for root in roots) and all(
        root and root[0] in known for root in roots
    )


def _root(decorator: ast.expr) -> list[str]:
    """Return the dotted name of a decorator; empty if it is not one."""
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    parts: list[str] = []
    while isinstance(decorator, ast.Attribute):
        parts.insert(0, decorator.attr)
        decorator = decorator.value
    return [decorator.id, *parts] if isinstance(decorator, ast.Name) else []


def _declared(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the docstring and the final ``self.next(...)`` of a step, if it has them."""
    first, last = body[0], body[-1]
    has_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    moves_on = (
        isinstance(last, ast.Expr)
        and isinstance(last.value, ast.Call)
        and isinstance(last.value.func, ast.Attribute)
        and last.value.func.attr == "next"
    )
    return [*([first] if has_doc else []), *([last] if moves_on else [])]
