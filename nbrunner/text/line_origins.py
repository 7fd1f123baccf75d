"""Where the lines of a generated flow file come from: cells, or a script. Pure.

Metaflow executes the file; people know what they wrote, so that is what tracebacks name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Origin:
    """A stretch of lines that was written elsewhere.

    Attributes
    ----------
    first, last : int
        The lines of the generated file, counted from 1.
    name : str
        ``"Cell In[5]"``, or the path of a script.
    line : int
        Where the first of them stands there.
    """

    first: int
    last: int
    name: str
    line: int


def is_cell(name: str) -> bool:
    """Tell whether this is what a notebook calls one of its cells."""
    return name.startswith("Cell ")


def place(name: str, line: int) -> str:
    """Return a place as tracebacks spell it: ``Cell In[5], line 12``, ``File "a.py", line 12``."""
    return f"{name}, line {line}" if is_cell(name) else f'File "{name}", line {line}'


def origin_of(origins: Iterable[Origin], line: int) -> tuple[str, int] | None:
    """Return what a line of the file was written in and its number there; None if nowhere."""
    for each in origins:
        if each.first <= line <= each.last:
            return each.name, each.line + line - each.first
    return None


def in_origins(text: str, file: str, origins: Sequence[Origin]) -> str:
    """Return a text with the places in a generated file told as their origins."""
    if not origins:
        return text
    # Code that travels pickled, without its source, names its cell itself.
    text = re.sub(r'File "(Cell In\[\d+\])", (?=line \d)', r"\1, ", text)
    if file not in text:
        return text

    def told(match: re.Match[str]) -> str:
        found = origin_of(origins, int(match["line"]))
        return place(*found) if found else match[0]

    def told_by_metaflow(match: re.Match[str]) -> str:
        found = origin_of(origins, int(match["line"]))
        if found is None or is_cell(found[0]):
            return place(*found) if found else match[0]
        return f"file {found[0]} on line {found[1]}"

    path = re.escape(file)
    text = re.sub(rf'File "{path}", line (?P<line>\d+)', told, text)
    return re.sub(rf"file {path} on line (?P<line>\d+)", told_by_metaflow, text)


def to_json(origins: Iterable[Origin]) -> list[dict[str, Any]]:
    """Return origins as they stand in a record."""
    return [asdict(each) for each in origins]


def from_json(content: Iterable[dict[str, Any]] | None) -> tuple[Origin, ...]:
    """Return the origins of a record."""
    # A newer version may tell more of each.
    return tuple(
        Origin(each["first"], each["last"], each["name"], each["line"]) for each in content or ()
    )
