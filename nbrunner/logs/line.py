"""Parsing and filtering of log lines. Pure functions.

Lines are bytes without their ``\\n``. Filters process whole blocks with functions implemented
in C: searching a log of a million lines takes less than a second.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbrunner.engine import log_format
from nbrunner.engine.log_format import only_named
from nbrunner.text import escapes
from nbrunner.text.escapes import COLOURS

STDOUT, STDERR = 0, 1
STREAMS = {"stdout": STDOUT, "stderr": STDERR}

# Few groups save a third of the time on a million lines.
_TIME = rf"{log_format.DATE} (?P<time>{log_format.CLOCK}) ?+"
_TASK = only_named(log_format.BRACKET, "step", "task")
_LONGEST_PREFIX = 1024

# A resume clones tasks in threads that write time, task and text separately. A line may
# therefore start with the times of other lines, which then lack theirs.
_CLONING = rf"(?={COLOURS}{only_named(_TASK)} ?+{COLOURS}{log_format.ANY_CLONE_BEGINS})"
_TIMES = f"(?:(?:{_TIME})++|{_CLONING})"
_COLOURED_TIMES = f"(?:(?:{COLOURS}{_TIME})++|{_CLONING}){COLOURS}"
_PREFIX = f"{_TIMES}(?:{_TASK} ?+)?+"
_COLOURED_PREFIX = f"{_COLOURED_TIMES}(?:{_TASK} ?+)?+{COLOURS}"

_prefix = re.compile(_PREFIX.encode())
_coloured_prefix = re.compile(_COLOURED_PREFIX.encode())

# For blocks of lines: matching the preceding line end makes line starts fast to find.
_prefixes = re.compile(f"\n{only_named(_PREFIX)}".encode())
_coloured_prefixes = re.compile(f"\n{only_named(_COLOURED_PREFIX)}".encode())
_overwritten = re.compile(rb"\n[^\n]*\r")
_returns_at_end = re.compile(rb"\r+(?=\n|\Z)")


@dataclass(frozen=True)
class ShownLine:
    """A line as shown in a view.

    Attributes
    ----------
    text : str
        Text without Metaflow's prefix, including escape sequences, truncated to the requested
        length. For a line overwritten with ``\\r``, its last state.
    stream : int
        0 for stdout, 1 for stderr.
    cut : int
        Number of characters missing from the text.
    time : str
        ``"12:00:01.123"`` from Metaflow's prefix, or empty.
    label : str
        ``"start/1"`` for a line of a task, or empty.
    """

    text: str
    stream: int
    cut: int = 0
    time: str = ""
    label: str = ""

    @property
    def plain(self) -> str:
        """The line with time and label, without escape sequences."""
        text = escapes.without_escapes(self.text)
        return " ".join(part for part in (self.time, self.label, text) if part)


def shown(line: bytes, stream: int, left_out: int, max_characters: int) -> ShownLine:
    """Parse a line for display.

    Parameters
    ----------
    line : bytes
        The line, possibly truncated.
    stream : int
        0 for stdout, 1 for stderr.
    left_out : int
        Number of bytes at its end that were not read.
    max_characters : int
        Maximum length of the text.
    """
    time, label = "", ""
    match = _prefix_of(line)
    if match:
        time = (match["time"] or b"").decode()
        if match["step"]:
            label = (match["step"] + b"/" + match["task"]).decode("utf-8", "replace")
        line = line[match.end() :]
    text = escapes.last_state(line).decode("utf-8", "replace")
    begins = escapes.cut(text, max_characters) if len(text) > max_characters else text
    return ShownLine(begins, stream, len(text) - len(begins) + left_out, time, label)


_GREETING = re.compile(log_format.GREETING)


def is_greeting(line: ShownLine) -> bool:
    """Return whether a line of stderr belongs to Metaflow's greeting, and so is not a warning."""
    if line.stream != STDERR or line.time or line.label:
        return False
    return _GREETING.fullmatch(escapes.without_escapes(line.text).strip()) is not None


def beginning_and_end(beginning: bytes, end: bytes) -> bytes | None:
    """Join the prefix and the last state of a very long line overwritten with ``\\r``.

    Returns None if the end does not contain the last state of the line.
    """
    end = end.rstrip(b"\r")
    if b"\r" not in end:
        return None
    match = _prefix_of(beginning)
    return beginning[: match.end() if match else 0] + end[end.rfind(b"\r") + 1 :]


