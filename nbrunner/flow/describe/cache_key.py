"""What a flow's description can depend on: its file without what only its steps use. Pure.

A flow that imports pandas pays for it when it is described. Somebody who edits a step, or a
function that steps call, and runs again has not changed the description; telling that by the
syntax tree spares the import.
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
    """Return the literal defaults and helps of a flow file's parameters, by their names."""
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


# Python spells out fewer than 4,300 decimal digits, or as few as 640 where somebody has set that
# (sys.set_int_max_str_digits): ast.dump() and ast.unparse() raise for a longer integer.
_MAX_DECIMAL_BITS = 2000


class _LongIntegers(ast.NodeTransformer):
    """Replaces an integer by a name that no source can have: its hexadecimal digits."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, int) and node.value.bit_length() > _MAX_DECIMAL_BITS:
            return ast.Name(hex(node.value), ast.Load())
        return node


def _spell_long_integers_in_hex(tree: ast.Module) -> None:
    """Make a tree with integers of any length one that can be written out."""
    _LongIntegers().visit(tree)


# With one of these something may be called that is not mentioned by its name.
_BY_ANY_NAME = frozenset({"globals", "locals", "vars", "eval", "exec", "dir", "__dict__"})


def _drop_unmentioned(tree: ast.Module, known: set[str]) -> None:
    """Drop the bodies of functions that nothing can call while the file is imported."""
    dropped = [(function, function.body) for function in _plain_functions(tree, known)]
    for function, _body in dropped:
        function.body = []
    mentioned = _mentioned(tree)
    while back := [
        (function, body)
        for function, body in dropped
        if function.name in mentioned or not mentioned.isdisjoint(_BY_ANY_NAME)
    ]:
        for function, body in back:  # what it mentions may be called too
            function.body = body
            dropped.remove((function, body))
            mentioned.update(*map(_mentioned, body))


def _plain_functions(tree: ast.Module, known: set[str]) -> Iterator[ast.FunctionDef]:
    """Yield functions of the module and methods of flows: undecorated, none that Python calls.

    A class with other bases may have methods that its bases call.
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
    """Return what stands in some code as a name, as an attribute or as a text."""
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
    """Return the names that stand for something of Metaflow's own, and for nothing else."""
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
    """Return the dotted name of a decorator; empty for anything else."""
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    parts: list[str] = []
    while isinstance(decorator, ast.Attribute):
        parts.insert(0, decorator.attr)
        decorator = decorator.value
    return [decorator.id, *parts] if isinstance(decorator, ast.Name) else []


def _declared(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return docstring and transition of a step: ``self.next(...)``, if that stands last."""
    first, last = body[0], body[-1]
    has_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    moves_on = (
        isinstance(last, ast.Expr)
        and isinstance(last.value, ast.Call)
        and isinstance(last.value.func, ast.Attribute)
        and last.value.func.attr == "next"
    )
    return [*([first] if has_doc else []), *([last] if moves_on else [])]
