"""The states of runs and of their steps, and how each is shown: the one table of them.

``tools/states.py`` writes the TypeScript and the CSS from it; a test compares them.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: What a colour says; each surface has its own shade for it.
Role = Literal["active", "success", "error", "stopped", "quiet"]


@dataclass(frozen=True)
class State:
    """One state and how it is shown.

    Attributes
    ----------
    name : str
        The word of the API, as in ``running.status``.
    label : str
        The word that people read.
    glyph : str
        One character that tells the state without colour.
    role : str
        The meaning of its colour.
    """

    name: str
    label: str
    glyph: str
    role: Role


#: The states of a run that nbrunner started. The first need attention first.
RUN_STATES = (
    State("failed", "failed", "✗", "error"),
    State("timeout", "timed out", "◷", "error"),
    State("lost", "lost", "?", "error"),
    State("running", "running", "●", "active"),
    State("starting", "starting", "◌", "active"),
    State("stopped", "stopped", "■", "stopped"),
    State("successful", "successful", "✓", "success"),
)

#: Rows of tables that are no run of nbrunner: started by another program, or not yet started.
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

#: Each status of a handle -> the word that people read.
LABELS: Mapping[str, str] = {state.name: state.label for state in RUN_STATES}

#: A run that was ended from outside; its unfinished tasks were ended with it.
STOPPED = ("stopped", "timeout")

#: A run that has ended without success.
UNSUCCESSFUL = ("failed", *STOPPED, "lost")


def rank(label: str) -> int:
    """Return the place of a label among all: what needs attention has the lowest."""
    labels = [state.label for state in (*RUN_STATES, *OTHER_STATES)]
    return labels.index(label) if label in labels else len(labels)


def what_lives(processes: int) -> str:
    """Return ``"2 processes live"`` for what a lost run has left; empty if there are none."""
    if not processes:
        return ""
    return "1 process lives" if processes == 1 else f"{processes} processes live"


def how_it_failed(status: str, returncode: int | None) -> str:
    """Return how the process of a failed run ended: ``exit code 1``, ``killed by SIGKILL``.

    Empty for any other run: its status says it, or the end was not seen.
    """
    if status != "failed" or returncode is None:
        return ""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"killed by {signal.Signals(-returncode).name}"
    except ValueError:  # a real-time signal has no name
        return f"killed by signal {-returncode}"
