"""Handles of runs by their names, of nbrunner and of other tools."""

from __future__ import annotations

import re

from nbrunner import handles
from nbrunner.errors import RunNotFoundError
from nbrunner.followed_run import FollowedRun
from nbrunner.handles import ExecutingRun, ExecutingTask

_PATHSPEC = re.compile(r"[A-Za-z_]\w{0,200}/[\w.:-]{1,200}")


def attach(run: str) -> ExecutingRun | ExecutingTask | FollowedRun:
    """Return a handle of a run, started by nbrunner or otherwise.

    A run of another tool, such as ``python flow.py run`` or a scheduler, is read with Metaflow's
    Client: see `FollowedRun`.

    Parameters
    ----------
    run : str
        Pathspec of the run (``"Flow/1234"``); for runs started by nbrunner also the id alone.

    Raises
    ------
    RunNotFoundError
        nbrunner has no record of this run for this user, and Metaflow does not know it.
    BadValueError
        The value is not a str, or is empty.
    """
    try:
        return handles.attach(run)
    except RunNotFoundError:
        if not _PATHSPEC.fullmatch(run):
            raise
        found = _followed(run)
        if found is None:
            raise
        return found


def _followed(pathspec: str) -> FollowedRun | None:
    try:
        return FollowedRun(pathspec)
    except RunNotFoundError:
        return None
