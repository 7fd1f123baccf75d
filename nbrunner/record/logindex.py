"""Windows of lines, filters and search over a run's logs, however long they are.

The logs stay on disk. What is kept of them is where blocks of some 64 KiB begin and end,
and for each view how many of its lines stand in each block; a window is read anew.

Order: the two logs have no common clock, so while a run lives its lines stand as they
arrive. Of a run that is read afterwards Metaflow's first words on stderr come first, then
stdout, then what else there is of stderr.

Not thread-safe: all calls from one thread, or one event loop.
"""

from __future__ import annotations

import bisect
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

BLOCK_BYTES = 64 * 1024

# A line longer than this is one block by itself, and shown by its beginning alone.
_SHOWN_BYTES = 256 * 1024

STDOUT, STDERR = 0, 1
STREAMS = {"stdout": STDOUT, "stderr": STDERR}

_ANSI = rb"(?:\x1b\[[0-9;]*m)*"
_WHEN = _ANSI + rb"\d{4}-\d\d-\d\d (?P<time>\d\d:\d\d:\d\d\.\d{3}) ?" + _ANSI
_WHO = rb"\[[^/\]\s]+/(?P<step>[^/\]\s]+)/(?P<task>[^/\]\s]+)(?: \(pid \d+\))?\] ?"
_LINE = re.compile(_WHEN + b"(?:" + _WHO + b")?" + _ANSI)

# The last of what Metaflow says on stderr before a run begins (metaflow/cli.py).
_BEGINNINGS = (b"The graph looks good!", b"Pylint is happy!", b"Pylint couldn't be run")


class Block(NamedTuple):
    """A stretch of one log, from the first byte of a line to the end of a line."""

    stream: int
    start: int
    end: int


@dataclass(frozen=True)
class ShownLine:
    """A line as a view shows it.

    Attributes
    ----------
    text : str
        Without Metaflow's prefix; at most as long as was asked for.
    stream : int
        0 for stdout, 1 for stderr.
    cut : int
        How many bytes of it are not in the text.
    time : str
        ``"12:00:01.123"`` by Metaflow's prefix, else empty.
    label : str
        ``"start/1"`` for a line of a task, else empty.
    """

    text: str
    stream: int
    cut: int = 0
    time: str = ""
    label: str = ""


