"""A comparison of runs as text, for a terminal."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from nbrunner.text.printable import aligned, on_one_line, shortened, visible

if TYPE_CHECKING:
    from nbrunner.compare.diff import RunDiff

_MAX_CHARACTERS = 60
_NONE = "-"


def text_of(diff: RunDiff, every: bool = False) -> str:
    """Return the differing rows, the number of equal ones, and the changed code.

    Parameters
    ----------
    diff : RunDiff
        The comparison.
    every : bool
        Whether to list the equal rows too.
    """
    lines = _table(diff, every)
    for run, changes in diff.code.items():
        against = f" of {run} against {diff.pathspecs[0]}"
        lines.append("")
        if not changes:
            lines.append(f"code{against}: equal")
        for change in changes:
            lines.append(f"code{against}: {change.name} {change.kind}")
            lines += [f"  {visible(line)}" for line in change.lines()]
    return "\n".join([*lines, *(f"\n{note}" for note in diff.notes)])


def _table(diff: RunDiff, every: bool) -> list[str]:
    rows = [["", "", *diff.pathspecs, ""]]
    for section, group in groupby(diff.rows, lambda row: row.section):
        members = list(group)
        shown = members if every else [row for row in members if not row.equal]
        rows += [
            [section, row.name, *map(_cell, row.values), "=" if row.equal else row.note]
            for row in shown
        ]
        equal = len(members) - len(shown)
        if equal:
            rows.append([section, f"{equal} equal", *([""] * len(diff.pathspecs)), ""])
    return aligned([[on_one_line(cell) for cell in row] for row in rows])


def _cell(value: str | None) -> str:
    return _NONE if value is None else shortened(value, _MAX_CHARACTERS)
