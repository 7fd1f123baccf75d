"""When each task of a run was at work, by what the run says. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from nbrunner.engine.progress import RunEvent

# Time zones differ by whole quarters of an hour.
_ZONE_STEP_SECONDS = 900

_ENDS = {"done": "done", "failed": "failed"}


@dataclass(frozen=True)
class TaskSpan:
    """One attempt of a task, and when it was made.

    Attributes
    ----------
    step, task_id : str
        For a cloned task the id of the one that it was cloned from.
    state : str
        ``"running"``, ``"done"``, ``"failed"`` or ``"cloned"``.
    start : float
        Seconds since the run was started.
    end : float or None
        The same; None while it runs, and where the run ended without a word of it.
    """

    step: str
    task_id: str
    state: str
    start: float
    end: float | None = None

    @property
    def seconds(self) -> float | None:
        """How long the attempt took; None while it goes on."""
        return None if self.end is None else self.end - self.start


class Timeline:
    """Follows the events of a run.

    Parameters
    ----------
    started : float
        When the run was started, in seconds since the epoch.
    """

    def __init__(self, started: float) -> None:
        self._started = started
        self._zone: float | None = None
        self._spans: list[TaskSpan] = []
        self._latest: dict[tuple[str, str], int] = {}

    def announce(self, when: str, at: float) -> None:
        """Take in a moment that is known in both times: this tells the time zone.

        Parameters
        ----------
        when : str
            Local time of the run process.
        at : float
            The same moment, within minutes, in seconds since the epoch.
        """
        seconds = datetime.fromisoformat(when).timestamp() - at
        self._zone = round(seconds / _ZONE_STEP_SECONDS) * _ZONE_STEP_SECONDS

    def feed(self, event: RunEvent) -> None:
        """Take in one event."""
        if event.kind != "task" or not event.when:
            return
        at = self._seconds(event.when)
        key = (event.step, event.task_id)
        if event.state == "cloned":
            self._spans.append(TaskSpan(*key, "cloned", at, at))
        elif event.state in _ENDS:
            number = self._latest.get(key)
            if number is not None and self._spans[number].end is None:
                begun = self._spans[number]
                end = max(at, begun.start)
                self._spans[number] = replace(begun, state=event.state, end=end)
        elif event.state == "running" and key in self._latest:  # it has not ended after all
            number = self._latest[key]
            self._spans[number] = replace(self._spans[number], state="running", end=None)
        else:
            self._latest[key] = len(self._spans)
            self._spans.append(TaskSpan(*key, "running", at))

    def spans(self, ended: bool = False) -> list[TaskSpan]:
        """Return every attempt, in the order in which they began.

        Parameters
        ----------
        ended : bool
            Whether the run has ended: what has no end then has failed with it.
        """
        if not ended:
            return list(self._spans)
        return [
            replace(span, state="failed") if span.state == "running" else span
            for span in self._spans
        ]

    def _seconds(self, when: str) -> float:
        """Return the seconds from the start of the run to a local time of its process.

        Its time zone need not be ours. Where nothing else has told it the first task does:
        it begins after the run has, but within the quarter of an hour that zones differ by.
        """
        seconds = datetime.fromisoformat(when).timestamp() - self._started
        if self._zone is None:
            # The words have milliseconds, cut off: they may be a little early.
            self._zone = math.floor((seconds + 1) / _ZONE_STEP_SECONDS) * _ZONE_STEP_SECONDS
        return round(max(0.0, seconds - self._zone), 3)  # the precision of the words


def step_spans(spans: Iterable[TaskSpan]) -> dict[str, tuple[float, float]]:
    """Return from when to when each step was at work; steps that were are all there."""
    found: dict[str, tuple[float, float]] = {}
    for span in spans:
        if span.state == "cloned" or span.end is None:
            continue
        start, end = found.get(span.step, (span.start, span.end))
        found[span.step] = (min(start, span.start), max(end, span.end))
    return found
