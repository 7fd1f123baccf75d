"""Finds foreach steps that iterate over a set, from the source of a flow.

Unless PYTHONHASHSEED is set, Python hashes strings differently in each process, so each process
iterates over a set of strings in a different order. Each task of a foreach is a process and takes
the item at its index: an item may be processed twice and another never
(https://github.com/Netflix/metaflow/issues/1367). Forks of one warm interpreter have the same
hashes, so a flow that works warm may fail when it is started cold.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from nbrunner.flow.description import FlowDescription

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})


def warnings_of(flow: FlowDescription, environment: Mapping[str, str]) -> list[str]:
    """Return a warning for each foreach over a set found in the source.

    Parameters
    ----------
    flow : FlowDescription
        The flow.
    environment : mapping of str to str
        Environment of the run. If it sets PYTHONHASHSEED, all processes have the same order.
    """
    seed = environment.get("PYTHONHASHSEED", "random")
    if seed.isdecimal() or not any(step.type == "foreach" for step in flow.steps):
        return []
    try:
        tree = ast.parse(Path(flow.file).read_bytes())
    except (OSError, SyntaxError, ValueError):  # changed since it was described
        return []
    return [
        f"{flow.name}.{step}: foreach={name!r} iterates over a set. In a cold run "
        "the order of a set differs between tasks, so two tasks may take the same item; "
        f"make it a list: self.{name} = sorted(...)"
        for step, name in foreach_over_sets(tree, flow.name)
    ]


def foreach_over_sets(tree: ast.AST, flow: str) -> Iterator[tuple[str, str]]:
    """Yield the step and the name of the attribute of each foreach over a set."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == flow:
            for step in node.body:
                if isinstance(step, _FUNCTIONS):
                    found = (name for name in _names(step) if _holds(name, step, node))
                    yield from ((step.name, name) for name in found)


def _names(step: ast.AST) -> Iterator[str]:
    """Yield the attribute names in ``self.next(..., foreach=name)`` of a step."""
    for node in ast.walk(step):
        if isinstance(node, ast.Call) and _spelt(node.func) == "self.next":
            for keyword in node.keywords:
                value = keyword.value
                if keyword.arg == "foreach" and isinstance(value, ast.Constant):
                    yield str(value.value)


def _holds(name: str, step: ast.AST, flow: ast.ClassDef) -> bool:
    """Return whether an attribute is assigned a set: in the step, else elsewhere in the flow."""
    target = f"self.{name}"
    for function in (step, *(each for each in flow.body if isinstance(each, _FUNCTIONS))):
        known = _sets(function)
        if target in known:
            return known[target]
    return _sets(flow).get(name, False)


def _sets(scope: ast.AST) -> dict[str, bool]:
    """Return the names assigned in a scope, and whether the last assignment is a set."""
    known: dict[str, bool] = {}
    body = scope.body if isinstance(scope, ast.ClassDef) else list(ast.walk(scope))
    for node in sorted(body, key=lambda each: getattr(each, "lineno", 0)):
        if isinstance(node, ast.Assign):
            is_set = _is_set(node.value, known)
            known |= {_spelt(target): is_set for target in node.targets}
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            known[_spelt(node.target)] = _is_set(node.value, known)
    return known


def _is_set(value: ast.expr, known: dict[str, bool]) -> bool:
    """Return whether an expression is a set, given the names that hold one.

    Sets of numbers do not count: they have the same order in all processes.
    """
    if isinstance(value, ast.Set):
        return not all(map(_is_number, value.elts))
    if isinstance(value, ast.SetComp):
        return True
    if isinstance(value, (ast.Name, ast.Attribute)):
        return known.get(_spelt(value), False)
    if isinstance(value, ast.Call):
        function = value.func
        if isinstance(function, ast.Attribute):
            return function.attr in _SET_METHODS and _is_set(function.value, known)
        of_numbers = [_spelt(each.func) for each in value.args if isinstance(each, ast.Call)]
        return (
            isinstance(function, ast.Name)
            and function.id in ("set", "frozenset")
            and of_numbers != ["range"]
        )
    if isinstance(value, ast.BinOp) and isinstance(
        value.op, (ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)
    ):
        return _is_set(value.left, known) or _is_set(value.right, known)
    if isinstance(value, ast.IfExp):
        return _is_set(value.body, known) or _is_set(value.orelse, known)
    return False


def _spelt(node: ast.expr) -> str:
    """Return an expression as source; empty if it contains an integer too long for Python."""
    try:
        return ast.unparse(node)
    except ValueError:  # an integer with more digits than Python converts
        return ""


def _is_number(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, (int, float))
