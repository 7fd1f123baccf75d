"""What changed between the code of two runs, step by step. Pure."""

from __future__ import annotations

import ast
import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nbrunner.flow.capture.scope import is_step, with_decorators
from nbrunner.text.python_lines import python_lines

#: Name of the part of a flow file outside of its steps.
OUTSIDE = "outside of steps"


@dataclass(frozen=True)
class CodeChange:
    """A step or module whose code differs.

    Attributes
    ----------
    name : str
        ``"step train"``, ``"outside of steps"``, or the path of a module.
    before, after : str
        The two texts; empty where there is none.
    """

    name: str
    before: str
    after: str

    @property
    def kind(self) -> str:
        """``"changed"``, ``"added"`` or ``"removed"``."""
        if self.before and self.after:
            return "changed"
        return "added" if self.after else "removed"

    def lines(self) -> list[str]:
        """Return the differing lines with three lines of context, as ``diff -u`` writes them."""
        before, after = self.before.splitlines(), self.after.splitlines()
        return list(difflib.unified_diff(before, after, lineterm="", n=3))[2:]


def code_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[CodeChange]:
    """Return the steps and modules that differ, steps first.

    Parameters
    ----------
    before, after : mapping of str to str
        Source texts of the two runs by path, the flow file first.
    """
    flow_before, modules_before = _split(before)
    flow_after, modules_after = _split(after)
    parts = [(_parts(flow_before), _parts(flow_after)), (modules_before, modules_after)]
    return [
        CodeChange(name, old.get(name, ""), new.get(name, ""))
        for old, new in parts
        for name in dict.fromkeys((*new, *old))
        if old.get(name, "") != new.get(name, "")
    ]


def _split(code: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the flow file's text, and the other texts by their path relative to it."""
    paths = list(code)
    if not paths:
        return "", {}
    folder = os.path.dirname(paths[0])
    return code[paths[0]], {os.path.relpath(path, folder): code[path] for path in paths[1:]}


def _parts(source: str) -> dict[str, str]:
    """Return the text of each step, and the rest of a flow file."""
    lines = python_lines(source)
    steps: dict[str, tuple[int, int]] = {}
    for node in _classes(source):
        for function in node.body:
            if is_step(function):
                first = with_decorators(function).lineno
                steps[f"step {function.name}"] = (first - 1, function.end_lineno or first)
    inside = {number for first, last in steps.values() for number in range(first, last)}
    outside = [line for number, line in enumerate(lines) if number not in inside]
    texts = {name: "\n".join(lines[first:last]) for name, (first, last) in steps.items()}
    return {**texts, OUTSIDE: "\n".join(_without_doubled_blanks(outside))}


def _classes(source: str) -> list[ast.ClassDef]:
    try:
        return [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    except (SyntaxError, ValueError, RecursionError):
        return []


def _without_doubled_blanks(lines: Sequence[str]) -> list[str]:
    """Return lines without blank lines that follow one, which removed steps leave behind."""
    return [
        line
        for number, line in enumerate(lines)
        if line.strip() or (number and lines[number - 1].strip())
    ]
