"""Windows of lines, filters and search over a run's logs, however long they are.

What is kept of the logs is where blocks of some 64 KiB begin and end
(`nbrunner.logs.merged`), and for each view how many of its lines stand in each block.
A window reads its blocks anew.

Not thread-safe: all calls from one thread, or one event loop.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterator

from nbrunner.logs.line import LineFilter, ShownLine, shown
from nbrunner.logs.merged import LONGEST_LINE_BYTES, MergedLog, Piece

__all__ = ["LineView", "LogSearch", "MergedLog", "ShownLine"]


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
        Lines alone that show this text, in upper and lower case alike.
    """

    def __init__(self, log: MergedLog, step: str = "", stream: str = "", query: str = "") -> None:
        self._log = log
        self._filter = LineFilter(step, stream, query)
        # Lines in the blocks up to and with each, of those that will not change.
        self._upto = array("q")
        self._last: list[tuple[Piece, list[bytes]]] = []
        self._last_of = (-1, -1)
        self._open = 0

    def advance(self, max_bytes: int | None = None) -> bool:
        """Count on, through so many bytes at most; return whether all is counted."""
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
        """Whether all lines are counted."""
        return len(self._upto) == self._log.final

    @property
    def settled(self) -> int:
        """How many lines, from the first, will not change."""
        return self._upto[-1] if self._upto else 0

    @property
    def lines(self) -> int:
        """How many lines there are, as far as counted; one without an end is one more."""
        return self.settled + sum(len(lines) for _, lines in self._last_lines())

    @property
    def ended_lines(self) -> int:
        """How many of the lines have an end; those without stand last, and change."""
        return self.lines - self._open

    def window(self, start: int, stop: int, max_characters: int = 8000) -> list[ShownLine]:
        """Return lines ``start`` to before ``stop``; fewer at the end."""
        found: list[ShownLine] = []
        for first, piece, lines in self._pieces(start, stop):
            chosen = lines[max(0, start - first) : stop - first]
            found += [shown(line, piece.stream, piece.left_out, max_characters) for line in chosen]
        return found

    def whole_line(self, number: int) -> ShownLine | None:
        """Return one line, cut only if it is longer than 8 MiB; None if there is none."""
        lines = self.window(number, number + 1, LONGEST_LINE_BYTES)
        return lines[0] if lines else None

    def number_of(self, match: int, found: LineView) -> int:
        """Return which line of this view is line ``match`` of a view with a query.

        Step and stream of both are the same. ``-1``: there is none, or it has not been
        counted so far.
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

    # -- inside -------------------------------------------------------------------------

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[int, Piece, list[bytes]]]:
        """Yield (number of the first line, what was read, lines) as far as they are wanted."""
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
            block = bisect.bisect_right(self._upto, first, block)  # past those with none
        for piece, lines in self._last_lines():
            yield first, piece, lines
            first += len(lines)

    def _last_lines(self) -> list[tuple[Piece, list[bytes]]]:
        """Return the lines of the block that grows, and those that have no end yet."""
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
    """What one looks at in a log: all of it, what a filter lets through, what is searched.

    Everything is counted piece by piece, so that other questions are answered meanwhile.

    Parameters
    ----------
    log : MergedLog

    Attributes
    ----------
    every, shown : LineView
        All lines, and those of the step and the stream that were chosen.
    found : LineView or None
        Of the shown ones those with the query.
    """

    def __init__(self, log: MergedLog) -> None:
        self.log = log
        self.every = self.shown = LineView(log)
        self.found: LineView | None = None
        self._filter = ("", "")
        self._query = ""

    def choose(self, step: str = "", stream: str = "", query: str = "") -> tuple[bool, bool]:
        """Look at other lines; return whether the filter, and whether the query, is new."""
        new_filter, new_query = self._filter != (step, stream), self._query != query
        if new_filter:
            self._filter = (step, stream)
            self.shown = LineView(self.log, step, stream) if step or stream else self.every
        if new_filter or new_query:
            self._query = query
            self.found = LineView(self.log, step, stream, query) if query else None
        return new_filter, new_query

    def work(self, max_bytes: int | None = None) -> bool:
        """Take in what was written and count on; return whether there is more to do.

        Parameters
        ----------
        max_bytes : int, optional
            Through so many bytes of the log at most, for each of the views.
        """
        more = self.log.refresh(max_bytes)
        views = {self.every, self.shown, self.found} - {None}
        return more | any([not view.advance(max_bytes) for view in views if view is not None])

    @property
    def searching(self) -> bool:
        return self.found is not None and not self.found.complete
