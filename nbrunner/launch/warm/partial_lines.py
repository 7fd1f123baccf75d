"""Publishes the unfinished lines of a warm run's tasks, such as progress bars.

Metaflow writes only whole lines to the log, so a bar would appear only at its end. Unfinished
lines are written to another file of the run directory; see `nbrunner.logs.partial_lines`.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from nbrunner.engine import log_format
from nbrunner.launch.warm.fingerprint import STEP_COMMANDS
from nbrunner.record.run_directory import OPEN_LINES, RunDirectory
from nbrunner.text import escapes

_PACE_SECONDS = 0.1
_LONGEST_BYTES = 2000


class Unfinished(Protocol):
    """A pipe of a task."""

    task: str

    def unfinished(self, at_most: int) -> bytes:
        """Return the unterminated tail, cut to its last `at_most` bytes."""
        ...


class OpenLines:
    """Keeps the file of unfinished lines of one run up to date.

    Parameters
    ----------
    directory : RunDirectory
        The directory of the run.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._told: list[tuple[str, str]] = []
        self._told_at = -math.inf  # the clock may start at 0 when the machine boots

    def tell(self, pipes: Iterable[Unfinished]) -> None:
        """Write the file if the lines have changed, at most every `_PACE_SECONDS`."""
        found = [
            (each.task, last_state(each.unfinished(_LONGEST_BYTES + escapes.LONGEST)))
            for each in pipes
            if each.task
        ]
        found = [(task, text) for task, text in found if text]
        now = time.monotonic()
        # A finished line is removed at once: it is in the log, and would appear twice.
        over = {task for task, _ in self._told} - {task for task, _ in found}
        if found == self._told or (now - self._told_at < _PACE_SECONDS and not over):
            return
        self._told, self._told_at = found, now
        when = log_format.when(datetime.now())
        lines = [f"{when} [{task}] {text}" for task, text in found]
        with contextlib.suppress(OSError):  # disk full or record deleted: shown when finished
            self._directory.write(OPEN_LINES, {"lines": lines})


def last_state(unfinished: bytes) -> str:
    """Return the visible text of an unfinished line: for a progress bar, its latest state."""
    said = escapes.beginning(escapes.last_state(unfinished))
    if len(said) > _LONGEST_BYTES:
        said = escapes.end(said, len(said) - _LONGEST_BYTES)
    text = said.decode("utf-8", "replace")
    return text.strip() if b"\r" in unfinished else text.rstrip()  # a bar, or text with its indent


def task_of(arguments: Sequence[str]) -> str:
    """Return ``"<run>/<step>/<task>"`` for the command of a step task; empty for any other."""
    words = list(arguments)
    try:
        place = next(place for place, word in enumerate(words) if word in STEP_COMMANDS)
        step = words[place + 1]
        run, task = (words[words.index(each) + 1] for each in ("--run-id", "--task-id"))
    except (StopIteration, ValueError, IndexError):
        return ""
    return f"{run}/{step}/{task}"
