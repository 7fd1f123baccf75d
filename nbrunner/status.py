"""The states of runs and steps, and their labels, glyphs and colours, in one table.

``tools/states.py`` generates the TypeScript and the CSS from it; a test compares them.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: The words of ``running.status``. A panel also has "starting", before the run has an id.
RunStatus = Literal["successful", "failed", "stopped", "timeout", "lost", "running"]

#: The meaning of a colour; each theme has its own shade for it.
Role = Literal["active", "success", "error", "stopped", "quiet"]


@dataclass(frozen=True)
class State:
    """A state and its appearance.

    Attributes
    ----------
    name : str
        Name in the API, as in ``running.status``.
    label : str
        Label shown to the user.
    glyph : str
        One character that identifies the state without colour.
    role : str
        Meaning of its colour.
    """

    name: str
    label: str
    glyph: str
    role: Role


#: The states of a run started by nbrunner, in the order in which they need attention.
RUN_STATES = (
    State("failed", "failed", "✗", "error"),
    State("timeout", "timed out", "◷", "error"),
    State("lost", "lost", "?", "error"),
    State("running", "running", "●", "active"),
    State("starting", "starting", "◌", "active"),
    State("stopped", "stopped", "■", "stopped"),
    State("successful", "successful", "✓", "success"),
)

#: States of table rows without an nbrunner run: started otherwise, or not started yet.
OTHER_STATES = (
    State("waiting", "waiting", "·", "quiet"),
    State("unfinished", "unfinished", "·", "quiet"),
    State("not started", "not started", "·", "quiet"),
)

#: The states of a step.
STEP_STATES = (
    State("failed", "failed", "✗", "error"),
    State("stopped", "stopped", "■", "stopped"),
    State("running", "running", "◐", "active"),
    State("pending", "pending", "○", "quiet"),
    State("cloned", "cloned", "◎", "success"),
    State("done", "done", "✓", "success"),
)

#: API name -> label of each run state.
LABELS: Mapping[str, str] = {state.name: state.label for state in RUN_STATES}

#: The states of runs stopped from outside; their unfinished tasks ended with them.
STOPPED = ("stopped", "timeout")

#: The states of runs that ended without success.
UNSUCCESSFUL = ("failed", *STOPPED, "lost")


def rank(label: str) -> int:
    """Return the sort rank of a label; states that need attention come first."""
    labels = [state.label for state in (*RUN_STATES, *OTHER_STATES)]
    return labels.index(label) if label in labels else len(labels)


def what_lives(processes: int) -> str:
    """Return the text for the remaining processes of a lost run; empty if there are none."""
    if not processes:
        return ""
    return "1 process still running" if processes == 1 else f"{processes} processes still running"


def how_it_failed(status: str, returncode: int | None) -> str:
    """Return how the process of a failed run ended: ``exit code 1``, ``killed by SIGKILL``.

    Empty for other states and if the exit code is unknown.
    """
    if status != "failed" or returncode is None:
        return ""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:  # a real-time signal has no name
        return f"killed by signal {-returncode}"
