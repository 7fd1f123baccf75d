"""The cells or scripts that the lines of a generated flow file come from. Pure functions.

Metaflow executes the generated file; tracebacks should name the user's own source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from nbrunner.engine.log_format import error_place


@dataclass(frozen=True)
class Origin:
    """A range of lines copied from another source.

    Attributes
    ----------
    first, last : int
        Line numbers in the generated file, from 1.
    name : str
        ``"Cell In[5]"``, or the path of a script.
    line : int
        Number of the first line in that source.
    """

    first: int
    last: int
    name: str
    line: int


class OriginNote(TypedDict):
    """An `Origin` in a record."""

    first: int
    last: int
    name: str
    line: int


def is_cell(name: str) -> bool:
    """Return whether a name is a notebook's name for a cell."""
    return name.startswith("Cell ")


def place(name: str, line: int) -> str:
    """Return a location as in tracebacks: ``Cell In[5], line 12``, ``File "a.py", line 12``."""
    return f"{name}, line {line}" if is_cell(name) else f'File "{name}", line {line}'


def origin_of(origins: Iterable[Origin], line: int) -> tuple[str, int] | None:
    """Return source name and line number of a line of the file; None if it was generated."""
    for each in origins:
        if each.first <= line <= each.last:
            return each.name, each.line + line - each.first
    return None


def in_origins(text: str, file: str, origins: Sequence[Origin]) -> str:
    """Return a text with locations in a generated file replaced by their origins."""
    if not origins:
        return text
    # Code pickled without its source already names its cell.
    text = re.sub(r'File "(Cell In\[\d+\])", (?=line \d)', r"\1, ", text)
    if file not in text:
        return text

    def with_origin(match: re.Match[str]) -> str:
        found = origin_of(origins, int(match["line"]))
        return place(*found) if found else match[0]

    def with_origin_as_metaflow(match: re.Match[str]) -> str:
        found = origin_of(origins, int(match["line"]))
        if found is None or is_cell(found[0]):
            return place(*found) if found else match[0]
        return error_place(found[0], str(found[1]))

    path = re.escape(file)
    text = re.sub(rf'File "{path}", line (?P<line>\d+)', with_origin, text)
    return re.sub(error_place(path, r"(?P<line>\d+)"), with_origin_as_metaflow, text)


def to_json(origins: Iterable[Origin]) -> list[OriginNote]:
    """Return origins in the format of a record."""
    return [
        {"first": each.first, "last": each.last, "name": each.name, "line": each.line}
        for each in origins
    ]


def from_json(content: Iterable[OriginNote] | None) -> tuple[Origin, ...]:
    """Return the origins stored in a record."""
    # A newer version may store more fields.
    return tuple(
        Origin(each["first"], each["last"], each["name"], each["line"]) for each in content or ()
    )
