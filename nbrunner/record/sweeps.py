"""What a sweep leaves on disk: its parameter sets, and who starts its runs.

::

    sweeps/<id>/sweep.json    flow, parameter sets, how many at once      (who began it)
    sweeps/<id>/lock          held by the process that starts its runs
    sweeps/<id>/stop          a request to start no more of them

Each run's own record names its sweep and its place in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from nbrunner.errors import RunNotFoundError, StateError
from nbrunner.record import registry, rundir
from nbrunner.record.rundir import Json, RunDirectory

_CONTENT = "sweep.json"
_LOCK = "lock"
_STOP = "stop"
NOTE = "sweep"


class SweepDirectory:
    """The files of one sweep."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content: Json = json.loads((path / _CONTENT).read_text(encoding="utf-8"))

    @property
    def name(self) -> str:
        return self.path.name

    def note(self, index: int) -> Json:
        """Return what goes into the record of a run."""
        return {NOTE: {"name": self.name, "index": index}}

    def runs(self) -> dict[int, RunDirectory]:
        """Return the runs that have been started, by their place in the sweep."""
        found = {}
        for directory in registry.directories():
            note = (directory.read(rundir.RECORD) or {}).get(NOTE) or {}
            if note.get("name") == self.name:
                found[int(note["index"])] = directory
        return found

    def ask_to_stop(self) -> None:
        (self.path / _STOP).touch()

    @property
    def is_stopped(self) -> bool:
        return (self.path / _STOP).exists()

    @contextlib.contextmanager
    def starting(self) -> Iterator[bool]:
        """Be the one who starts runs; gives False where another process is that already."""
        with open(self.path / _LOCK, "wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def create(content: Json) -> SweepDirectory:
    """Write down a new sweep."""
    name = time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(4)
    path = _sweeps() / name
    try:
        path.mkdir(mode=0o700)
        rundir.RunDirectory(path).write(_CONTENT, content)
    except OSError as error:
        raise StateError(f"no sweep can be recorded in {path.parent}: {error}") from error
    return SweepDirectory(path)


def find(name: str = "") -> SweepDirectory:
    """Return a sweep by its name; the latest without one.

    Raises
    ------
    RunNotFoundError
    """
    names = [each for each in os.listdir(_sweeps()) if (_sweeps() / each / _CONTENT).exists()]
    if name in names or (not name and names):
        return SweepDirectory(_sweeps() / (name or max(names)))
    raise RunNotFoundError(f"no sweep {name!r} in {_sweeps()}" if name else "no sweep so far")


def _sweeps() -> Path:
    path = registry.state_directory() / "sweeps"
    path.mkdir(mode=0o700, exist_ok=True)
    return path
