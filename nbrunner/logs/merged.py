"""Both logs of a run merged into one order, in blocks of about 64 KiB; the text stays on disk.

The two logs have no common clock. Text that exists at the first read is ordered by a rule that is
the same for every reader: Metaflow's messages on stderr before the run starts, then stdout, then
the rest of stderr. Later text is ordered by arrival; of the text that arrives between two reads,
the log written to last comes last. Unterminated lines come after all others.
"""

from __future__ import annotations

import os
import weakref
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nbrunner.engine import log_format
from nbrunner.logs.clone_lines import told_apart
from nbrunner.logs.line import STDERR, STDOUT, beginning_and_end
from nbrunner.logs.partial_lines import TaskLines
from nbrunner.logs.reader import log_descriptor
from nbrunner.text import escapes

BLOCK_BYTES = 64 * 1024

# Longer lines are truncated to this size, which fits into memory and exceeds any display.
LONGEST_LINE_BYTES = 8 << 20

CHUNK_BYTES = 1 << 20

_BEGINNINGS = tuple(sentence.encode() for sentence in log_format.CHECKED)


class Block(NamedTuple):
    """A range of one log that consists of whole lines.

    It is longer than `BLOCK_BYTES` only if it is a single line.
    """

    stream: int
    start: int
    end: int

    @property
    def size(self) -> int:
        """The length in bytes."""
        return self.end - self.start


class Piece(NamedTuple):
    """Lines read from a block.

    Attributes
    ----------
    stream : int
        0 for stdout, 1 for stderr.
    data : bytes
        Lines, each ending in ``\\n``.
    left_out : int
        Number of bytes of a very long line that were not read.
    """

    stream: int
    data: bytes
    left_out: int