def _prefix_of(line: bytes) -> re.Match[bytes] | None:
    coloured = line.startswith(b"\x1b") or b"\x1b" in line[:_LONGEST_PREFIX]
    return (_coloured_prefix if coloured else _prefix).match(line)


def _plain_texts(lines: list[bytes]) -> list[bytes]:
    """Return the displayed texts of lines, without escapes, with ASCII letters in lower case."""
    joined = b"\n" + b"\n".join(lines)
    coloured = b"\x1b" in joined
    joined = (_coloured_prefixes if coloured else _prefixes).sub(b"\n", joined)
    if b"\r" in joined:
        joined = _overwritten.sub(b"\n", _returns_at_end.sub(b"", joined))
    return _lowered(joined).split(b"\n")[1:]


class Query:
    """A case-insensitive text search in the displayed text of lines.

    Only letters whose other case is a single letter are matched in both cases.

    Parameters
    ----------
    text : str
        Text to search for.
    """

    def __init__(self, text: str) -> None:
        encoded = text.encode("utf-8", "replace")
        self._literal = encoded.lower() if encoded.isascii() else None
        self._pattern = re.compile(b"".join(_either_case(letter) for letter in text))

    def is_in(self, data: bytes) -> bool:
        """Return False if no line can match, without parsing the lines; True if unsure."""
        return self._has(_lowered(data))

    def lines(self, lines: list[bytes]) -> list[int]:
        """Return the indices of the matching lines."""
        # Fast path: most lines without a match do not contain the text at all.
        joined = _lowered(b"\n".join(lines))
        loose = joined.split(b"\n")
        maybe = self._which(loose)
        doubtful, literal = maybe, self._literal
        if literal is not None and b"\r" not in joined:
            # The prefix, if any, ends with the line's first bracket.
            doubtful = [
                index
                for index in maybe
                if not 0 <= loose[index].find(b"]") < loose[index].rfind(literal) - 1
            ]
        if not doubtful:
            return maybe
        texts = _plain_texts([lines[index] for index in doubtful])
        found = [doubtful[index] for index in self._which(texts)]
        if len(doubtful) == len(maybe):
            return found
        return sorted(set(maybe).difference(doubtful).union(found))

    def _has(self, lowered: bytes) -> bool:
        if self._literal is not None:
            return self._literal in lowered
        return self._pattern.search(lowered) is not None

    def _which(self, texts: list[bytes]) -> list[int]:
        literal, search = self._literal, self._pattern.search
        if literal is not None:
            return [index for index, text in enumerate(texts) if text.find(literal) >= 0]
        return [index for index, text in enumerate(texts) if search(text)]


def _lowered(data: bytes) -> bytes:
    return escapes.without_escapes(data).lower()


def _either_case(letter: str) -> bytes:
    cases = {each for each in (letter, letter.lower(), letter.upper()) if len(each) == 1}
    encoded = {each.encode("utf-8", "replace").lower() for each in cases}
    return b"(?:%s)" % b"|".join(re.escape(each) for each in sorted(encoded))


class LineFilter:
    """Selects the lines of a block that a view shows.

    Parameters
    ----------
    step : str
        Include only lines of this step's tasks; empty for all.
    stream : str
        ``"stdout"``, ``"stderr"``, or empty for both.
    query : str
        Include only lines that contain this text; empty for all.
    """

    def __init__(self, step: str = "", stream: str = "", query: str = "") -> None:
        self.stream = STREAMS.get(stream)
        self.query = Query(query) if query else None
        self._step = step.encode("utf-8", "replace")
        own = re.escape(self._step.decode())
        task = _TASK.replace(f"(?P<step>{log_format.NAME})", own)
        self._of_step = re.compile(only_named(_COLOURED_TIMES + task).encode())

    def count(self, stream: int, data: bytes) -> int:
        """Return the number of lines of a block that pass the filter."""
        if self.query is None and not self._step and self.stream in (None, stream):
            return data.count(b"\n")
        return len(self.lines(stream, data))

    def lines(self, stream: int, data: bytes) -> list[bytes]:
        """Return the lines of a block, each ending in ``\\n``, that pass the filter."""
        if self.stream not in (None, stream) or not self._may_have(data):
            return []
        lines = data.split(b"\n")
        lines.pop()
        if self._step:
            of_step = self._of_step.match
            lines = [line for line in lines if self._step in line and of_step(line)]
        if self.query is not None and lines:
            lines = [lines[index] for index in self.query.lines(lines)]
        return lines

    def _may_have(self, data: bytes) -> bool:
        if self._step and b"/%s/" % self._step not in data:
            return False
        return self.query is None or self.query.is_in(data)
