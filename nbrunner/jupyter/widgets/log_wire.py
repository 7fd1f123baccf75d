"""Log lines in the format of the messages to the front end, limited in size."""

from __future__ import annotations

import json
from collections.abc import Callable

from nbrunner.logs.index import LineView
from nbrunner.logs.line import STDOUT, ShownLine, is_greeting
from nbrunner.text import escapes

# A line of a log is converted by `nbrunner.logs.line.shown`, by `_on_wire` below, and into a row of
# the page by ``rowOf`` in ``js/src/log_view/row.ts``.
#: [text, stream (0 stdout or a greeting, 1 stderr), characters not sent, time, step/task]
WireLine = list[str | int]
Rename = Callable[[str], str]

LINE_CHARACTERS = 8000

# Number of newest lines sent with each update, up to ten times a second.
_TAIL_LINES = 200
_TAIL_BYTES = 64_000

# Limit for one window, shared by its lines.
_WINDOW_CHARACTERS = 1_000_000
_LEAST_CHARACTERS = 200

_GONE: WireLine = ["(log deleted: the run's files no longer exist)", 1, 0, "", ""]


def window_lines(view: LineView, start: int, stop: int, rename: Rename | None) -> list[WireLine]:
    """Return the lines of a window, each truncated to at most 8,000 characters."""
    found = view.window(start, stop, LINE_CHARACTERS)
    if sum(len(line.text) for line in found) > _WINDOW_CHARACTERS:
        length = max(_LEAST_CHARACTERS, _WINDOW_CHARACTERS // len(found))
        lines = [_on_wire(line, rename, length) for line in found]
    else:
        lines = [_on_wire(line, rename) for line in found]
    missing = min(stop, view.lines) - start - len(lines)
    return lines + [_GONE] * missing


def newest_lines(view: LineView, start: int, rename: Rename | None) -> tuple[int, list[WireLine]]:
    """Return the last lines, not before ``start``, and the number of the first one."""
    stop = view.lines
    start = max(min(start, stop - 1), stop - _TAIL_LINES, 0)
    lines: list[WireLine] = []
    left = _TAIL_BYTES
    for line in reversed(view.window(start, stop, LINE_CHARACTERS)):
        packed = _on_wire(line, rename)
        left -= len(json.dumps(packed))
        if left < 0 and lines:
            break
        lines.insert(0, packed)
    return stop - len(lines), lines


def _on_wire(line: ShownLine, rename: Rename | None, length: int = LINE_CHARACTERS) -> WireLine:
    text, cut = line.text, line.cut
    if len(text) > length:
        text = escapes.cut(line.text, length)
        cut += len(line.text) - len(text)
    stream = STDOUT if is_greeting(line) else line.stream  # not marked as a warning
    return [rename(text) if rename else text, stream, cut, line.time, line.label]
