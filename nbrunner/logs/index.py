"""Windows of lines, filters and search over the logs of a run, of any length.

In memory are only the bounds of blocks of about 64 KiB (`nbrunner.logs.merged`) and, for each
view, the number of its lines in each block. A window reads its blocks from disk.

Not thread-safe: make all calls from one thread or one event loop.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterator

from nbrunner.logs.line import LineFilter, ShownLine, shown
from nbrunner.logs.merged import LONGEST_LINE_BYTES, MergedLog, Piece

__all__ = ["LineView", "LogSearch", "MergedLog", "ShownLine"]


class LineView:
    """The lines of a log that pass a filter, numbered from 0.

    Parameters
    ----------
    log : MergedLog
        The log.
    step : str
        Include only lines of this step's tasks; empty for all.
    stream : str
        ``"stdout"``, ``"stderr"``, or empty for both.
    query : str
        Include only lines that contain this text, ignoring case.
    """

    def __init__(self, log: MergedLog, step: str = "", stream: str = "", query: str = "") -> None:
        self._log = log
        self._filter = LineFilter(step, stream, query)
        # Number of lines up to and including each block; only for blocks that will not change.
        self._upto = array("q")
        self._last: list[tuple[Piece, list[bytes]]] = []
        self._last_of = (-1, -1)
        self._open = 0

    def advance(self, max_bytes: int | None = None) -> bool:
        """Count lines in up to ``max_bytes`` more bytes; return True if all are counted."""
        left = max_bytes
        while len(self._upto) < self._log.final:
            if left is not None and left <= 0:
                return False
            block = self._log.block(len(self._upto))
            count = 0
            if self._filter.stream in (None, block.stream):
                count = self._filter.count(block.stream, self._log.read(block).data)
                if left is not None:
                    left -= block.size
            self._upto.append(self.settled + count)
        return True

    @property
    def complete(self) -> bool:
        """True if all lines are counted."""
        return len(self._upto) == self._log.final

    @property
    def settled(self) -> int:
        """The number of lines, from the first, that will not change."""
        return self._upto[-1] if self._upto else 0

    @property
    def lines(self) -> int:
        """The number of lines counted so far, including an unterminated one."""
        return self.settled + sum(len(lines) for _, lines in self._last_lines())

    @property
    def ended_lines(self) -> int:
        """The number of terminated lines; unterminated ones come last and may change."""
        return self.lines - self._open

    def window(self, start: int, stop: int, max_characters: int = 8000) -> list[ShownLine]:
        """Return the lines ``start:stop``; fewer at the end of the log."""
        found: list[ShownLine] = []
        for first, piece, lines in self._pieces(start, stop):
            chosen = lines[max(0, start - first) : stop - first]
            found += [shown(line, piece.stream, piece.left_out, max_characters) for line in chosen]
        return found

    def whole_line(self, number: int) -> ShownLine | None:
        """Return one line, truncated only beyond 8 MiB; None if it does not exist."""
        lines = self.window(number, number + 1, LONGEST_LINE_BYTES)
        return lines[0] if lines else None

    def number_of(self, match: int, found: LineView) -> int:
        """Return the number in this view of line ``match`` of a view with a query.

        Both views must have the same step and stream. Returns -1 if the line does not exist or
        has not been counted yet.
        """
        query = found._filter.query
        if query is None or not 0 <= match < found.lines:
            return -1
        block = bisect.bisect_right(found._upto, match)
        before = found._upto[block - 1] if block else 0
        if block > len(self._upto):
            return -1
        start = self._upto[block - 1] if block else 0
        for first, _, lines in self._pieces_from(block, start):
            matching = query.lines(lines) if lines else []
            if match - before < len(matching):
                return first + matching[match - before]
            before += len(matching)
        return -1

    # -- internal ---------------------------------------------------------------------

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[int, Piece, list[bytes]]]:
        """Yield (number of the first line, piece read, lines) for the wanted lines."""
        if stop <= start:
            return
        block = bisect.bisect_right(self._upto, start)
        before = self._upto[block - 1] if block else 0
        for first, piece, lines in self._pieces_from(block, before):
            if first >= stop:
                return
            yield first, piece, lines

    def _pieces_from(self, block: int, first: int) -> Iterator[tuple[int, Piece, list[bytes]]]:
        while block < len(self._upto):
            piece = self._log.read(self._log.block(block))
            yield first, piece, self._filter.lines(piece.stream, piece.data)
            first = self._upto[block]
            block = bisect.bisect_right(self._upto, first, block)  # skips blocks without lines
        for piece, lines in self._last_lines():
            yield first, piece, lines
            first += len(lines)

    def _last_lines(self) -> list[tuple[Piece, list[bytes]]]:
        """Return the lines of the growing block and the unterminated lines."""
        if not self.complete:
            self._open = 0
            return []
        state = (self._log.version, len(self._upto))
        if state != self._last_of:
            last = range(self._log.final, self._log.blocks)
            pieces = [self._log.read(self._log.block(number)) for number in last]
            pieces += self._log.open_lines()
            self._last = [(piece, self._filter.lines(piece.stream, piece.data)) for piece in pieces]
            self._open = sum(len(lines) for _, lines in self._last[len(last) :])
            self._last_of = state
        return self._last


class LogSearch:
    """The view of a log that a user is looking at: filter, search and all lines.

    Work is done in pieces, so that the event loop can do other work in between.

    Parameters
    ----------
    log : MergedLog
        The log.

    Attributes
    ----------
    every, shown : LineView
        All lines, and those of the selected step and stream.
    found : LineView or None
        The shown lines that match the query; None without a query.
    """

    def __init__(self, log: MergedLog) -> None:
        self.log = log
        self.every = self.shown = LineView(log)
        self.found: LineView | None = None
        self._filter = ("", "")
        self._query = ""

    def choose(self, step: str = "", stream: str = "", query: str = "") -> tuple[bool, bool]:
        """Select other lines; return whether the filter changed and whether the query changed."""
        new_filter, new_query = self._filter != (step, stream), self._query != query
        if new_filter:
            self._filter = (step, stream)
            self.shown = LineView(self.log, step, stream) if step or stream else self.every
        if new_filter or new_query:
            self._query = query
            self.found = LineView(self.log, step, stream, query) if query else None
        return new_filter, new_query

    def work(self, max_bytes: int | None = None) -> bool:
        """Read what was written, count its lines, and return whether there is more to do.

        Parameters
        ----------
        max_bytes : int, optional
            Maximum number of bytes to process for each view.
        """
        more = self.log.refresh(max_bytes)
        views = {self.every, self.shown, self.found} - {None}
        return more | any([not view.advance(max_bytes) for view in views if view is not None])

    @property
    def searching(self) -> bool:
        """True if a query is set and its matches are not all counted."""
        return self.found is not None and not self.found.complete
