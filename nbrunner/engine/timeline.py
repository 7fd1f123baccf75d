"""Start and end of each task of a run, from its events. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from nbrunner.engine.progress import RunEvent

# Time zones differ by multiples of a quarter of an hour.
_ZONE_STEP_SECONDS = 900

_ENDS = {"done": "done", "failed": "failed"}


@dataclass(frozen=True)
class TaskSpan:
    """One attempt of a task, with its start and end.

    Attributes
    ----------
    step, task_id : str
        The task; for a cloned task its origin task.
    state : str
        ``"running"``, ``"done"``, ``"failed"`` or ``"cloned"``.
    start : float
        Seconds since the start of the run.
    end : float or None
        Seconds since the start of the run; None if it is running, or its end was not reported.
    """

    step: str
    task_id: str
    state: str
    start: float
    end: float | None = None

    @property
    def seconds(self) -> float | None:
        """Duration of the attempt in seconds; None while it is running."""
        return None if self.end is None else self.end - self.start


class Timeline:
    """Collects the task attempts of a run from its events.

    Parameters
    ----------
    started : float
        Start of the run, in seconds since the epoch.
    """

    def __init__(self, started: float) -> None:
        self._started = started
        self._zone: float | None = None
        self._spans: list[TaskSpan] = []
        self._latest: dict[tuple[str, str], int] = {}

    def announce(self, when: str, at: float) -> None:
        """Set the time zone from a time that is known in both clocks.

        Parameters
        ----------
        when : str
            Local time of the run process.
        at : float
            The same time, within minutes, in seconds since the epoch.
        """
        seconds = datetime.fromisoformat(when).timestamp() - at
        self._zone = round(seconds / _ZONE_STEP_SECONDS) * _ZONE_STEP_SECONDS

    def feed(self, event: RunEvent) -> None:
        """Process one event."""
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
        elif event.state == "running" and key in self._latest:  # its reported end was wrong
            number = self._latest[key]
            self._spans[number] = replace(self._spans[number], state="running", end=None)
        else:
            self._latest[key] = len(self._spans)
            self._spans.append(TaskSpan(*key, "running", at))

    def spans(self, ended: bool = False) -> list[TaskSpan]:
        """Return all attempts, in the order of their start.

        Parameters
        ----------
        ended : bool
            True if the run has ended; attempts without an end have then failed.
        """
        if not ended:
            return list(self._spans)
        return [
            replace(span, state="failed") if span.state == "running" else span
            for span in self._spans
        ]

    def _seconds(self, when: str) -> float:
        """Return the seconds from the start of the run to a local time of its process.

        Its time zone may differ from ours. If it is not known, it is derived from the first task,
        which starts after the run but within the quarter of an hour between time zones.
        """
        seconds = datetime.fromisoformat(when).timestamp() - self._started
        if self._zone is None:
            # Times in the log are truncated to milliseconds, so they may be slightly early.
            self._zone = math.floor((seconds + 1) / _ZONE_STEP_SECONDS) * _ZONE_STEP_SECONDS
        return round(max(0.0, seconds - self._zone), 3)  # the log's precision


def step_spans(spans: Iterable[TaskSpan]) -> dict[str, tuple[float, float]]:
    """Return (start, end) of each step in seconds since the start, from its ended attempts."""
    found: dict[str, tuple[float, float]] = {}
    for span in spans:
        if span.state == "cloned" or span.end is None:
            continue
        start, end = found.get(span.step, (span.start, span.end))
        found[span.step] = (min(start, span.start), max(end, span.end))
    return found
