"""Deletes old run directories by age and by total size.

The supervisor of each run calls this after its run has ended, so that the user's
process does not spend time on it. It therefore imports only the standard library.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbrunner.record import code_store, private, run_directory, run_index, schema
from nbrunner.record.run_directory import RunDirectory

DAY_SECONDS = 24 * 3600.0
MAX_AGE_SECONDS = 30 * DAY_SECONDS
MAX_TOTAL_BYTES = 2 * 10**9
INTERVAL_SECONDS = 600.0

_STAMP = ".expired"

# The user may be about to look at a run that has just ended.
JUST_ENDED_SECONDS = 600.0

# Files of a run besides its record. Only a cold start has a log of the supervisor.
_OF_A_RUN = frozenset(
    {
        run_directory.START,
        run_directory.SUPERVISOR,
        run_directory.ATTRIBUTES,
        run_directory.OPEN_LINES,
        run_directory.SHARED_ID,
    }
    | {
        run_directory.TASK_STARTS,
        run_directory.STOP,
        run_directory.STOPPING,
        run_directory.DISCARD,
        run_directory.EXIT,
    }
    | {run_directory.PRELOADED, run_directory.NOT_PRELOADED}
    | {f"{each}.log" for each in (*run_directory.STREAMS, "supervisor")}
)

# A run with neither an exit record nor a known process is lost, or its supervisor has not written
# its identity yet; the age of the record distinguishes the two.
_LOST_AFTER_SECONDS = DAY_SECONDS

# The code of a run is kept a little longer than its record.
_CODE_MARGIN_SECONDS = 3600.0

GoesOn = Callable[[RunDirectory], bool]


@dataclass
class Keep:
    """The limits of the records and logs that are kept.

    Attributes
    ----------
    max_age_seconds : float
        How long after its last write a record is kept.
    max_total_bytes : int
        How much disk the records of ended runs may take together.
    """

    max_age_seconds: float = MAX_AGE_SECONDS
    max_total_bytes: int = MAX_TOTAL_BYTES

    def note(self) -> schema.Keep:
        """Return the limits for the record of a run, where its supervisor reads them."""
        return {
            "max_age_seconds": self.max_age_seconds,
            "max_total_bytes": self.max_total_bytes,
        }


#: The limits that are recorded for the runs of this process.
KEEP = Keep()


def expire_if_due(
    runs: Path,
    goes_on: GoesOn,
    keep: schema.Keep,
    interval_seconds: float = INTERVAL_SECONDS,
) -> list[str]:
    """Delete old records unless that was done recently; return the names deleted.

    Parameters
    ----------
    runs, goes_on
        See `expire`.
    keep : dict of str to Any
        The limits in the record of a run; see `Keep`.
    interval_seconds : float
        The least time between two calls that delete.
    """
    stamp = runs / _STAMP
    with contextlib.suppress(FileNotFoundError):
        # A stamp from the future was written before the clock was set back.
        if abs(time.time() - stamp.stat().st_mtime) < interval_seconds:
            return []
    private.touch(stamp)
    return expire(
        runs,
        goes_on,
        keep.get("max_age_seconds", MAX_AGE_SECONDS),
        keep.get("max_total_bytes", MAX_TOTAL_BYTES),
        JUST_ENDED_SECONDS,
    )


def expire(
    runs: Path,
    goes_on: GoesOn,
    max_age_seconds: float = MAX_AGE_SECONDS,
    max_total_bytes: float = MAX_TOTAL_BYTES,
    just_ended_seconds: float = 0.0,
) -> list[str]:
    """Delete ended runs that are too old, then the oldest until the rest is small enough.

    The record of a run is kept while any of its processes is alive, even if it has not written
    anything for a long time. This includes lost runs, and a daemon that a step of an ended run
    left.

    Parameters
    ----------
    runs : Path
        The folder that holds one directory per run.
    goes_on : callable
        Returns whether a process of the run in a directory is alive; see
        `nbrunner.launch.run_processes.goes_on`.
    max_age_seconds : float
        How long after its last write a directory is kept.
    max_total_bytes : int
        How much disk all ended runs may take. Active runs do not count: deleting other records
        would not make their logs any smaller.
    just_ended_seconds : float
        How long after its last write a directory is kept whatever the limits, so that a run
        does not delete its own record when it ends.

    Returns
    -------
    list of str
        The names of the directories deleted.
    """
    now = time.time()
    ended = []
    total = 0
    needed: set[str] = set()  # code of active runs
    for entry in _directories(runs):
        directory = RunDirectory(entry)
        size, written = _size_and_age(entry)
        if written > now + JUST_ENDED_SECONDS:  # the clock was set back: its age counts from now
            _set_back(entry, now)
        is_old = now - written > _LOST_AFTER_SECONDS
        if directory.exists(run_directory.EXIT) or (is_old and not goes_on(directory)):
            ended.append((written, size, directory))
            total += size
        else:
            needed.update((directory.read(run_directory.RECORD) or {}).get("code", {}).values())
    contents = code_store.folder_beside(runs)
    code_store.expire(contents, max_age_seconds + _CODE_MARGIN_SECONDS, needed)
    deleted = []
    for written, size, directory in sorted(ended, key=lambda item: item[0]):
        age_seconds = now - written
        if age_seconds < just_ended_seconds:
            continue
        if age_seconds > max_age_seconds or total > max_total_bytes:
            if goes_on(directory):
                continue
            try:
                directory.delete()
            except OSError:  # for example, it holds another user's files; delete the others
                continue
            deleted.append(directory.name)
            total -= size
    if deleted:
        run_index.drop_deleted(runs)
    return deleted


def _set_back(path: Path, now: float) -> None:
    """Set the times of a record's files that are in the future to now."""
    with contextlib.suppress(FileNotFoundError):  # another supervisor has just deleted it
        for each in (*path.iterdir(), path):
            if each.lstat().st_mtime > now:
                os.utime(each, (now, now), follow_symlinks=False)


def disk_usage(runs: Path) -> tuple[int, int]:
    """Return the bytes on disk of all runs, and the number of runs."""
    entries = _directories(runs)
    return sum(_size_and_age(entry)[0] for entry in entries), len(entries)


def _directories(runs: Path) -> list[Path]:
    try:
        names = os.listdir(runs)
    except FileNotFoundError:
        return []
    return [
        runs / name
        for name in names
        if run_directory.is_record(runs / name, run_directory.RECORD, _OF_A_RUN)
    ]


def _size_and_age(path: Path) -> tuple[int, float]:
    """Return the bytes on disk and the last write (seconds since the epoch).

    Includes the directory's own mtime: a starting run has no files yet.
    """
    size = 0
    try:
        written = path.stat().st_mtime
        with os.scandir(path) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # a temporary file, just renamed
                    facts = entry.stat(follow_symlinks=False)
                    size += facts.st_blocks * 512
                    written = max(written, facts.st_mtime)
    except FileNotFoundError:  # another supervisor has just deleted it
        written = time.time()
    return size, written
