"""Reads growing logs: whole lines, with positions that stay valid.

A position is the byte offset just after a line, and is valid in any process at any later time. A
line ends with ``\\n``; a ``\\r`` before that belongs to the line end, any other to the line.
Invalid UTF-8 is replaced and never an error.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator
from operator import index
from pathlib import Path
from typing import BinaryIO

from nbrunner.errors import BadTypeError, BadValueError, StateError
from nbrunner.record import private, run_directory
from nbrunner.record.run_directory import RunDirectory
from nbrunner.text import escapes

# Large enough for cheap reads; small enough to block the event loop for only a millisecond.
BLOCK_BYTES = 64 * 1024

_Utf8Decoder = codecs.getincrementaldecoder("utf-8")


def log_of(directory: RunDirectory, stream: str) -> Path:
    """Return the path of a log.

    Raises
    ------
    BadValueError
        The stream is neither ``"stdout"`` nor ``"stderr"``.
    """
    if stream not in run_directory.STREAMS:
        raise BadValueError(f"stream: expected 'stdout' or 'stderr', got {stream!r}")
    return directory.log(stream)


def open_log(path: Path) -> BinaryIO:
    """Open a log for reading; see `log_descriptor`."""
    return open(log_descriptor(path), "rb")


def log_descriptor(path: Path) -> int:
    """Return the descriptor of a log, open for reading; a named pipe in its place never blocks.

    Raises
    ------
    FileNotFoundError
        There is none.
    StateError
        What is there is not a regular file of this user.
    """
    try:
        return private.open_file(path, os.O_RDONLY)
    except private.NotPrivateError as error:
        raise StateError(f"{path} cannot be read as a log: it {error.strerror}") from error


class LineReader:
    """Reads the lines of a log from a position, block by block.

    Parameters
    ----------
    path : Path
        Log file; it need not exist yet.
    position : int
        Byte offset to start from, as returned with an earlier line.

    Raises
    ------
    BadTypeError, BadValueError
        The position is not an int, or is negative.
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
        self._open = _OpenLine()

    def __enter__(self) -> LineReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read_block(self) -> list[tuple[int, str]] | None:
        """Return the (position, line) pairs of the lines that end in the next block.

        The list is empty if the block lies within a long line. Returns None at the current end
        of the log.
        """
        data = self._read()
        if not data:
            return None
        end = data.find(b"\n")
        if end < 0:
            self._open.add(data)
            return []
        self._open.add(data[:end])
        found = [self._ended(self._open.size + 1, self._open.take())]
        *whole, rest = data[end + 1 :].split(b"\n")
        found += [self._ended(len(line) + 1, decode(line)) for line in whole]
        self._open.add(rest)
        return found

    def rest(self) -> tuple[int, str] | None:
        """Return (position, line) of an unterminated line at the end of the log, or None."""
        return self._ended(self._open.size, self._open.take()) if self._open.size else None

    def _read(self) -> bytes:
        if self._descriptor is None:
            try:
                self._descriptor = log_descriptor(self._path)
            except FileNotFoundError:
                return b""
        data = os.pread(self._descriptor, BLOCK_BYTES, self._read_to)
        self._read_to += len(data)
        return data

    def _ended(self, size: int, line: str) -> tuple[int, str]:
        self._position += size
        return self._position, line


class _OpenLine:
    """A line that is read in pieces.

    Pieces are decoded as they arrive, so that memory is limited to the text, or twice that while
    the pieces are joined.
    """

    def __init__(self) -> None:
        self.size = 0  # in bytes
        self._pieces: list[str] = []
        self._decoder = _Utf8Decoder("replace")

    def add(self, data: bytes) -> None:
        """Append a piece of the line."""
        self.size += len(data)
        self._pieces.append(self._decoder.decode(data))

    def take(self) -> str:
        """Return the line, without the ``\\r`` of a CRLF, and start a new one."""
        pieces = [*self._pieces, self._decoder.decode(b"", final=True)]
        self.size, self._pieces = 0, []
        while pieces and not pieces[-1]:
            pieces.pop()
        if pieces:
            pieces[-1] = pieces[-1].removesuffix("\r")
        return "".join(pieces)


def decode(line: bytes) -> str:
    """Return the text of one line, without the ``\\r`` of a CRLF."""
    if line.endswith(b"\r"):
        line = line[:-1]
    return line.decode("utf-8", "replace")


def read_text(path: Path) -> str:
    """Return a log as text; empty if the file does not exist."""
    try:
        with open(log_descriptor(path), encoding="utf-8", errors="replace", newline="") as file:
            text = file.read()
    except FileNotFoundError:
        return ""
    return text.replace("\r\n", "\n")


def lines_of(path: Path) -> Iterator[str]:
    """Yield the current lines of a log, including an unterminated one; none without a file."""
    with LineReader(path) as reader:
        while (block := reader.read_block()) is not None:
            yield from (line for _, line in block)
        if (rest := reader.rest()) is not None:
            yield rest[1]


def tail(path: Path, lines: int, max_bytes: int = 64 * 1024) -> list[str]:
    """Return the last lines of a log, reading at most ``max_bytes`` from its end.

    Blank lines at the end are dropped. A line whose start was not read begins with "…".
    """
    return _tail(path, lines, max_bytes)[0]


def _tail(path: Path, lines: int, max_bytes: int) -> tuple[list[str], int]:
    """Return the last lines, and the number of blank lines dropped after them."""
    try:
        with open_log(path) as file:
            start = max(0, file.seek(0, os.SEEK_END) - max_bytes)
            before = min(start, escapes.LONGEST)
            file.seek(start - before)
            data = escapes.end(file.read(), before)
    except FileNotFoundError:
        return [], 0
    text = data.rstrip()
    blank = data[len(text) :].count(b"\n") - 1 if text else data.count(b"\n")
    if not text or not lines:
        return [], max(0, blank)
    found = [decode(line) for line in text.split(b"\n")]
    if start:
        found[0] = f"…{found[0]}"
    return found[-lines:], max(0, blank)


def last_lines(paths: Iterable[Path], lines: int) -> tuple[list[str], int]:
    """Return the last lines of the concatenated logs, and the number of lines above them.

    At most the last 256 KiB of each log are returned, without blank lines at the end.
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
        with open_log(path) as file:
            while data := file.read(1 << 20):
                count += data.count(b"\n")
                last = data[-1:]
    except FileNotFoundError:
        return 0
    return count + (last != b"\n")
