"""The first rung of the stop ladder: SIGINT for a run, sent again if Python has dropped it.

An interrupt that reaches a Python process in a destructor, or in another callback that cannot
raise, is printed as "Exception ignored in ..." and lost. Metaflow's scheduler starts and drops
processes all the time, so this happens. A second interrupt would break off the cleanup of a run
that has handled the first, so it is sent only if that text was printed and Metaflow has not
reported since that it cleans up. Uses the standard library only.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from pathlib import Path

from nbrunner.engine import log_format
from nbrunner.launch.processes import ProcessIdentity
from nbrunner.record import private
from nbrunner.record.run_directory import RunDirectory

# Interval between looks at the logs.
_LOOK_SECONDS = 0.5

# As printed by Python 3.11 to 3.14, starting at the second line as for any exception. If the
# interrupt arrives as a function begins, an empty line stands in place of the carets.
_DROPPED = re.compile(
    rb"^Exception ignored [^\n]*\nTraceback [^\n]*\n(?:(?: [^\n]*)?\n)*KeyboardInterrupt", re.M
)

# Metaflow's scheduler prints one of them before it ends its tasks.
_CLEANING_UP = re.compile(
    "|".join(map(re.escape, (log_format.INTERRUPTED, log_format.RUN_FAILED))).encode()
)

# The text may have been incomplete at the last look.
_OVERLAP_BYTES = 10_000


class Interrupt:
    """Sends interrupts to one run.

    Parameters
    ----------
    directory : RunDirectory
        Directory of the run, whose logs are watched.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._stdout = _Watch(directory.log("stdout"), _CLEANING_UP)
        self._stderr = _Watch(directory.log("stderr"), _DROPPED)
        self._look_at: float | None = None

    def send(self, run: ProcessIdentity) -> bool:
        """Interrupt the run; on later calls, do so again if the interrupt was dropped.

        Parameters
        ----------
        run : ProcessIdentity
            Run process, the leader of its group.

        Returns
        -------
        bool
            True if the group was signalled: tasks are interrupted too, as in a terminal.
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
                # Tasks have already been interrupted, and may be saving their state.
                run.send(signal.SIGINT)
        return False


class _Watch:
    """Searches for a pattern in text appended to a log."""

    def __init__(self, log: Path, pattern: re.Pattern[bytes]) -> None:
        self._log = log
        self._pattern = pattern
        self._found = False
        self._position = 0

    def begin(self) -> None:
        """Start at the current end of the log."""
        self._found = False
        with contextlib.suppress(OSError):  # the record was deleted, or the disk fails
            self._position = self._log.stat().st_size

    def has_found(self) -> bool:
        """Read the appended text; return whether the pattern has occurred so far."""
        if not self._found:
            with contextlib.suppress(OSError):
                with open(private.open_file(self._log, os.O_RDONLY), "rb") as file:
                    file.seek(self._position)
                    data = file.read()
                self._found = self._pattern.search(data) is not None
                self._position += max(0, len(data) - _OVERLAP_BYTES)
        return self._found
