"""The first rung: Ctrl-C for one run, and once more if Python has dropped it.

An interrupt that reaches a Python process in a destructor, or in any other callback that
cannot raise, is printed as "Exception ignored in ..." and gone. Metaflow's scheduler
starts processes and drops them all the time, so this happens. Metaflow says in its log
when it has understood; until then a second interrupt does no harm, after that it would
break off the cleaning up. Only the standard library is used here.
"""

from __future__ import annotations

import os
import signal
import time

from nbrunner.launch.processes import ProcessIdentity
from nbrunner.record.rundir import RunDirectory

# A busy machine may take this long until an interrupt that was not dropped is in the log.
_HEARD_SECONDS = 2.0

# What Metaflow's scheduler prints before it ends its tasks (metaflow/runtime.py).
_CLEANING_UP = (b"Workflow interrupted.", b"Workflow failed.")


class Interrupt:
    """Interrupts one run.

    Parameters
    ----------
    directory : RunDirectory
        The run's.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._log = directory.log("stdout")
        self._before_bytes = 0
        self._due: float | None = None
        self._again = False

    def send(self, run: ProcessIdentity) -> bool:
        """Interrupt the run; called anew, see whether it must be interrupted once more.

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
        if self._due is None:
            self._before_bytes = _size(self._log)
            if not run.send_group(signal.SIGINT):
                return False
            self._due = now + _HEARD_SECONDS
            return True
        if not self._again and now >= self._due:
            self._again = True
            if not self._heard():
                # Tasks have heard it: they may be saving what they have.
                run.send(signal.SIGINT)
        return False

    def _heard(self) -> bool:
        """Tell whether the run cleans up already; where its log cannot tell, take it so."""
        try:
            if self._directory.on_full_disk():
                return True
            with open(self._log, "rb") as log:
                log.seek(self._before_bytes)
                return any(said in line for line in log for said in _CLEANING_UP)
        except FileNotFoundError:  # somebody has deleted the record
            return True


def _size(path: os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
