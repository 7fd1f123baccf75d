"""The cells of a flow -> the text of its class, with the origin of each line. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nbrunner.flow.capture.scope import is_future
from nbrunner.flow.steps.cells import StepCell
from nbrunner.flow.steps.edges import edges, ordered
from nbrunner.flow.steps.flow_cells import FlowCell
from nbrunner.flow.steps.layout import Row
from nbrunner.text.line_origins import Origin


@dataclass(frozen=True)
class ClassText:
    """The class of a flow.

    Attributes
    ----------
    above : tuple of Row
        The lines of the ``%%flow`` cell that go above the class.
    rows : tuple of Row
        The class.
    is_whole : bool
        True if the lines above are kept as they are; False if they are imports to be sorted in.
    """

    above: tuple[Row, ...]
    rows: tuple[Row, ...]
    is_whole: bool = False

    @property
    def generated(self) -> set[str]:
        """Metaflow's names in lines that no cell contains."""
        lines = [row.text.strip() for row in self.rows if not row.cell]
        begins = {"FlowSpec": "class ", "step": "@step", "project": "@project("}
        return {name for name, begin in begins.items() if any(x.startswith(begin) for x in lines)}

    @property
    def source(self) -> str:
        """The class, without imports."""
        return text_of(self.rows)


def class_text(flow: FlowCell, steps: Mapping[str, StepCell]) -> ClassText:
    """Return the class that the cells of a flow define together.

    Parameters
    ----------
    flow : FlowCell
        All but the steps.
    steps : mapping
        The steps by name, in the order of their first execution.

    Raises
    ------
    BadValueError
        The steps make no flow; see `edges`.
    """
    leads = edges(flow.name, steps)
    parts = [list(flow.body)] if flow.body else []
    for name in ordered(steps):
        cell = steps.get(name)
        edge = leads.get(name)
        call = edge.call if edge else ""
        if cell is None:
            parts.append(_supplied(name, call))
        else:
            rows = list(cell.rows)
            if call and cell.next_step is None:
                rows.append(Row(" " * cell.indent + call))
            parts.append(rows)
    rows = list(flow.head)
    for number, part in enumerate(parts):
        rows += [Row("")] if number else []
        rows += part
    return ClassText(flow.above, tuple(rows), flow.is_whole)


def _supplied(name: str, call: str) -> list[Row]:
    body = call or "pass"
    return [Row("    @step"), Row(f"    def {name}(self):"), Row(f"        {body}")]


def with_header(above: Sequence[Row], header: Sequence[Row]) -> list[Row]:
    """Return lines with others above them, but below a docstring and imports from __future__."""
    statements = ast.parse(text_of(above)).body
    first = [each for each in statements if is_future(each)]
    if not first and statements and _is_docstring(statements[0]):
        first = statements[:1]
    at = (first[-1].end_lineno or 0) if first and header else 0
    return [*above[:at], *header, *above[at:]]


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def text_of(rows: Iterable[Row]) -> str:
    """Return the text of lines."""
    return "".join(f"{row.text}\n" for row in rows)


def origins_of(rows: Iterable[Row], first: int = 1) -> tuple[Origin, ...]:
    """Return the origins of lines; ``first`` is the number of the first one in the file."""
    found: list[Origin] = []
    for number, row in enumerate(rows, first):
        if not row.cell:
            continue
        last = found[-1] if found else None
        is_next = last is not None and (last.last, last.name) == (number - 1, row.cell)
        if last is not None and is_next and last.line + number - last.first == row.line:
            found[-1] = Origin(last.first, number, row.cell, last.line)
        else:
            found.append(Origin(number, number, row.cell, row.line))
    return tuple(found)


def composed(origins: Sequence[Origin], file: str, inner: Sequence[Origin]) -> tuple[Origin, ...]:
    """Return origins with those that name a generated file replaced by the origins of its lines.

    Parameters
    ----------
    origins : sequence of Origin
        Origins of the lines of a text that contains the generated file.
    file : str
        Name of the generated file.
    inner : sequence of Origin
        Origins of its lines.
    """
    found = []
    for each in origins:
        if each.name != file:
            found.append(each)
            continue
        shift = each.first - each.line
        until = each.line + each.last - each.first
        for part in inner:
            first, last = max(part.first, each.line), min(part.last, until)
            if first <= last:
                line = part.line + first - part.first
                found.append(Origin(first + shift, last + shift, part.name, line))
    return tuple(found)
