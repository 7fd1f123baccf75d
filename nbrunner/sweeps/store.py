"""What a sweep leaves on disk: its parameter sets, and who starts its runs.

::

    sweeps/<id>/sweep.json    flow, parameter sets, how many at once      (who began it)
    sweeps/<id>/lock          held by the process that starts its runs
    sweeps/<id>/stop          a request to start no more of them
    sweeps/<id>/records       a line for each run: its place in the sweep, name of its record
    sweeps/<id>/run-<n>.json  what became of a run, also when its own record is gone

Each run's own record names its sweep and its place in it. Its line in ``records`` is written
first, so the runs of a sweep are found without reading every record. A sweep of an older nbrunner
has no such file; there every record is read.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nbrunner.errors import RunNotFoundError, StateError
from nbrunner.record import private, registry, run_directory
from nbrunner.record.retention import KEEP
from nbrunner.record.run_directory import Json, RunDirectory

_CONTENT = "sweep.json"
_LOCK = "lock"
_STOP = "stop"
_RECORDS = "records"
NOTE = "sweep"

# Python reads no integer of thousands of digits, which a damaged file may hold.
_MAX_DIGITS = 10

# A fork has our locks too, and would keep them when we are gone: a pool's worker, say.
_HELD: set[BinaryIO] = set()


def _let_go() -> None:
    for lock in _HELD:
        lock.close()
    _HELD.clear()


os.register_at_fork(after_in_child=_let_go)


class SweepStoppedError(Exception):
    """A run was about to start when its sweep was stopped."""


class SweepDirectory:
    """The files of one sweep."""

    def __init__(self, path: Path) -> None:
        self.path = path
        directory = RunDirectory(path)
        try:
            private.check_folder(path)
        except OSError as error:
            raise StateError(f"the record of sweep {path.name}: {path} {error.strerror}") from error
        content = directory.read(_CONTENT)
        if content is None:
            raise StateError(
                f"the record of sweep {path.name} in {path.parent} is damaged; its runs are "
                "listed by %flowruns and History, and attach() takes each"
                + f" ({directory.damaged.get(_CONTENT, 'it is gone')})"
            )
        self.content: Json = content

    @property
    def name(self) -> str:
        return self.path.name

    def note(self, index: int, directory: RunDirectory) -> Json:
        """Return what goes into the record of a run that is about to start.

        Raises
        ------
        SweepStoppedError
            Somebody has asked for no more runs.
        OSError
            The sweep's own directory cannot be written.
        """
        line = f"{index}\t{directory.name}\n".encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with open(private.open_file(self.path / _RECORDS, flags), "ab", buffering=0) as file:
            file.write(line)
        # Asked now that the run's directory is there: whoever stops all writes the request
        # before looking for runs, so one of the two sees the other.
        if self.is_stopped:
            raise SweepStoppedError
        return {NOTE: {"name": self.name, "index": index}}

    def runs(self) -> dict[int, RunDirectory]:
        """Return the runs that have been started, by their place in the sweep."""
        return _runs_of(self.path)

    def starting(self) -> list[RunDirectory]:
        """Return the directories of runs whose records are not written yet."""
        with contextlib.suppress(OSError):
            noted = _noted_in(self.path).values()
            return [each for each in noted if each.path.exists() and not each.exists()]
        return []

    def note_run(self, index: int, content: Json) -> None:
        """Write down what has become of a run."""
        RunDirectory(self.path).write(f"run-{index}.json", content)

    def noted_runs(self) -> dict[int, Json]:
        """Return what was written down of runs, by their place in the sweep."""
        directory = RunDirectory(self.path)
        found = {}
        for file in self.path.glob("run-*.json"):
            index = file.stem.removeprefix("run-")
            is_place = index.isdecimal() and len(index) < _MAX_DIGITS
            content = directory.read(file.name) if is_place else None
            if content is not None:
                found[int(index)] = content
        return found

    def ask_to_stop(self) -> None:
        private.touch(self.path / _STOP)

    @property
    def is_stopped(self) -> bool:
        return (self.path / _STOP).exists()

    @contextlib.contextmanager
    def driving(self) -> Iterator[bool]:
        """Be the one who starts runs; gives False where another process is that already."""
        with contextlib.ExitStack() as held:
            try:
                descriptor = private.open_file(self.path / _LOCK, os.O_WRONLY | os.O_CREAT)
                lock = held.enter_context(open(descriptor, "wb"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError as error:  # a full disk; a network's file system without locks
                raise StateError(
                    f"{self.path / _LOCK} cannot be locked: {error}; "
                    f"set ${registry.STATE_VARIABLE} to a folder on a local disk"
                ) from error
            _HELD.add(lock)
            try:
                yield True
            finally:
                _HELD.discard(lock)
                # Closed alone it would stay locked until a fork has closed it too.
                fcntl.flock(lock, fcntl.LOCK_UN)


def stop_living() -> tuple[list[str], dict[str, OSError]]:
    """Ask every sweep of this user that may start more runs to start none, whoever drives it.

    A sweep whose process is gone starts nothing by itself, and is left as it is.

    Returns
    -------
    (list of str, dict of str to OSError)
        The names of the sweeps that were asked, and of those that could not be, with the reason.
    """
    stopped, refused = [], {}
    for name in _names():
        path = _sweeps() / name
        try:
            if not (path / _STOP).exists() and _is_living(path):
                private.touch(path / _STOP)
                stopped.append(name)
        except FileNotFoundError:  # another process deletes it just now
            continue
        except OSError as error:  # a full disk, say
            refused[name] = error
    return sorted(stopped), refused


def _is_living(path: Path) -> bool:
    """Return whether a process starts the runs of a sweep, or is about to."""
    try:
        descriptor = private.open_file(path / _LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return True  # just created: its process has not locked it yet
    try:
        # Shared, so that two who look at once do not take each other for the owner.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def create(content: Json) -> SweepDirectory:
    """Write down a new sweep; delete old ones, none of whose runs is recorded any more."""
    try:
        _expire()
        path = _sweeps() / registry.new_name()
        private.make_folder(path)
        private.write_new(path / _RECORDS, b"")
        RunDirectory(path).write(_CONTENT, content)
    except OSError as error:
        sweeps = registry.state_directory() / "sweeps"
        raise StateError(f"cannot record a sweep in {sweeps}: {error}") from error
    return SweepDirectory(path)


def _expire() -> None:
    for name in _names():
        directory = RunDirectory(_sweeps() / name)
        with contextlib.suppress(FileNotFoundError):  # another process deletes it just now
            age_seconds = time.time() - directory.path.stat().st_mtime
            if age_seconds > KEEP.max_age_seconds and not _runs_of(directory.path):
                directory.delete()


def _names() -> list[str]:
    """Return the sweeps there are, and what is left of some."""
    sweeps = _sweeps()
    return [
        name
        for name in os.listdir(sweeps)
        if run_directory.is_record(sweeps / name, _CONTENT, (_LOCK, _STOP, _RECORDS))
    ]


def _runs_of(path: Path) -> dict[int, RunDirectory]:
    """Return the runs of a sweep whose records are there, by their place in it."""
    try:
        noted = _noted_in(path)
    except OSError:  # an older nbrunner began it; or the file is not to be trusted
        return _by_their_notes(path.name)
    return {index: directory for index, directory in noted.items() if directory.exists()}


def _noted_in(path: Path) -> dict[int, RunDirectory]:
    """Return the directories that a sweep's file names, the latest for each place in it."""
    runs, found = registry.runs_directory(), {}
    for line in private.read_bytes(path / _RECORDS).decode("utf-8", "replace").splitlines():
        index, _, name = line.partition("\t")
        if index.isdecimal() and len(index) < _MAX_DIGITS and run_directory.is_name(name):
            found[int(index)] = RunDirectory(runs / name)
    return found


def _by_their_notes(name: str) -> dict[int, RunDirectory]:
    found: dict[int, RunDirectory] = {}
    for directory in registry.directories():
        note = (directory.read(run_directory.RECORD) or {}).get(NOTE) or {}
        if note.get("name") == name:
            found.setdefault(int(note["index"]), directory)
    return found


def find(name: str = "") -> SweepDirectory:
    """Return a sweep by its name; the latest without one.

    Raises
    ------
    RunNotFoundError
    """
    names = [each for each in _names() if (_sweeps() / each / _CONTENT).exists()]
    if name in names or (not name and names):
        return SweepDirectory(_sweeps() / (name or max(names)))
    raise RunNotFoundError(f"no sweep {name!r} in {_sweeps()}" if name else "no sweep yet")


def _sweeps() -> Path:
    return registry.folder("sweeps")
