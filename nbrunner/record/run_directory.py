"""The directory of one run: its files, who writes them, and how.

::

    record.json       command, flow, parameters, cwd and time of the start    (launcher)
    start.json        whether it was started warm or cold, and why; its       (launcher)
                      supervisor, which supervisor.json names too
    preloaded.json    modules that were preloaded, and why                    (supervisor)
    not_preloaded.json  modules that were not preloaded, and why              (supervisor)
    supervisor.json   pid and identity of supervisor and run process          (supervisor)
    attributes.json   flow_name, run_id, metadata                             (Metaflow)
                      of a spin from its log, until Metaflow writes them      (any reader)
    stdout.log        output of the run process                               (run process)
    stderr.log
    task-starts       for each task: forked, or started cold and why          (warm run process)
    open.json         unfinished lines of tasks: progress bars                (run process)
    stop.json         a request to stop the run, with grace periods           (any process)
    stopping.json     signals that a stop has sent so far                     (supervisor)
    shared-id         Metaflow gave another run the same id                   (any process)
    discard           a request to delete the directory after the run's end   (any process)
    exit.json         exit code, time of the end, how it was stopped          (supervisor)

Every JSON file except Metaflow's is written atomically; `nbrunner.record.schema` has the content
of each. All are readable by this user alone: see `nbrunner.record.private`. The supervisor imports
this module in a bare interpreter, so it uses the standard library alone.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import threading
import weakref
from collections.abc import Collection
from pathlib import Path
from typing import Final, Literal, get_args, overload

from nbrunner.record import private, schema
from nbrunner.record.schema import Json as Json

RECORD: Final = "record.json"
START: Final = "start.json"
PRELOADED: Final = "preloaded.json"
NOT_PRELOADED: Final = "not_preloaded.json"
SUPERVISOR: Final = "supervisor.json"
ATTRIBUTES: Final = "attributes.json"
TASK_STARTS = "task-starts"
OPEN_LINES: Final = "open.json"
STOP: Final = "stop.json"
DISCARD = "discard"
SHARED_ID = "shared-id"
STOPPING: Final = "stopping.json"
EXIT: Final = "exit.json"

# Files written when the run is already active, and its output may have filled the disk.
RESERVED = (START, SUPERVISOR, EXIT)

# Files that the list of runs, a stop and a launch form depend on.
_NEEDED = (RECORD, SUPERVISOR, ATTRIBUTES, EXIT)

Stream = Literal["stdout", "stderr"]
STREAMS: tuple[str, ...] = get_args(Stream)

# A name that `nbrunner.record.registry.new_name` returns.
_NAME = re.compile(r"\d{8}-\d{6}-\d{6}-[0-9a-f]{8}")


def is_name(text: str) -> bool:
    """Return whether a text is the name of a record."""
    return _NAME.fullmatch(text) is not None


def is_record(path: Path, content: str, others: Collection[str]) -> bool:
    """Return whether a folder is a record of nbrunner, complete or not.

    The state directory may be a folder in which another program keeps ``runs``.

    Parameters
    ----------
    path : Path
        The folder.
    content : str
        The name of the file that every complete record has.
    others : collection of str
        The names of the other files of a record: without that file, a folder that holds no
        others is a record whose file is not written yet or was deleted.
    """
    if not is_name(path.name):
        return False
    try:
        private.check_folder(path)
        # A hidden file is a temporary or reserved one of nbrunner.
        names = {name for name in os.listdir(path) if not name.startswith(".")}
    except OSError:
        return False
    return content in names or names <= set(others)


class RunDirectory:
    """Reads and writes the files of one run.

    Parameters
    ----------
    path : path-like
        The directory. If it does not exist, all files read as missing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        #: Name of a file -> why it could not be used when it was last read.
        self.damaged: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    @property
    def name(self) -> str:
        """The name of the record."""
        return self.path.name

    def log(self, stream: str) -> Path:
        """Return the path of the log of ``"stdout"`` or ``"stderr"``."""
        return self.path / f"{stream}.log"

    @overload
    def read(self, name: Literal["record.json"]) -> schema.Record | None: ...

    @overload
    def read(self, name: Literal["start.json"]) -> schema.Start | None: ...

    @overload
    def read(self, name: Literal["supervisor.json"]) -> schema.Supervisor | None: ...

    @overload
    def read(self, name: Literal["attributes.json"]) -> schema.Attributes | None: ...

    @overload
    def read(self, name: Literal["open.json"]) -> schema.OpenLines | None: ...

    @overload
    def read(self, name: Literal["stop.json"]) -> schema.Stop | None: ...

    @overload
    def read(self, name: Literal["stopping.json"]) -> schema.Stopping | None: ...

    @overload
    def read(self, name: Literal["exit.json"]) -> schema.Exit | None: ...

    @overload
    def read(self, name: Literal["sweep.json"]) -> schema.Sweep | None: ...

    @overload
    def read(
        self, name: Literal["preloaded.json", "not_preloaded.json"]
    ) -> dict[str, str] | None: ...

    @overload
    def read(self, name: str) -> Json | None: ...

    def read(self, name: str) -> Json | None:
        """Return the content of a JSON file; None if it is missing or damaged.

        The content has the types that `nbrunner.record.schema` defines. `damaged` holds the
        reason if the file cannot be used.
        """
        try:
            content = schema.parse(name, private.read_bytes(self.path / name))
        except (FileNotFoundError, NotADirectoryError):
            self.damaged.pop(name, None)
            return None
        except (OSError, schema.DamagedError) as error:
            # Metaflow writes its file in place: while the run is active, a half-written file
            # counts as missing.
            if name != ATTRIBUTES or self.exists(EXIT):
                why = error.strerror if isinstance(error, OSError) else error
                self.damaged[name] = f"{self.path / name}: {why}"
            return None
        self.damaged.pop(name, None)
        return content

    def damage(self) -> str:
        """Return the path of a file that cannot be used, and why; empty if all can."""
        try:
            private.check_folder(self.path)
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"{self.path}: {error.strerror}"
        for name in _NEEDED:
            self.read(name)
        found = next((self.damaged[name] for name in _NEEDED if name in self.damaged), "")
        return found or next(filter(None, map(self._damage_of_log, STREAMS)), "")

    def _damage_of_log(self, stream: str) -> str:
        try:
            private.check_file(self.log(stream))
        except OSError as error:
            return f"{self.log(stream)}: {error.strerror}"
        return ""

    def write(self, name: str, content: Json) -> None:
        """Write a JSON file atomically."""
        # Several threads may write the same file at once, for example to request a stop.
        temporary = self.path / f".{name}.{os.getpid()}.{threading.get_ident()}"
        private.replace(self.path / name, temporary, json.dumps(content, indent=1).encode())

    def exists(self, name: str = RECORD) -> bool:
        """Return whether a file of the directory exists."""
        return os.path.exists(self.path / name)

    def touched(self) -> float:
        """Return the time of the directory's last change (Unix seconds); 0 if it does not exist.

        It replaces the time of the start if the record is damaged.
        """
        try:
            return self.path.stat().st_mtime
        except OSError:
            return 0.0

    def mark(self, name: str) -> None:
        """Create an empty marker file."""
        private.touch(self.path / name)

    def on_full_disk(self) -> bool:
        """Return whether the disk or the quota is exhausted, so that logs may be incomplete."""
        probe = self.path / f".probe.{os.getpid()}"
        try:
            private.write_new(probe, b" " * 4096)
        except OSError as error:
            return error.errno in (errno.ENOSPC, errno.EDQUOT)
        finally:
            with contextlib.suppress(OSError):  # it was not made, or the directory was deleted
                probe.unlink()
        return False

    def delete(self) -> None:
        """Delete the directory and its files; do nothing if they do not exist."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.path)


class HeldFile:
    """Reads a reserved file, even after its directory has been deleted."""

    def __init__(self, directory: RunDirectory, name: str) -> None:
        self._name = name
        descriptor = private.open_file(directory.path / _reserved(name), os.O_RDONLY)
        weakref.finalize(self, os.close, descriptor)
        self._descriptor = descriptor

    def read(self) -> Json | None:
        """Return the published content; None before it is published."""
        try:
            return schema.parse(self._name, os.pread(self._descriptor, 1 << 20, 0))
        except schema.DamagedError:
            return None


def _reserved(name: str) -> str:
    return f".{name}.reserved"


class ReservedFile:
    """A small file whose disk space is allocated in advance.

    The exit record must be written even if the output of the run has filled the disk. The process
    that starts a run reserves its files; a second `ReservedFile` of that name, for example in
    the supervisor, uses the same space.

    Raises
    ------
    OSError
        There is no space for it.
    """

    def __init__(self, directory: RunDirectory, name: str, size_bytes: int = 4096) -> None:
        self._temporary = directory.path / _reserved(name)
        self._final = directory.path / name
        # An existing one is not rewritten: that would free its space first.
        if not self._temporary.is_file() or self._temporary.stat().st_size < size_bytes:
            private.replace(self._temporary, self._temporary, b" " * size_bytes)

    def publish(self, content: Json) -> None:
        """Write the content and rename the file to its final name.

        The rest of the reserved space is filled with blanks.
        """
        data = json.dumps(content, indent=1).encode()
        with open(private.open_file(self._temporary, os.O_RDWR), "r+b") as file:
            # Padded to the full size: two processes may publish concurrently.
            file.write(data.ljust(os.fstat(file.fileno()).st_size))
        self._temporary.replace(self._final)
