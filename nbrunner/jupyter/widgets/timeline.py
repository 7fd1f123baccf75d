"""Widget with the tasks of a run as bars over time."""

from __future__ import annotations

from dataclasses import replace
from typing import TypedDict

from traitlets import Bool, Float, Int, List, Unicode

from nbrunner.engine.timeline import TaskSpan
from nbrunner.followed_run import FollowedRun
from nbrunner.handles import ExecutingProcess
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.serial_executors import InTurn, Submit
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.record.schema import flow_of
from nbrunner.status import STOPPED


class BarsRequest(TypedDict, total=False):
    """A request of the page for the bars changed since a version."""

    kind: str
    id: str
    since: int


class Timeline(Widget, bundle="timeline"):
    """The tasks of a run as bars over time; nothing is read while it is folded.

    Parameters
    ----------
    running : ExecutingProcess or FollowedRun
        The run.
    submit : callable, optional
        Calls a function in the thread that calls `show`.

    Attributes
    ----------
    unfolded : bool
        True if the content is visible.
    version : int
        Increases when a bar changes; a view then requests the changed bars.
    elapsed : float
        Seconds since the start of the run.
    steps : list of str
        Steps in the order of the flow.
    ended : bool
        True if the run has ended.
    """

    unfolded = Bool().tag(sync=True)
    version = Int().tag(sync=True)
    elapsed = Float().tag(sync=True)
    steps = List(Unicode()).tag(sync=True)
    ended = Bool().tag(sync=True)

    def __init__(
        self,
        running: ExecutingProcess | FollowedRun,
        submit: Submit | None = None,
        **traits: object,
    ) -> None:
        super().__init__(**traits)
        self._running = running
        self.steps = flow_of(running.record)["steps"]
        self._submit = submit or InTurn()
        self._spans: list[TaskSpan] = []
        self._changed: list[int] = []  # version of the last change of each bar
        self.on_msg(self._asked)
        self.observe(lambda _: self._submit(self._take_in), "unfolded")

    def show(self, over: bool) -> bool:
        """Show the current state of the run; see `nbrunner.jupyter.kernel.feed.Shows`."""
        if self.unfolded and not (over and self.ended):
            self._take_in()
        return False

    def _take_in(self) -> None:
        if not self.unfolded:
            return
        ended = self._running.status != "running"
        spans = self._running.timeline
        if self._running.status in STOPPED:
            spans = _ended_with_run(spans)
        version = self.version + 1
        changed = [
            number
            for number, span in enumerate(spans)
            if number >= len(self._spans) or self._spans[number] != span
        ]
        self._changed += [version] * (len(spans) - len(self._spans))
        for number in changed:
            self._changed[number] = version
        self._spans = spans
        with self.hold_sync():
            self.ended = ended
            self.elapsed = self._elapsed(spans)
            if changed:
                self.version = version

    def _elapsed(self, spans: list[TaskSpan]) -> float:
        last = max((span.end or span.start for span in spans), default=0.0)
        return max(last, self._running.elapsed_seconds or 0.0)

    def _asked(self, _widget: object, content: BarsRequest, _buffers: object) -> None:
        if content.get("kind") == wire.BARS:
            self._submit(lambda: self._answer(content))

    def _answer(self, asked: BarsRequest) -> None:
        since = int(asked.get("since") or 0)
        bars = [
            [number, span.step, span.task_id, span.state, span.start, span.end]
            for number, span in enumerate(self._spans)
            if self._changed[number] > since
        ]
        answer = {"id": asked.get("id"), "version": self.version, "bars": bars}
        self.send({"kind": wire.BARS, **answer})


def _ended_with_run(spans: list[TaskSpan]) -> list[TaskSpan]:
    """Return the spans of a stopped run, with its last unfinished attempts marked as stopped."""
    latest = {(span.step, span.task_id): number for number, span in enumerate(spans)}
    return [
        replace(span, state="stopped")
        if span.state == "failed" and latest[span.step, span.task_id] == number
        else span
        for number, span in enumerate(spans)
    ]
