"""Reading a log that grows: whole lines, and positions that stay true.

A position is an offset in bytes, just behind the line it came with, so it means the same
in any process, now or later. A line ends with ``\\n``; a ``\\r`` before it belongs to the
line's end, any other one to the line. What is not UTF-8 is replaced, never an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from operator import index
from pathlib import Path

from nbrunner.errors import BadTypeError, BadValueError
from nbrunner.record import escapes

# Enough to make a read cheap, little enough to hold the event loop for a millisecond only.
BLOCK_BYTES = 64 * 1024


class LineReader:
    """Reads the lines of one log from a position on, block by block.

    Parameters
    ----------
    path : Path
        The log; it need not exist yet.
    position : int
        Offset in bytes to start from, as a line read earlier came with.

    Raises
    ------
    BadValueError, BadTypeError
        The position is none.
    """

    def __init__(self, path: Path, position: int = 0) -> None:
        try:
            position = index(position)
        except TypeError as error:
            raise BadTypeError(
                f"position: expected an int, got {position!r} of type {type(position).__name__}"
            ) from error
        if position < 0:
            raise BadValueError(f"position: expected bytes, 0 or more, got {position!r}")
        self._path = path
        self._descriptor: int | None = None
        self._read_to = position
        self._position = position
        # Pieces of a line whose end has not been read; joined once, so that a line of
        # many megabytes is not copied again and again.
        self._pieces: list[bytes] = []

    def __enter__(self) -> LineReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read_block(self) -> list[tuple[int, str]] | None:
        """Return the (position, line) pairs that end in the next block.

        The list is empty where the block lies within a long line. None: the log holds
        nothing more at present.
        """
        data = self._read()
        if not data:
            return None
        end = data.rfind(b"\n")
        if end < 0:
            self._pieces.append(data)
            return []
        rest = data[end + 1 :]
        self._pieces.append(data[:end])
        whole = b"".join(self._pieces)
        self._pieces = [rest] if rest else []
        return list(self._lines(whole))

    def rest(self) -> tuple[int, str] | None:
        """Return the unterminated line at the end of the log, if there is one."""
        if not self._pieces:
            return None
        last = b"".join(self._pieces)
        self._pieces = []
        self._position += len(last)
        return self._position, decode(last)

    def _read(self) -> bytes:
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return b""
        data = os.pread(self._descriptor, BLOCK_BYTES, self._read_to)
        self._read_to += len(data)
        return data

    def _lines(self, whole: bytes) -> Iterator[tuple[int, str]]:
        position = self._position
        for line in whole.split(b"\n"):
            position += len(line) + 1
            yield position, decode(line)
        self._position = position


def decode(line: bytes) -> str:
    """Return the text of one line, without the ``\\r`` of a CRLF."""
    if line.endswith(b"\r"):
        line = line[:-1]
    return line.decode("utf-8", "replace")


def read_text(path: Path) -> str:
    """Return a whole log as text; an absent one is empty."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ""
    return data.replace(b"\r\n", b"\n").decode("utf-8", "replace")


def tail(path: Path, lines: int, max_bytes: int = 64 * 1024) -> list[str]:
    """Return the last lines of a log, reading no more than its last bytes.

    Blank ones at its end are left out; a line whose beginning was not read begins with "…".
    """
    return _tail(path, lines, max_bytes)[0]


def _tail(path: Path, lines: int, max_bytes: int) -> tuple[list[str], int]:
    """Return the last lines, and how many blank ones behind them were left out."""
    try:
        with open(path, "rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - max_bytes)
            before = min(start, escapes.LONGEST)
            file.seek(start - before)
            data = escapes.end(file.read(), before)
    except FileNotFoundError:
        return [], 0
    told = data.rstrip()
    blank = data[len(told) :].count(b"\n") - 1 if told else data.count(b"\n")
    if not told or not lines:
        return [], max(0, blank)
    found = [decode(line) for line in told.split(b"\n")]
    if start:
        found[0] = f"…{found[0]}"
    return found[-lines:], max(0, blank)


def last_lines(paths: Iterable[Path], lines: int) -> tuple[list[str], int]:
    """Return the last lines of logs put one behind the other, and how many stand above.

    Of each no more than its last 256 KiB are returned, and no blank lines at its end.
    """
    shown: list[str] = []
    total = 0
    for path in paths:
        last, blank = _tail(path, lines, 256 * 1024)
        total += _count_lines(path) - blank
        shown += last
    shown = shown[-lines:] if lines else []
    return shown, max(0, total - len(shown))


def _count_lines(path: Path) -> int:
    count, last = 0, b"\n"
    try:
        with open(path, "rb") as file:
            while data := file.read(1 << 20):
                count += data.count(b"\n")
                last = data[-1:]
    except FileNotFoundError:
        return 0
    return count + (last != b"\n")
