"""The first rung: Ctrl-C for one run, and once more if Python has dropped it.

An interrupt that reaches a Python process in a destructor, or in any other callback that
cannot raise, is printed as "Exception ignored in ..." and gone. Metaflow's scheduler
starts processes and drops them all the time, so this happens. A second interrupt would
break off the cleaning up of a run that has heard the first, so it is sent only where that
was printed, and Metaflow has not said since that it cleans up. Only the standard library
is used here.
"""

from __future__ import annotations

import contextlib
import re
import signal
import time
from pathlib import Path

from nbrunner.launch.processes import ProcessIdentity
from nbrunner.record.run_directory import RunDirectory

# How often the logs are looked at: it takes a moment until they tell.
_LOOK_SECONDS = 0.5

# As Python 3.11 to 3.14 print it; the second line on is what it prints of any exception.
_DROPPED = re.compile(
    rb"^Exception ignored [^\n]*\nTraceback [^\n]*\n(?: [^\n]*\n)*KeyboardInterrupt", re.M
)

# What Metaflow's scheduler prints before it ends its tasks (metaflow/runtime.py).
_CLEANING_UP = re.compile(rb"Workflow (?:interrupted|failed)\.")

# What is looked for may have been written by halves at the last look.
_OVERLAP_BYTES = 10_000


class Interrupt:
    """Interrupts one run.

    Parameters
    ----------
    directory : RunDirectory
        The run's.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._stdout = _Watch(directory.log("stdout"), _CLEANING_UP)
        self._stderr = _Watch(directory.log("stderr"), _DROPPED)
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
            self._stdout.begin()
            self._stderr.begin()
            if not run.send_group(signal.SIGINT):
                return False
            self._look_at = now + _LOOK_SECONDS
            return True
        if now >= self._look_at:
            self._look_at = now + _LOOK_SECONDS
            if self._stderr.has_found() and not self._stdout.has_found():
                self._stderr.begin()
                # Tasks have heard it: they may be saving what they have.
                run.send(signal.SIGINT)
        return False


class _Watch:
    """Looks for a pattern in what a log gets from a moment on."""

    def __init__(self, log: Path, pattern: re.Pattern[bytes]) -> None:
        self._log = log
        self._pattern = pattern
        self._found = False
        self._position = 0

    def begin(self) -> None:
        self._found = False
        with contextlib.suppress(OSError):  # the record was deleted; a disk fails
            self._position = self._log.stat().st_size

    def has_found(self) -> bool:
        """Read what is new; tell whether the pattern stands there, or stood there before."""
        if not self._found:
            with contextlib.suppress(OSError), open(self._log, "rb") as file:
                file.seek(self._position)
                data = file.read()
                self._found = self._pattern.search(data) is not None
                self._position += max(0, len(data) - _OVERLAP_BYTES)
        return self._found