class MergedLog:
    """Both logs of a run, as blocks in the order of arrival.

    Parameters
    ----------
    stdout, stderr : Path
    ended : bool
        The run has ended already: nobody has seen the order of arrival.
    """

    def __init__(self, stdout: Path, stderr: Path, ended: bool = False) -> None:
        self._paths = (stdout, stderr)
        self._files: list[int | None] = [None, None]
        self._ends = [0, 0]
        self._scanned = [0, 0]
        self._ended = ended
        self.blocks: list[Block] = []
        #: How many blocks, from the first, will never change.
        self.final = 0

    def close(self) -> None:
        for stream, descriptor in enumerate(self._files):
            if descriptor is not None:
                os.close(descriptor)
                self._files[stream] = None

    def refresh(self) -> bool:
        """Take in what has been written; return whether there was anything."""
        before = [*self._ends, *self._scanned]
        if self._ended and not self.blocks:
            beginning = self._beginning()
            self._grow(STDERR, beginning)
            self._grow(STDOUT)
            self._grow(STDERR)
        else:
            self._grow(STDERR)
            self._grow(STDOUT)
        return [*self._ends, *self._scanned] != before

    def open_lines(self) -> list[tuple[int, bytes, int]]:
        """Return (stream, beginning, bytes not in it) of the lines that have no end yet."""
        found = []
        for stream in (STDERR, STDOUT):
            size = self._scanned[stream] - self._ends[stream]
            if size > 0:
                data = self._read_at(stream, self._ends[stream], min(size, _SHOWN_BYTES))
                found.append((stream, data, size - len(data)))
        return found

    def read(self, block: Block) -> tuple[bytes, int]:
        """Return the bytes of a block, and how many of its one long line are left out."""
        size = block.end - block.start
        if size <= _SHOWN_BYTES:
            return self._read_at(block.stream, block.start, size), 0
        data = self._read_at(block.stream, block.start, _SHOWN_BYTES)
        return data + b"\n", size - len(data) - 1

    def whole(self, block: Block) -> bytes:
        return self._read_at(block.stream, block.start, block.end - block.start)

    def raw(self, stream: int) -> Iterator[bytes]:
        """Yield a whole log in chunks of a megabyte."""
        offset = 0
        while data := self._read_at(stream, offset, 1 << 20):
            yield data
            offset += len(data)

    # -- inside -------------------------------------------------------------------------

    def _beginning(self) -> int:
        head = self._read_at(STDERR, 0, BLOCK_BYTES)
        last = max(head.rfind(words) for words in _BEGINNINGS)
        return head.find(b"\n", last) + 1 if last >= 0 else 0

    def _grow(self, stream: int, limit: int | None = None) -> None:
        size = self._size(stream) if limit is None else limit
        while self._scanned[stream] < size:
            start = self._ends[stream]
            wanted = min(BLOCK_BYTES, size - self._scanned[stream])
            data = self._read_at(stream, self._scanned[stream], wanted)
            if not data:
                return
            found = data.rfind(b"\n") if self._scanned[stream] == start else data.find(b"\n")
            if found < 0:
                self._scanned[stream] += len(data)
                continue
            end = self._scanned[stream] + found + 1
            self._append(Block(stream, start, end))
            self._ends[stream] = self._scanned[stream] = end
            if end < size and b"\n" not in data[found + 1 :] and end + BLOCK_BYTES > size:
                # The rest is a line without an end, known to be one.
                self._scanned[stream] = max(end, min(size, end + len(data) - found - 1))

    def _append(self, block: Block) -> None:
        last = self.blocks[-1] if self.blocks else None
        grows = (
            last is not None
            and last.stream == block.stream
            and last.end == block.start
            and block.end - last.start <= BLOCK_BYTES
        )
        if grows and last is not None:
            self.blocks[-1] = Block(block.stream, last.start, block.end)
        else:
            self.blocks.append(block)
        self.final = len(self.blocks) - 1

    def _size(self, stream: int) -> int:
        descriptor = self._descriptor(stream)
        return 0 if descriptor is None else os.fstat(descriptor).st_size

    def _read_at(self, stream: int, offset: int, size: int) -> bytes:
        descriptor = self._descriptor(stream)
        return b"" if descriptor is None else os.pread(descriptor, size, offset)

    def _descriptor(self, stream: int) -> int | None:
        if self._files[stream] is None:
            try:
                self._files[stream] = os.open(self._paths[stream], os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
        return self._files[stream]


class LineView:
    """The lines of a log that a filter lets through, counted from 0.

    Parameters
    ----------
    log : MergedLog
    step : str
        Lines of this step's tasks alone; empty for all.
    stream : str
        ``"stdout"``, ``"stderr"``, or empty for both.
    query : str
        Lines alone whose text has this in it, whatever the case of ASCII letters.
    """

    def __init__(self, log: MergedLog, step: str = "", stream: str = "", query: str = "") -> None:
        self._log = log
        self._stream = STREAMS.get(stream)
        self._query = query.lower().encode()
        self._step = (
            re.compile(b"(?m)^" + _WHEN + rb"\[[^/\]\s]+/" + re.escape(step.encode()) + b"/")
            if step
            else None
        )
        self._upto: list[int] = []  # lines in the blocks up to and with each, final ones

    def advance(self, max_bytes: int | None = None) -> bool:
        """Count on, through so many bytes at most; return whether all is counted."""
        left = max_bytes
        while len(self._upto) < self._log.final:
            block = self._log.blocks[len(self._upto)]
            before = self._upto[-1] if self._upto else 0
            self._upto.append(before + self._count(block))
            if left is not None:
                left -= block.end - block.start
                if left <= 0:
                    return False
        return True

    @property
    def lines(self) -> int:
        """How many lines the view has, so far counted; one without an end is one more."""
        complete = len(self._upto) == self._log.final
        last = self._last_lines() if complete else []
        return (self._upto[-1] if self._upto else 0) + len(last)

    def window(self, start: int, stop: int, max_characters: int = 8000) -> list[ShownLine]:
        """Return lines ``start`` to before ``stop``; fewer at the end."""
        found: list[ShownLine] = []
        number = bisect.bisect_right(self._upto, start)
        first = self._upto[number - 1] if number else 0
        while number < len(self._upto) and first < stop:
            lines = self._lines(self._log.blocks[number])
            for line, cut in lines[max(0, start - first) : stop - first]:
                stream = self._log.blocks[number].stream
                found.append(shown(line, stream, cut, max_characters))
            first = self._upto[number]
            number += 1
        if first < stop and len(self._upto) == self._log.final:
            last = self._last_lines()[max(0, start - first) : stop - first]
            found += [shown(line, stream, cut, max_characters) for stream, line, cut in last]
        return found

    def whole_line(self, number: int) -> str:
        """Return one line uncut."""
        index = bisect.bisect_right(self._upto, number)
        if index < len(self._upto):
            block = self._log.blocks[index]
            before = self._upto[index - 1] if index else 0
            if block.end - block.start > _SHOWN_BYTES:
                line = self._log.whole(block).rstrip(b"\n")
            else:
                line = self._lines(block)[number - before][0]
            return shown(line, block.stream, 0, len(line)).text
        lines = self.window(number, number + 1, 1 << 30)
        return lines[0].text if lines else ""

    def number_of(self, match: int, found: LineView) -> int:
        """Return which line of this view is a match: line ``match`` of another view of it.

        ``-1`` if there is none, or this view has not been counted so far.
        """
        index = bisect.bisect_right(found._upto, match)
        if index < len(found._upto):
            before_match = found._upto[index - 1] if index else 0
            lines = [line for line, _ in self._lines(self._log.blocks[index])]
            if index > len(self._upto):
                return -1
            before = self._upto[index - 1] if index else 0
        else:
            before_match = found._upto[-1] if found._upto else 0
            lines = [line for _, line, _ in self._last_lines()]
            before = self._upto[-1] if self._upto else 0
        matching = [number for number, line in enumerate(lines) if found._has_query(line)]
        at = match - before_match
        return before + matching[at] if 0 <= at < len(matching) else -1

    # -- inside -------------------------------------------------------------------------

    def _count(self, block: Block) -> int:
        if self._stream is not None and block.stream != self._stream:
            return 0
        data, _cut = self._log.read(block)
        if self._query:
            # Most blocks have none: that is told without looking at their lines.
            return len(self._lines(block)) if self._query in data.lower() else 0
        if self._step is not None:
            return sum(1 for _ in self._step.finditer(data))
        return data.count(b"\n")

    def _lines(self, block: Block) -> list[tuple[bytes, int]]:
        """Return (line, bytes left out) of the block's lines that the filter lets through."""
        if self._stream is not None and block.stream != self._stream:
            return []
        data, cut = self._log.read(block)
        return [(line, cut) for line in data.split(b"\n")[:-1] if self._lets_through(line)]

    def _last_lines(self) -> list[tuple[int, bytes, int]]:
        """Return (stream, line, bytes left out) of the block that grows, and of open lines."""
        found = []
        for block in self._log.blocks[self._log.final :]:
            found += [(block.stream, line, cut) for line, cut in self._lines(block)]
        for stream, line, cut in self._log.open_lines():
            if self._stream in (None, stream) and self._lets_through(line):
                found.append((stream, line, cut))
        return found

    def _lets_through(self, line: bytes) -> bool:
        if self._step is not None and not self._step.match(line):
            return False
        return self._has_query(line)

    def _has_query(self, line: bytes) -> bool:
        if not self._query:
            return True
        if self._query not in line.lower():
            return False
        match = _LINE.match(line)
        text = line[match.end() :] if match else line
        return self._query in text.lower()


def shown(line: bytes, stream: int, cut: int, max_characters: int) -> ShownLine:
    """Take a line apart as a view shows it."""
    time, label = "", ""
    match = _LINE.match(line)
    if match:
        time = match["time"].decode()
        if match["step"]:
            label = (match["step"] + b"/" + match["task"]).decode("utf-8", "replace")
        line = line[match.end() :]
    text = line.decode("utf-8", "replace")
    if len(text) > max_characters:
        cut += len(text) - max_characters
        text = text[:max_characters]
    return ShownLine(text, stream, cut, time, label)
