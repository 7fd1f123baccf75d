"""The log of a run: the browser holds a window of it, the file stays on disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from traitlets import Bool, Int, List, Unicode

from nbrunner.jupyter import wire
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.record.logindex import LineView, MergedLog, ShownLine

Submit = Callable[[Callable[[], None]], None]

# The newest lines go along with the news that there are any.
_TAIL_LINES = 200
_MAX_WINDOW = 2000
_COPIED_BYTES = 5_000_000

# How much is counted or searched before other requests have their turn.
_SLICE_BYTES = 8 << 20


class LogView(Widget, bundle="log_view"):
    """The log of a run, of any length.

    Every read is done by whoever ``submit`` hands it to, never by the thread in which the
    front end's message arrives.

    Parameters
    ----------
    log : MergedLog
    submit : callable, optional
        Takes a function and calls it, one after the other, in the thread that `refresh` is
        called from. Default: at once.

    Attributes
    ----------
    step, stream, query : str
        What is shown: lines of that step, that stream, and what is searched for.
    total, lines : int
        Lines of the log, and of them those that the filter lets through.
    matches, current : int
        Lines with the query in them, -1 without a query; which of them was gone to.
    follow, wrap : bool
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
        submit: Submit = lambda work: work(),
        file_name: str = "run.log",
        rename: Callable[[str], str] = lambda text: text,
        **traits: Any,
    ) -> None:
        super().__init__(**traits)
        self._log = log
        self._submit = submit
        self._file_name = file_name
        self._rename = rename
        self._all = self._shown = LineView(log)
        self._found: LineView | None = None
        self._told = 0
        self._news: tuple[int, str] | None = None
        self.on_msg(self._message)
        self.observe(lambda _: self._submit(self._filter), ["step", "stream"])
        self.observe(lambda _: self._submit(self._search), ["query"])

    # -- called by whoever follows the run -------------------------------------------------

    def refresh(self, ended: bool = False) -> bool:
        """Take in what was written; return whether there is more to count or to search."""
        self._log.refresh()
        more = not self._all.advance(_SLICE_BYTES)
        if self._shown is not self._all:
            more |= not self._shown.advance(_SLICE_BYTES)
        searching = self._found is not None and not self._found.advance(_SLICE_BYTES)
        with self.hold_sync():
            self.total = self._all.lines
            self.lines = self._shown.lines
            self.ended = ended
            self.counting = searching
            self.matches = -1 if self._found is None else self._found.lines
        self._tell_tail()
        return more or searching

    def _tell_tail(self) -> None:
        """Send the newest lines; the last one may have changed without being a new one."""
        lines = self._shown.lines
        start = max(0, lines - _TAIL_LINES, self._told - 1)
        if lines:
            found = self._shown.window(start, lines)
            content = {"kind": wire.TAIL, "start": start, "lines": self._on_wire(found)}
            news = (lines, found[-1].text if found else "")
            if news != self._news:
                self._news = news
                self.send({**content, "revision": self.revision})
        self._told = lines

    def _filter(self) -> None:
        self._shown = (
            LineView(self._log, self.step, self.stream) if self.step or self.stream else self._all
        )
        self._told = 0
        with self.hold_sync():
            self.revision += 1
            self.current = -1
        self._search()

    def _search(self) -> None:
        query = self.query
        self._found = LineView(self._log, self.step, self.stream, query) if query else None
        while self.refresh(self.ended):
            if self.query != query:
                return  # typed on meanwhile: that search is under way
        self._news = None

    # -- called by the front end -----------------------------------------------------------

    def _message(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        answers = {
            wire.WINDOW: self._answer_window,
            wire.MATCH: self._answer_match,
            wire.LINE: self._answer_line,
            wire.DOWNLOAD: self._answer_download,
            wire.COPY: self._answer_copy,
        }
        answer = answers.get(str(content.get("kind")))
        if answer is not None:
            self._submit(lambda: answer(content))

    def _answer_window(self, asked: dict[str, Any]) -> None:
        start = max(0, int(asked["start"]))
        stop = min(int(asked["stop"]), start + _MAX_WINDOW)
        lines = self._on_wire(self._shown.window(start, stop))
        self._answer(asked, start=start, lines=lines, revision=self.revision)

    def _answer_match(self, asked: dict[str, Any]) -> None:
        index = int(asked["index"])
        line = -1 if self._found is None else self._shown.number_of(index, self._found)
        self._answer(asked, index=index, line=line, revision=self.revision)

    def _answer_line(self, asked: dict[str, Any]) -> None:
        number = int(asked["number"])
        self._answer(asked, number=number, text=self._shown.whole_line(number))

    def _answer_download(self, asked: dict[str, Any]) -> None:
        for stream in (1, 0):
            for chunk in self._log.raw(stream):
                self._answer(asked, [chunk], name=self._file_name, done=False)
                time.sleep(0)  # let the kernel's other threads have their turn
        self._answer(asked, name=self._file_name, done=True)

    def _answer_copy(self, asked: dict[str, Any]) -> None:
        text, number = [], 0
        size = 0
        while size < _COPIED_BYTES and (lines := self._shown.window(number, number + 1000)):
            number += len(lines)
            text += [f"{line.time[:8]} {line.label} {line.text}".strip() for line in lines]
            size += sum(len(line.text) for line in lines)
        self._answer(asked, text="\n".join(text), cut=number < self._shown.lines)

    def _answer(
        self, asked: dict[str, Any], buffers: list[bytes] | None = None, **content: Any
    ) -> None:
        self.send({"kind": asked["kind"], "id": asked.get("id"), **content}, buffers)

    def _on_wire(self, lines: list[ShownLine]) -> list[list[Any]]:
        return [
            [self._rename(each.text), each.stream, each.cut, each.time, each.label]
            for each in lines
        ]
