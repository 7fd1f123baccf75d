"""What a flow's description can depend on: its file without the bodies of its steps. Pure.

A flow that imports pandas pays for it when it is described. Somebody who edits a step and
runs again has not changed the description; telling that by the syntax tree spares the
import.
"""

from __future__ import annotations

import ast


def skeleton(source: bytes) -> bytes:
    """Return something that is equal for two flow files only if their descriptions are.

    Of a step there remain name, arguments, decorators, docstring and a last statement
    ``self.next(...)``, which is all that Metaflow takes from it (``metaflow/graph.py``).
    That holds for decorators of Metaflow's own; one of the user's may read the function,
    and then it stays whole. What is not valid Python is returned as it is.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source
    known = _names_from_metaflow(tree)
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for function in node.body:
                if isinstance(function, ast.FunctionDef) and _is_plain_step(function, known):
                    function.body = _declared(function.body)
    return ast.dump(tree).encode()


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
