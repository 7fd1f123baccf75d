"""How the tasks of a warm run are started: forked from the warm interpreter, or cold and why.

The run process counts them and writes the counts into the run's directory.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from nbrunner.record.rundir import TASK_STARTS, RunDirectory

# A foreach of hundreds of tasks must not wait for as many writes.
_PACE_SECONDS = 1.0


@dataclass(frozen=True)
class TaskStarts:
    """How the tasks of a run were started so far; each attempt of a task counts.

    Attributes
    ----------
    forked : int
        Tasks forked from the warm interpreter.
    cold : mapping of str to int
        Tasks started as processes of their own: reason -> number of tasks.
    """

    forked: int = 0
    cold: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        cold = sum(self.cold.values())
        told = f": {'; '.join(self.cold)}" if cold else ""
        return f"{cold} of {self.forked + cold} task starts cold{told}"


def read_task_starts(directory: RunDirectory) -> TaskStarts:
    """Return what the process of a warm run has written; it is up to a second late."""
    found = directory.read(TASK_STARTS) or {}
    return TaskStarts(found.get("forked", 0), MappingProxyType(found.get("cold", {})))


def all_cold(why: str, count: int) -> TaskStarts:
    """Return the task starts of a run that was itself started cold.

    Parameters
    ----------
    why : str
        Why the run was; empty where nobody has noted it.
    count : int
        How many tasks it has started.
    """
    cold = {why or "the run was started cold": count} if count else {}
    return TaskStarts(0, MappingProxyType(cold))


class TaskStartCounter:
    """Counts the task starts of this process, the run process, in the run's directory.

    Parameters
    ----------
    directory : RunDirectory
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._forked = 0
        self._cold: dict[str, int] = {}
        self._owner = os.getpid()
        self._written_at: float | None = None
        self._is_written = True
        atexit.register(self._write)

    def count(self, cold_reason: str | None) -> None:
        """Count a task: a fork (None), or a cold one with the reason."""
        is_news = self._written_at is None or (cold_reason or "") not in ("", *self._cold)
        if cold_reason is None:
            self._forked += 1
        else:
            self._cold[cold_reason] = self._cold.get(cold_reason, 0) + 1
        self._is_written = False
        if is_news or time.monotonic() - (self._written_at or 0) >= _PACE_SECONDS:
            self._write()

    def _write(self) -> None:
        if self._is_written or os.getpid() != self._owner:  # a fork made by the flow file
            return
        self._is_written = True
        self._written_at = time.monotonic()
        with contextlib.suppress(OSError):  # the disk is full, or the record was deleted
            self._directory.write(TASK_STARTS, {"forked": self._forked, "cold": self._cold})
