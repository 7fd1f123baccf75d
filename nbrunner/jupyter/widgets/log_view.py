"""Widget with the log of a run: the browser holds a window of it, the text stays on disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TypedDict

from traitlets import Bool, Int, List, Unicode

from nbrunner.errors import said
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.serial_executors import InTurn, Submit
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.jupyter.widgets.log_wire import Rename, WireLine, newest_lines, window_lines
from nbrunner.logs.index import LogSearch, MergedLog

# Minimum interval between messages about new lines.
PACE_SECONDS = 0.1

_MAX_WINDOW = 2000
_COPIED_CHARACTERS = 1_000_000
_COPIED_AT_ONCE = 1000

# Bytes processed before other requests are served; takes some milliseconds.
_SLICE_BYTES = 1 << 20

# Limits a download to 40 MB/s: a slow front end drops messages that it cannot process.
_CHUNK_SECONDS = 0.025


class LogRequest(TypedDict, total=False):
    """A request of the page: ``kind`` and ``id``, and what they are about."""

    kind: str
    id: str
    start: int
    stop: int
    index: int
    number: int


class LogView(Widget, bundle="log_view"):
    """The log of a run, of any length.

    Messages of the front end are passed to ``submit``, in whose thread all reading is done.

    Parameters
    ----------
    log : MergedLog
        The log.
    submit : callable, optional
        Calls functions one after the other in the thread that calls `refresh`. Default: at once.
    file_name : str
        File name of a downloaded log; may be changed.
    rename : callable, optional
        Converts lines before they are shown.

    Attributes
    ----------
    step, stream, query : str
        The filter: a step, a stream, and a text to search for; empty for all.
    total, lines : int
        Number of lines in the log, and of those that pass the filter.
    matches, current : int
        Number of lines that match the query, -1 without a query; index of the current match.
    counting : bool
        True while the search is in progress.
    follow, wrap : bool
        Whether to scroll to new lines, and whether to wrap long ones.
    revision : int
        Increases with every change of the filter.
    """

    name = Unicode("Log").tag(sync=True)
    total = Int().tag(sync=True)
    lines = Int().tag(sync=True)
    ended = Bool().tag(sync=True)
    steps = List(Unicode()).tag(sync=True)
    step = Unicode().tag(sync=True)
    stream = Unicode().tag(sync=True)
    query = Unicode().tag(sync=True)
    follow = Bool(True).tag(sync=True)
    wrap = Bool().tag(sync=True)
    revision = Int().tag(sync=True)
    matches = Int(-1).tag(sync=True)
    counting = Bool().tag(sync=True)
    current = Int(-1).tag(sync=True)

    def __init__(
        self,
        log: MergedLog,
        submit: Submit | None = None,
        file_name: str = "run.log",
        rename: Rename | None = None,
        **traits: object,
    ) -> None:
        super().__init__(**traits)
        self._log = log
        self._search = LogSearch(log)
        self._submit = submit or InTurn()
        self.file_name = file_name
        self._rename = rename
        self._working = False
        self._told_at = 0.0
        self._sent_at = 0.0
        self._sent = (-1, 0, 0)  # version of the log, terminated lines, revision
        self._newest: tuple[int, list[WireLine]] = (0, [])
        self.on_msg(self._asked)
        self.observe(lambda _: self._submit(self._choose), ["step", "stream", "query"])
        self._search.choose(self.step, self.stream, self.query)

    def close(self) -> None:
        """Close the view and the log's files."""
        # Only once: ipywidgets closes collected widgets again, in any thread and whatever locks it
        # holds, so nothing may be submitted then.
        if self.comm is None:
            return
        super().close()
        self._submit(self._log.close)

    # -- updates, in the feed's thread -----------------------------------------------------

    def refresh(self, ended: bool = False) -> bool:
        """Read what was written and update the view; return True if there is more to do soon.

        Long work continues in pieces through ``submit``.
        """
        self._log.ended = ended
        more = self._work()
        self.ended = ended
        return more or self._search.log.version != self._sent[0]

    def _work(self) -> bool:
        more = self._search.work(_SLICE_BYTES)
        if more and not self._working and self.comm is not None:
            self._working = True
            self._submit(self._work_on)
        now = time.monotonic()
        if not more or now - self._told_at >= PACE_SECONDS:
            self._told_at = now
            self._tell()
        if not more:
            self._tell_tail(now)
        return more

    def _work_on(self) -> None:
        self._working = False
        self._work()
        self._rest()

    def _tell(self) -> None:
        found = self._search.found
        with self.hold_sync():
            self.total = self._search.every.lines
            self.lines = self._search.shown.lines
            self.counting = self._search.searching
            self.matches = -1 if found is None else found.lines

    def _tell_tail(self, now: float) -> None:
        """Send the newest lines: unterminated ones may have changed, others are new."""
        version, ended_lines, revision = self._sent
        log, shown = self._search.log, self._search.shown
        if version == log.version or now - self._sent_at < PACE_SECONDS:
            return
        if revision == self.revision and shown.lines:
            newest = newest_lines(shown, ended_lines, self._rename)
            if newest != self._newest:
                start, lines = self._newest = newest
                content = {"start": start, "lines": lines, "total": self.total}
                self.send({"kind": wire.TAIL, **content, "revision": self.revision})
                self._sent_at = now
        # After a change of the filter the front end requests its window again.
        self._sent = (log.version, shown.ended_lines, self.revision)

    def _choose(self) -> None:
        new_filter, new_query = self._search.choose(self.step, self.stream, self.query)
        if new_filter or new_query:
            with self.hold_sync():
                self.revision += new_filter
                self.current = -1
                self._tell()
            self._work()
        self._rest()

    def _rest(self) -> None:
        """Close the files of an ended run."""
        if self.ended and not self._working:
            self._log.close()

    # -- requests of the front end ---------------------------------------------------------

    def _asked(self, _widget: object, content: LogRequest, _buffers: object) -> None:
        answer = {
            wire.WINDOW: self._answer_window,
            wire.MATCH: self._answer_match,
            wire.LINE: self._answer_line,
            wire.DOWNLOAD: self._answer_download,
            wire.COPY: self._answer_copy,
        }.get(str(content.get("kind")))
        if answer is not None:
            self._submit(lambda: self._try(answer, content))

    def _try(self, answer: Callable[[LogRequest], None], asked: LogRequest) -> None:
        try:
            answer(asked)
        except Exception as error:  # shown in the front end
            self.send({"kind": wire.ERROR, "id": asked.get("id"), "text": said(error)})
        self._rest()

    def _answer_window(self, asked: LogRequest) -> None:
        start = max(0, int(asked["start"]))
        stop = min(int(asked["stop"]), start + _MAX_WINDOW)
        lines = window_lines(self._search.shown, start, stop, self._rename)
        self._answer(asked, start=start, lines=lines, revision=self.revision)

    def _answer_match(self, asked: LogRequest) -> None:
        index, found = int(asked["index"]), self._search.found
        line = -1 if found is None else self._search.shown.number_of(index, found)
        self._answer(asked, index=index, line=line, revision=self.revision)

    def _answer_line(self, asked: LogRequest) -> None:
        number = int(asked["number"])
        line = self._search.shown.whole_line(number)
        text = "" if line is None else line.text
        self._answer(asked, number=number, text=self._rename(text) if self._rename else text)

    def _answer_copy(self, asked: LogRequest) -> None:
        """Send lines as plain text; if too many, the last ones and the number left out."""
        shown = self._search.shown
        start = max(0, int(asked.get("start") or 0))
        stop = min(int(asked.get("stop") or shown.lines), shown.lines)
        texts: list[str] = []
        size, number = 0, stop
        while number > start and size < _COPIED_CHARACTERS:
            first = max(start, number - _COPIED_AT_ONCE)
            found = [line.plain for line in shown.window(first, number, _COPIED_CHARACTERS)]
            while found and (not texts or size + len(found[-1]) < _COPIED_CHARACTERS):
                texts.append(found.pop())
                size += len(texts[-1]) + 1
                number -= 1
            if found or number > first:
                break
        text = "\n".join(reversed(texts))
        text = self._rename(text) if self._rename else text
        self._answer(asked, text=text, cut=max(0, number - start))

    def _answer_download(self, asked: LogRequest) -> None:
        self._send_chunks(asked, self._log.chunks())

    def _send_chunks(self, asked: LogRequest, chunks: Iterator[bytes]) -> None:
        """Send one chunk and schedule the next, so that other requests are served in between."""
        while self.comm is not None:
            chunk = next(chunks, None)
            buffers = [] if chunk is None else [chunk]
            self._answer(asked, buffers, name=self.file_name, done=chunk is None)
            if chunk is None:
                break
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # no event loop: a thread of its own, which may block
                time.sleep(_CHUNK_SECONDS)
            else:
                loop.call_later(_CHUNK_SECONDS, self._send_chunks, asked, chunks)
                return
        self._rest()

    def _answer(
        self, asked: LogRequest, buffers: list[bytes] | None = None, **content: object
    ) -> None:
        self.send({"kind": asked["kind"], "id": asked.get("id"), **content}, buffers)
