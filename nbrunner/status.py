"""What becomes of a run, in the words of the API and in those that people read."""

from __future__ import annotations

import signal
from collections.abc import Mapping

#: The status of a handle -> what a badge says.
LABELS: Mapping[str, str] = {
    "starting": "starting",
    "running": "running",
    "successful": "successful",
    "failed": "failed",
    "stopped": "stopped",
    "timeout": "timed out",
    "lost": "lost",
}

#: Of a run that was ended from outside: its unfinished tasks were ended with it.
STOPPED = ("stopped", "timeout")

#: Of a run that has ended without success.
UNSUCCESSFUL = ("failed", *STOPPED, "lost")


def what_lives(processes: int) -> str:
    """Return what is said of the processes that a lost run has left; empty if there are none."""
    if not processes:
        return ""
    return "1 process lives" if processes == 1 else f"{processes} processes live"


def how_it_failed(status: str, returncode: int | None) -> str:
    """Return how the process of a failed run has ended: ``exit code 1``, ``killed by SIGKILL``.

    Empty for any other run: its status says it, or nobody saw it.
    """
    if status != "failed" or returncode is None:
        return ""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:  # one of those for real-time use, which have no names
        return f"killed by signal {-returncode}"
