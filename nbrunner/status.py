"""What becomes of a run, in the words of the API and in those that people read."""

from __future__ import annotations

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
