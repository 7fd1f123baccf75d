"""Where run directories are: creating, listing and finding them."""

from __future__ import annotations

import calendar
import contextlib
import functools
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import platformdirs  # here, as an import of some milliseconds would hold an event loop

from nbrunner.errors import BadValueError, RunNotFoundError, StateError
from nbrunner.record import rundir
from nbrunner.record.rundir import RunDirectory

STATE_VARIABLE = "NBRUNNER_STATE_DIR"


def state_directory() -> Path:
    """Return the folder for all that nbrunner keeps, creating it if need be.

    ``$NBRUNNER_STATE_DIR``, else the user's state folder of the platform, else (a
    read-only home) a private folder among the temporary files. A relative path starts
    where this process first asked for it.

    Raises
    ------
    StateError
        None of them can be created for this user alone.
    """
    chosen = os.environ.get(STATE_VARIABLE)
    if chosen:
        return _private(_absolute(os.path.expanduser(chosen)))
    try:
        return _private(_absolute(platformdirs.user_state_dir("nbrunner")))
    except StateError:
        return _private(_among_temporary_files())


@functools.cache
def _absolute(folder: str) -> Path:
    """Return the same folder wherever this process goes, and in whichever a run starts."""
    try:
        return Path(folder).absolute()
    except OSError as error:
        raise StateError(
            f"the current directory, where the state directory {folder!r} starts, is gone: "
            f"{error}; set ${STATE_VARIABLE} to an absolute path"
        ) from error


def _among_temporary_files() -> Path:
    """Return a folder where everybody may have made one, or a link, of that name before."""
    path = Path(tempfile.gettempdir()) / f"nbrunner-{os.getuid()}"
    with contextlib.suppress(OSError):  # told by `_private`, unless it is there already
        path.mkdir(mode=0o700)
    if os.path.lexists(path):
        facts = path.lstat()
        safe = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()
        if not safe or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise StateError(
                f"{path} is not a folder that this user alone can write; delete it, or set "
                f"${STATE_VARIABLE}"
            )
    return path


def _private(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_uid != os.getuid():
            raise StateError(f"{path} belongs to another user; set ${STATE_VARIABLE}")
        if not os.access(path, os.W_OK | os.X_OK):
            raise StateError(
                f"{path} cannot be written; set ${STATE_VARIABLE} to a folder that can"
            )
    except OSError as error:
        raise StateError(
            f"{path} cannot be used for run records: {error}; "
            f"set ${STATE_VARIABLE} to a folder that can be written"
        ) from error
    return path


def runs_directory() -> Path:
    """Return the folder that holds one directory a run."""
    return _private(state_directory() / "runs")


def new_name() -> str:
    """Return a name that nobody has, and that sorts behind all that were given before."""
    now = time.time_ns()
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now // 10**9))
    return f"{moment}-{now % 10**9 // 1000:06}-{secrets.token_hex(4)}"


def began(name: str) -> float:
    """Return when a name was given, in seconds since the epoch; 0 for one of somebody else's."""
    try:
        day, moment, microseconds, _ = name.split("-")
        return (
            calendar.timegm(time.strptime(day + moment, "%Y%m%d%H%M%S")) + int(microseconds) / 1e6
        )
    except ValueError:
        return 0.0


def create() -> RunDirectory:
    """Make the directory of a new run, with its logs still empty."""
    runs = runs_directory()
    directory = RunDirectory(runs / new_name())
    try:
        directory.path.mkdir(mode=0o700)
        for stream in rundir.STREAMS:
            directory.log(stream).touch(mode=0o600)
    except OSError as error:
        with contextlib.suppress(OSError):
            directory.delete()
        raise StateError(f"no run can be recorded in {runs}: {error}") from error
    return directory


def directories() -> Iterator[RunDirectory]:
    """Yield every recorded run, the newest first."""
    runs = runs_directory()
    for name in sorted(os.listdir(runs), reverse=True):
        if not name.startswith(".") and (runs / name / rundir.RECORD).exists():
            yield RunDirectory(runs / name)


def find(run: str) -> RunDirectory:
    """Return the directory of a run.

    Parameters
    ----------
    run : str
        A pathspec (``"Flow/1234"``), a run id (``"1234"``), or the directory's own name.

    Raises
    ------
    RunNotFoundError
        No run of that name was started by nbrunner here, or its record has expired.
    """
    if not isinstance(run, str) or not run:
        raise BadValueError(f"a run is named by its pathspec, as 'Flow/1234', not by {run!r}")
    direct = runs_directory() / run
    if "/" not in run and (direct / rundir.RECORD).exists():
        return RunDirectory(direct)
    flow_name, _, run_id = run.rpartition("/")
    for directory in directories():
        attributes = directory.read(rundir.ATTRIBUTES)
        if (
            attributes
            and str(attributes.get("run_id")) == run_id
            and flow_name in ("", attributes.get("flow_name"))
        ):
            return directory
    raise RunNotFoundError(
        f"no record of a run {run!r} in {runs_directory()}: nbrunner did not start it here, or "
        f"its record has expired; metaflow.Run({run!r}) still gives its results"
    )
