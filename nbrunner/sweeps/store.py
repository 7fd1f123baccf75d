"""The files of sweeps: parameter sets, runs, and the process that starts them.

::

    sweeps/<id>/sweep.json    flow, parameter sets, how many at once
    sweeps/<id>/lock          held by the process that starts its runs
    sweeps/<id>/stop          a request to start no more of them
    sweeps/<id>/records       a line for each run: its index in the sweep, name of its record
    sweeps/<id>/run-<n>.json  how a run ended, even after its own record was deleted

The record of each run contains its sweep and index. Its line in ``records`` is written first, so
the runs of a sweep are found without reading every record. Sweeps of older versions have no such
file; every record is read for them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from nbrunner.errors import RunNotFoundError, StateError
from nbrunner.record import private, registry, run_directory
from nbrunner.record.retention import KEEP
from nbrunner.record.run_directory import RunDirectory
from nbrunner.record.schema import Record, Sweep, SweepRun

_CONTENT: Final = "sweep.json"
_LOCK = "lock"
_STOP = "stop"
_RECORDS = "records"
NOTE: Final = "sweep"

# Python converts no integer of thousands of digits, which a damaged file may contain.
_MAX_DIGITS = 10

# A fork inherits these locks and would keep them after this process ends, as in a pool's worker.
_HELD: set[BinaryIO] = set()


def _let_go() -> None:
    for lock in _HELD:
        lock.close()
    _HELD.clear()


os.register_at_fork(after_in_child=_let_go)


class SweepStoppedError(Exception):
    """The sweep was stopped while a run was about to start."""


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
                "listed by %flowruns and History, and attach() returns each"
                + f" ({directory.damaged.get(_CONTENT, 'it is missing')})"
            )
        self.content: Sweep = content

    @property
    def name(self) -> str:
        """The name of the sweep."""
        return self.path.name

    def note(self, index: int, directory: RunDirectory) -> Record:
        """Return the entries for the record of a run that is about to start.

        Raises
        ------
        SweepStoppedError
            The sweep was stopped.
        OSError
            The directory of the sweep cannot be written.
        """
        file = self.path / _RECORDS
        if not file.exists():  # an older nbrunner began it: its runs must not be forgotten
            with contextlib.suppress(FileExistsError):  # another thread has just done so
                private.write_new(file, b"".join(_line(i, x) for i, x in self.runs().items()))
        descriptor = private.open_file(file, os.O_WRONLY | os.O_APPEND)
        with open(descriptor, "ab", buffering=0) as opened:
            opened.write(_line(index, directory))
        # Checked once the run's directory exists: `stop all` writes the request before it looks for
        # runs, so one of the two sees the other.
        if self.is_stopped:
            raise SweepStoppedError
        return {NOTE: {"name": self.name, "index": index}}

    def runs(self) -> dict[int, RunDirectory]:
        """Return the started runs by their index in the sweep."""
        return _runs_of(self.path)

    def starting(self) -> list[RunDirectory]:
        """Return the directories of runs whose records are not written yet."""
        with contextlib.suppress(OSError):
            noted = _noted_in(self.path).values()
            return [each for each in noted if each.path.exists() and not each.exists()]
        return []

    def note_run(self, index: int, content: SweepRun) -> None:
        """Record how a run ended."""
        RunDirectory(self.path).write(f"run-{index}.json", content)

    def noted_runs(self) -> dict[int, SweepRun]:
        """Return the recorded ends of runs by their index in the sweep."""
        directory = RunDirectory(self.path)
        found = {}
        for file in self.path.glob("run-*.json"):
            index = file.stem.removeprefix("run-")
            is_place = index.isdecimal() and len(index) < _MAX_DIGITS
            content = directory.read(file.name) if is_place else None
            if content is not None:
                found[int(index)] = cast(SweepRun, content)
        return found

    def ask_to_stop(self) -> None:
        """Request that no more runs are started."""
        private.touch(self.path / _STOP)

    @property
    def is_stopped(self) -> bool:
        """True if no more runs may be started."""
        return (self.path / _STOP).exists()

    @contextlib.contextmanager
    def driving(self) -> Iterator[bool]:
        """Hold the lock for starting runs; yields False if another process holds it."""
        with contextlib.ExitStack() as held:
            try:
                descriptor = private.open_file(self.path / _LOCK, os.O_WRONLY | os.O_CREAT)
                lock = held.enter_context(open(descriptor, "wb"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError as error:  # a full disk, or a network file system without locks
                raise StateError(
                    f"{self.path / _LOCK} cannot be locked: {error}; "
                    f"set ${registry.STATE_VARIABLE} to a folder on a local disk"
                ) from error
            _HELD.add(lock)
            try:
                yield True
            finally:
                _HELD.discard(lock)
                # Closing alone would keep the lock until a fork has closed the file too.
                fcntl.flock(lock, fcntl.LOCK_UN)


def _line(index: int, directory: RunDirectory) -> bytes:
    return f"{index}\t{directory.name}\n".encode()


def stop_living() -> tuple[list[str], dict[str, OSError]]:
    """Request that all sweeps of this user start no more runs, in this and other processes.

    A sweep without a process starts no runs, and is left unchanged.

    Returns
    -------
    (list of str, dict of str to OSError)
        Names of the stopped sweeps; name -> error of those that could not be stopped.
    """
    stopped, refused = [], {}
    for name in _names():
        path = _sweeps() / name
        try:
            if not (path / _STOP).exists() and _is_living(path):
                private.touch(path / _STOP)
                stopped.append(name)
        except FileNotFoundError:  # deleted in the meantime
            continue
        except OSError as error:  # for example a full disk
            refused[name] = error
    return sorted(stopped), refused


def _is_living(path: Path) -> bool:
    """Return whether a process starts the runs of a sweep, or is about to."""
    try:
        descriptor = private.open_file(path / _LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return True  # just created: its process has not locked it yet
    try:
        # Shared, so that two processes checking at once do not take each other for the owner.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def create(content: Sweep) -> SweepDirectory:
    """Record a new sweep; delete old ones without recorded runs."""
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
        with contextlib.suppress(FileNotFoundError):  # deleted in the meantime
            age_seconds = time.time() - directory.path.stat().st_mtime
            if age_seconds > KEEP.max_age_seconds and not _runs_of(directory.path):
                directory.delete()


def _names() -> list[str]:
    """Return the names of all sweeps, including incomplete ones."""
    sweeps = _sweeps()
    return [
        name
        for name in os.listdir(sweeps)
        if run_directory.is_record(sweeps / name, _CONTENT, (_LOCK, _STOP, _RECORDS))
    ]


def _runs_of(path: Path) -> dict[int, RunDirectory]:
    """Return the recorded runs of a sweep by their index."""
    try:
        noted = _noted_in(path)
    except OSError:  # a sweep of an older nbrunner, or an unsafe file
        return _by_their_notes(path.name)
    return {index: directory for index, directory in noted.items() if directory.exists()}


def _noted_in(path: Path) -> dict[int, RunDirectory]:
    """Return the run directories named in a sweep's file; the latest for each index."""
    runs, found = registry.runs_directory(), {}
    for line in private.read_bytes(path / _RECORDS).decode("utf-8", "replace").splitlines():
        index, _, name = line.partition("\t")
        if index.isdecimal() and len(index) < _MAX_DIGITS and run_directory.is_name(name):
            found[int(index)] = RunDirectory(runs / name)
    return found


def _by_their_notes(name: str) -> dict[int, RunDirectory]:
    found: dict[int, RunDirectory] = {}
    for directory in registry.directories():
        note = (directory.read(run_directory.RECORD) or {}).get(NOTE)
        if note and note["name"] == name:
            found.setdefault(note["index"], directory)
    return found


def find(name: str = "") -> SweepDirectory:
    """Return a sweep by its name; the latest without one.

    Raises
    ------
    RunNotFoundError
        There is no sweep with this name, or none at all.
    """
    names = [each for each in _names() if (_sweeps() / each / _CONTENT).exists()]
    if name in names or (not name and names):
        return SweepDirectory(_sweeps() / (name or max(names)))
    raise RunNotFoundError(f"no sweep {name!r} in {_sweeps()}" if name else "no sweep yet")


def _sweeps() -> Path:
    return registry.folder("sweeps")
