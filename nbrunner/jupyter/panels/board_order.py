"""Selects and sorts the rows of a board. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real

from nbrunner.status import rank

MAX_ROWS = 20


@dataclass(frozen=True)
class BoardRow:
    """A run in a board.

    Attributes
    ----------
    key : str
        Identifies the row: its index among all runs.
    status : str
        A label of `nbrunner.status.RUN_STATES`, ``"waiting"`` or ``"not started"``.
    name : str
        Pathspec, or the reason why there is none.
    values : mapping
        Parameters and requested artifacts by name.
    done, total : int
        Number of ended tasks, and of all tasks.
    seconds : float or None
        Duration; None if unknown.
    """

    key: str
    status: str
    name: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    done: int = 0
    total: int = 0
    seconds: float | None = None


def chosen(
    rows: Sequence[BoardRow], sort: str = "", descending: bool = False, most: int = MAX_ROWS
) -> list[BoardRow]:
    """Return the rows to draw, sorted; without a sort column by how much they need attention."""
    if sort:
        ordered = sorted(rows, key=lambda row: _key(row, sort), reverse=descending)
        # Rows without a value come last, in both directions.
        found = [row for row in ordered if _value(row, sort) is not None]
        ordered = found + [row for row in ordered if _value(row, sort) is None]
    elif len(rows) <= most:
        ordered = list(rows)
    else:
        ordered = sorted(rows, key=lambda row: rank(row.status))
    return ordered[:most]


def summary(rows: Iterable[BoardRow], drawn: Iterable[BoardRow]) -> str:
    """Return a summary of the rows that are not drawn: ``"80 more: 70 successful, ..."``."""
    keys = {row.key for row in drawn}
    rest = [row.status for row in rows if row.key not in keys]
    return f"{len(rest):,} more: {counts(rest)}" if rest else ""


def counts(statuses: Sequence[str]) -> str:
    """Return the number of each status: ``"3 running, 1 failed"``."""
    ordered = sorted(dict.fromkeys(statuses), key=rank)
    return ", ".join(f"{statuses.count(status):,} {status}" for status in ordered)


def column_of(name: str) -> str:
    """Return the column name of a parameter or artifact, distinct from the fixed columns."""
    return f"{_VALUE}{name}" if name in _OWN else name


def _value(row: BoardRow, column: str) -> object:
    """Return the sort value of a row; None if there is none, or it is NaN."""
    if column in _OWN:
        return _OWN[column](row)
    value = row.values.get(column.removeprefix(_VALUE))
    return None if isinstance(value, Real) and value != value else value


def _key(row: BoardRow, column: str) -> tuple[int, object]:
    """Return the sort key of a row: numbers come first, then other values as text."""
    value = _value(row, column)
    # The abstract type, which includes numpy's numbers.
    return (0, value) if isinstance(value, Real) else (1, str(value))


def _progress(row: BoardRow) -> float | None:
    return row.done / row.total if row.total else None


_OWN: Mapping[str, Callable[[BoardRow], object]] = {
    "status": lambda row: rank(row.status),
    "run": lambda row: row.name or None,
    "progress": _progress,
    "time": lambda row: row.seconds,
}
# Parameter names contain no spaces.
_VALUE = "value "
