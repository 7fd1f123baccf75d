"""The first rung: Ctrl-C for one run, and once more if Python has dropped it.

An interrupt that reaches a Python process in a destructor, or in any other callback that
cannot raise, is printed as "Exception ignored in ..." and gone. Metaflow's scheduler
starts processes and drops them all the time, so this happens. A second interrupt would
break off the cleaning up of a run that has heard the first, so it is sent only where that
was printed, and Metaflow has not said since that it cleans up. Only the standard library
is used here.
"""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

from nbrunner.launch.processes import ProcessIdentity
from nbrunner.record import rundir
from nbrunner.record.rundir import RunDirectory

# How often the logs are looked at: it takes a moment until they tell.
_LOOK_SECONDS = 0.5

# As Python 3.11 to 3.14 print it; the second line on is what it prints of any exception.
_DROPPED = re.compile(
    rb"^Exception ignored [^\n]*\nTraceback [^\n]*\n(?: [^\n]*\n)*KeyboardInterrupt", re.M
)

# What Metaflow's scheduler prints before it ends its tasks (metaflow/runtime.py).
_CLEANING_UP = re.compile(rb"Workflow (?:interrupted|failed)\.")


class Interrupt:
    """Interrupts one run.

    Parameters
    ----------
    directory : RunDirectory
        The run's.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._logs = [directory.log(stream) for stream in rundir.STREAMS]
        self._read_to: list[int] = []
        self._look_at: float | None = None

    def send(self, run: ProcessIdentity) -> bool:
        """Interrupt the run; called anew, do so once more if it is called for.

        Parameters
        ----------
        run : ProcessIdentity
            The run process, leader of its group.

        Returns
        -------
        bool
            Whether the group was signalled: as at a terminal, tasks are interrupted too.
        """
        now = time.monotonic()
        if self._look_at is None:
            self._read_to = [_size(log) for log in self._logs]
            if not run.send_group(signal.SIGINT):
                return False
            self._look_at = now + _LOOK_SECONDS
            return True
        if now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            if self._was_dropped():
                self._read_to = [_size(log) for log in self._logs]
                # Tasks have heard it: they may be saving what they have.
                run.send(signal.SIGINT)
        return False

    def _was_dropped(self) -> bool:
        stdout, stderr = map(_since, self._logs, self._read_to)
        return bool(_DROPPED.search(stderr)) and not _CLEANING_UP.search(stdout)


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:  # the record was deleted
        return 0


def _since(log: Path, position: int) -> bytes:
    """Return what was written to a log behind a position."""
    try:
        with open(log, "rb") as file:
            file.seek(position)
            return file.read()
    except FileNotFoundError:
        return b""
