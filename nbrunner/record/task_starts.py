"""How the tasks of a warm run were started: forked from the warm interpreter, or cold and why.

The run process appends one line per task to a file of the run directory: the reason for a cold
start, or an empty line for a fork. This must be fast, as a foreach may have thousands of tasks.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from nbrunner.record import private
from nbrunner.record.run_directory import TASK_STARTS, RunDirectory


@dataclass(frozen=True)
class TaskStarts:
    """How the tasks of a run have been started so far; each attempt of a task counts.

    Attributes
    ----------
    forked : int
        The number of tasks forked from the warm interpreter.
    cold : mapping of str to int
        Reason -> number of tasks started in a fresh interpreter for that reason.
    """

    forked: int = 0
    cold: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        cold = sum(self.cold.values())
        told = f": {'; '.join(self.cold)}" if cold else ""
        return f"{cold} of {self.forked + cold} tasks started cold{told}"


def read_task_starts(directory: RunDirectory) -> TaskStarts:
    """Return the task starts of a run that was started warm."""
    try:
        data = private.read_bytes(directory.path / TASK_STARTS)
    except OSError:  # it does not exist yet, or is not this user's
        return TaskStarts()
    text = data.decode(errors="replace")
    found = Counter(text.split("\n")[:-1])
    forked = found.pop("", 0)
    return TaskStarts(forked, MappingProxyType(dict(found)))


def all_cold(why: str, count: int) -> TaskStarts:
    """Return the task starts of a run that was started cold.

    Parameters
    ----------
    why : str
        Why the run was started cold; empty if that is not recorded.
    count : int
        The number of tasks started so far.
    """
    cold = {why or "the run was started cold": count} if count else {}
    return TaskStarts(0, MappingProxyType(cold))


def note_task_start(directory: RunDirectory, cold_reason: str | None) -> None:
    """Record the start of a task: a fork if `cold_reason` is None, else a cold start."""
    line = (cold_reason or "").replace("\n", " ") + "\n"
    with contextlib.suppress(OSError):  # the disk is full, or the record was deleted
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        file = private.open_file(directory.path / TASK_STARTS, flags)
        try:
            os.write(file, line.encode("utf-8", "surrogateescape"))
        finally:
            os.close(file)