class MergedLog:
    """The logs of a run, possibly growing, as blocks of lines in one order.

    Not thread-safe: make all calls from one thread or one event loop.

    Parameters
    ----------
    stdout, stderr : Path
        Log files; they need not exist yet.

    Attributes
    ----------
    version : int
        Increases whenever the content changes.
    ended : bool
        True if the run has ended; set by the owner.
    """

    def __init__(self, stdout: Path, stderr: Path) -> None:
        self._paths = (stdout, stderr)
        self._files: list[int | None] = [None, None]
        self._ends = [0, 0]  # end of the last whole line
        self._seen = [0, 0]  # end of the part searched for line ends
        self._wanted: list[tuple[int, int]] | None = None
        self._streams = bytearray()
        self._starts = array("q")
        self._block_ends = array("q")
        self.version = 0
        self.ended = False
        self._state = [0, 0, 0, 0, False]
        self._of_tasks = TaskLines(stdout.parent)
        weakref.finalize(self, _close, self._files)

    def close(self) -> None:
        """Close the files; they are reopened when needed."""
        _close(self._files)

    @property
    def blocks(self) -> int:
        """The number of blocks. Only the last one can change."""
        return len(self._streams)

    @property
    def final(self) -> int:
        """The number of blocks, from the first, that will not change."""
        return max(0, len(self._streams) - 1)

    def block(self, number: int) -> Block:
        """Return a block by its number."""
        return Block(self._streams[number], self._starts[number], self._block_ends[number])

    def refresh(self, max_bytes: int | None = None) -> bool:
        """Read what has been written, at most ``max_bytes`` bytes of it.

        Returns True if there is more to read.
        """
        left = self._take_in(max_bytes) if self._wanted else max_bytes
        if not self._wanted and (left is None or left > 0):
            self._wanted = self._grown()
            self._take_in(left)
        state = [*self._ends, *self._seen, self.ended]
        if self._of_tasks.refresh(self.ended) or state != self._state:
            self._state = state
            self.version += 1
        return bool(self._wanted)

    def read(self, block: Block) -> Piece:
        """Return the lines of a block."""
        if block.size <= LONGEST_LINE_BYTES:
            data = self._read_at(block.stream, block.start, block.size)
            return Piece(block.stream, told_apart(data) if block.stream == STDOUT else data, 0)
        line, left_out = self._long_line(block.stream, block.start, block.end - 1)
        return Piece(block.stream, line + b"\n", left_out)

    def open_lines(self) -> list[Piece]:
        """Return the unterminated lines; those of tasks come last."""
        found = []
        for stream in (STDERR, STDOUT):
            start, end = self._ends[stream], self._seen[stream]
            if end > start:
                line, left_out = self._long_line(stream, start, end)
                if not self.ended:  # the rest of a character may follow
                    line = escapes.beginning(line)
                found.append(Piece(stream, line + b"\n", left_out))
        lines = b"".join(line + b"\n" for line in self._of_tasks.lines)
        return [*found, Piece(STDOUT, lines, 0)] if lines else found

    def chunks(self) -> Iterator[bytes]:
        """Yield the current content as written, a megabyte at a time."""
        parts, size = [], 0
        blocks = [self.block(number) for number in range(self.blocks)]
        rest = [Block(each, self._ends[each], self._seen[each]) for each in (STDERR, STDOUT)]
        for stream, start, end in (*blocks, *rest):
            while start < end:
                data = self._read_at(stream, start, min(end - start, CHUNK_BYTES - size))
                if not data:
                    break
                parts.append(data)
                size += len(data)
                start += len(data)
                if size == CHUNK_BYTES:
                    yield b"".join(parts)
                    parts, size = [], 0
        if parts:
            yield b"".join(parts)

    # -- internal ---------------------------------------------------------------------

    def _grown(self) -> list[tuple[int, int]]:
        """Return (stream, end) of the ranges to read, in the order of their lines."""
        written, sizes = [0, 0], [0, 0]
        for stream in (STDOUT, STDERR):
            descriptor = self._descriptor(stream)
            if descriptor is not None:
                status = os.fstat(descriptor)
                written[stream], sizes[stream] = status.st_mtime_ns, status.st_size
        if self._wanted is None:  # the first read
            beginning = min(self._beginning(), sizes[STDERR])
            order = [(STDERR, beginning), (STDOUT, sizes[STDOUT]), (STDERR, sizes[STDERR])]
        else:
            last = STDERR if written[STDERR] > written[STDOUT] else STDOUT
            order = [(1 - last, sizes[1 - last]), (last, sizes[last])]
        return [(stream, size) for stream, size in order if size > self._seen[stream]]

    def _take_in(self, max_bytes: int | None) -> int | None:
        """Read the wanted ranges; return how much of ``max_bytes`` is left, 0 or less if none."""
        while self._wanted and (max_bytes is None or max_bytes > 0):
            stream, size = self._wanted[0]
            seen = self._seen[stream]
            limit = size if max_bytes is None else min(size, seen + max_bytes)
            self._look_through(stream, limit)
            if self._seen[stream] < limit:  # the file was truncated
                self._wanted.clear()
            elif limit == size:
                self._wanted.pop(0)
            if max_bytes is not None:
                # Counts bytes read, including an unterminated line.
                max_bytes -= max(1, self._seen[stream] - seen)
        return max_bytes

    def _beginning(self) -> int:
        head = self._read_at(STDERR, 0, BLOCK_BYTES)
        last = max(head.rfind(words) for words in _BEGINNINGS)
        return head.find(b"\n", last) + 1 if last >= 0 else 0

    def _look_through(self, stream: int, limit: int) -> None:
        while self._seen[stream] < limit:
            seen, start = self._seen[stream], self._ends[stream]
            data = self._read_at(stream, seen, min(BLOCK_BYTES, limit - seen))
            if not data:
                return
            # A line longer than one read becomes a block of its own.
            found = data.rfind(b"\n") if seen == start else data.find(b"\n")
            if found < 0:
                self._seen[stream] += len(data)
                continue
            end = seen + found + 1
            self._append(Block(stream, start, end))
            self._ends[stream] = self._seen[stream] = end

    def _append(self, block: Block) -> None:
        grows = (
            bool(self._streams)
            and self._streams[-1] == block.stream
            and block.end - self._starts[-1] <= BLOCK_BYTES
        )
        if grows:
            self._block_ends[-1] = block.end
            return
        self._streams.append(block.stream)
        self._starts.append(block.start)
        self._block_ends.append(block.end)

    def _long_line(self, stream: int, start: int, end: int) -> tuple[bytes, int]:
        """Return a very long line, possibly truncated, and the number of bytes left out."""
        beginning = self._read_at(stream, start, min(end - start, LONGEST_LINE_BYTES))
        left_out = end - start - len(beginning)
        if left_out:
            size = min(left_out, LONGEST_LINE_BYTES)
            line = beginning_and_end(beginning, self._read_at(stream, end - size, size))
            if line is not None:
                return line, 0
            beginning = escapes.beginning(beginning)
        return beginning, end - start - len(beginning)

    def _read_at(self, stream: int, offset: int, size: int) -> bytes:
        descriptor = self._descriptor(stream)
        return b"" if descriptor is None else os.pread(descriptor, size, offset)

    def _descriptor(self, stream: int) -> int | None:
        if self._files[stream] is None:
            try:
                self._files[stream] = log_descriptor(self._paths[stream])
            except FileNotFoundError:
                return None
        return self._files[stream]


def _close(files: list[int | None]) -> None:
    for stream, descriptor in enumerate(files):
        if descriptor is not None:
            os.close(descriptor)
            files[stream] = None
