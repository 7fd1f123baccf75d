"""A ``%%flow`` cell -> all of a class but its steps, checked without executing it. Pure."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass

from nbrunner.errors import BadValueError
from nbrunner.flow.capture.scope import with_decorators
from nbrunner.flow.steps.cells import MEMBER, compiled, place, rows_of
from nbrunner.flow.steps.layout import Row, block_lines, head_end, moved, without_blank_end
from nbrunner.flow.steps.words import FlowWords


@dataclass(frozen=True)
class FlowCell:
    """The parts of a flow that its ``%%flow`` cell defines: all but the steps.

    Attributes
    ----------
    name : str
        Name of the flow.
    above : tuple of Row
        Lines above the class: the imports at the top of the cell; all that is above the class if
        the cell holds the whole class.
    head : tuple of Row
        Decorators and the line of the class.
    body : tuple of Row
        Docstring, parameters and methods.
    is_whole : bool
        True if the cell holds the whole class. What is above it is then kept as it is.
    """

    name: str
    above: tuple[Row, ...] = ()
    head: tuple[Row, ...] = ()
    body: tuple[Row, ...] = ()
    is_whole: bool = False


def flow_cell(words: FlowWords, text: str, cell: str) -> FlowCell:
    """Return the definitions of a ``%%flow`` cell.

    The cell is the body of the class. Imports at its top go above the class; decorators of the
    flow may follow them. Or it is a flow file without steps: it ends with the whole class.

    Raises
    ------
    FlowSyntaxError
        The cell is neither.
    BadValueError
        The cell defines a class with another name.
    """
    above, lines = block_lines(text)
    first = above + 2
    given = [Row(f"@{each}") for each in words.decorators]
    if words.project:
        given.insert(0, Row(f"@project(name={json.dumps(words.project, ensure_ascii=False)})"))
    whole = _whole_class(lines, words.name, cell, first)
    if whole is not None:
        start, end = whole
        top = rows_of(without_blank_end(lines[:start]), cell, first)
        head = [*given, *rows_of(lines[start:end], cell, first + start)]
        body = rows_of(lines[end:], cell, first + end)
        if [row.text.strip() for row in body] in (["pass"], ["..."]):
            body = []
        return FlowCell(words.name, tuple(top), tuple(head), tuple(body), True)
    count = _imports(lines)
    top = rows_of(without_blank_end(lines[:count]), cell, first)
    lines, first = lines[count:], first + count
    while lines and not lines[0].strip():
        lines, first = lines[1:], first + 1
    count = _decorator_lines(lines)
    head = [*given, *rows_of(lines[:count], cell, first), Row(f"class {words.name}(FlowSpec):")]
    lines, first = lines[count:], first + count
    above, lines = block_lines("\n".join(lines))
    if lines:
        compiled(["class _:", *moved(lines, MEMBER), "    pass"], cell, first + above - 1)
    body = rows_of(moved(lines, MEMBER), cell, first + above)
    return FlowCell(words.name, tuple(top), tuple(head), tuple(body))


def _imports(lines: Sequence[str]) -> int:
    """Return the number of lines at the top that are imports."""
    try:
        statements = _parsed_longest(lines)
    except (SyntaxError, ValueError):
        return 0
    last = 0
    for node in statements:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            break
        last = node.end_lineno or node.lineno
    return last


def _parsed_longest(lines: Sequence[str]) -> list[ast.stmt]:
    """Return the statements of source; of flow decorators with a body, those above them."""
    try:
        return ast.parse("\n".join([*lines, ""])).body
    except SyntaxError:
        at = next((at for at, line in enumerate(lines) if line.startswith("@")), 0)
        return ast.parse("\n".join([*lines[:at], ""])).body


def _whole_class(lines: Sequence[str], name: str, cell: str, first: int) -> tuple[int, int] | None:
    """Return where the class and its body begin, if a cell ends with the class of the flow."""
    try:
        body = ast.parse("\n".join([*lines, ""])).body
    except (SyntaxError, ValueError):
        return None
    node = body[-1] if body else None
    is_alone = len(body) == 1
    if not isinstance(node, ast.ClassDef) or not node.bases:
        return None
    where = place(cell, node.lineno + first - 1)
    if node.name != name:
        if not is_alone:
            return None
        raise BadValueError(
            f"{where}: the cell defines {node.name!r}, its magic names {name!r}; use one name"
        )
    parts = [*node.bases, *(each.value for each in node.keywords)]
    end = max([node.lineno, *(each.end_lineno or 0 for each in parts)])
    if with_decorators(node.body[0]).lineno <= end:
        raise BadValueError(f"{where}: write the body of the class on lines of its own")
    end = head_end(lines, end)
    start = with_decorators(node).lineno - 1
    while start and lines[start - 1].startswith("#"):
        start -= 1
    return start, end


def _decorator_lines(lines: Sequence[str]) -> int:
    """Return the number of lines at the top that are decorators of the flow."""
    if not lines or not lines[0].startswith("@"):
        return 0
    if _is_source(lines):
        return 0  # decorators of the first method
    for count in range(len(lines), 0, -1):
        if _is_source([*lines[:count], "class _: pass"]):
            return count
    return 0


def _is_source(lines: Sequence[str]) -> bool:
    try:
        body = ast.parse("\n".join([*lines, ""])).body
    except (SyntaxError, ValueError):
        return False
    return lines[-1] != "class _: pass" or len(body) == 1
