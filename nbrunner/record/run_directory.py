"""The directory of one run: its files, how they are written, what they say.

::

    record.json       what was asked: command, flow, parameters, cwd, when    (launcher)
    start.json        whether it was started warm or cold, and why; its       (launcher)
                      supervisor, which supervisor.json names too
    preloaded.json    modules that were preloaded, and why                    (supervisor)
    not_preloaded.json  modules that were to be preloaded, and why not        (supervisor)
    supervisor.json   pid and identity of supervisor and run process          (supervisor)
    attributes.json   flow_name, run_id, metadata                             (Metaflow)
                      of a spin from its log, until Metaflow writes them      (any reader)
    stdout.log        written by the run process itself                       (run process)
    stderr.log
    task-starts       of each task whether it was forked, else why not        (warm run process)
    open.json         lines that tasks have not ended: progress bars          (run process)
    stop.json         a request to end the run, and with which grace          (anyone)
    stopping.json     which signals a stop has needed so far                  (supervisor)
    shared-id         Metaflow gave another run the same id                   (whoever saw it)
    discard           a request to delete the directory once the run is over  (anyone)
    exit.json         return code, when, how it was stopped                   (supervisor)

Every JSON file but Metaflow's own appears whole or not at all; `nbrunner.record.schema` says
what each holds. All are this user's alone: see `nbrunner.record.private`. The supervisor uses
this module in a bare interpreter, so it imports the standard library alone.
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

# What is written when the run goes on already, and its output may have filled the disk.
RESERVED = (START, SUPERVISOR, EXIT)

# What the list of runs, a stop or a form depends on.
_NEEDED = (RECORD, SUPERVISOR, ATTRIBUTES, EXIT)

Stream = Literal["stdout", "stderr"]
STREAMS: tuple[str, ...] = get_args(Stream)

# As `nbrunner.record.registry.new_name` makes them.
_NAME = re.compile(r"\d{8}-\d{6}-\d{6}-[0-9a-f]{8}")


def is_name(text: str) -> bool:
    """Return whether a text is the name of a record."""
    return _NAME.fullmatch(text) is not None


def is_record(path: Path, content: str, others: Collection[str]) -> bool:
    """Tell whether a folder is a record of ours, or what is left of one.

    The state directory may be a folder in which somebody else keeps ``runs`` of his own.

    Parameters
    ----------
    path : Path
    content : str
        The file that says what the record is.
    others : collection of str
        What else may be left where that file was not written yet, or is deleted already.
    """
    if not is_name(path.name):
        return False
    try:
        private.check_folder(path)
        # A hidden file is one of ours that is being written.
        names = {name for name in os.listdir(path) if not name.startswith(".")}
    except OSError:
        return False
    return content in names or names <= set(others)


class RunDirectory:
    """Reads and writes the files of one run.

    Parameters
    ----------
    path : path-like
        The directory. It need not exist: everything then reads as absent.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        #: Why files could not be used when they were last read, by their names.
        self.damaged: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    @property
    def name(self) -> str:
        return self.path.name

    def log(self, stream: str) -> Path:
        """Return the path of the log that holds ``"stdout"`` or ``"stderr"``."""
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
        """Return the content of a JSON file; None while it is not there, or is damaged.

        What is returned is of the types that `nbrunner.record.schema` names. Why a file could
        not be used is noted in `damaged`.
        """
        try:
            content = schema.parse(name, private.read_bytes(self.path / name))
        except (FileNotFoundError, NotADirectoryError):
            self.damaged.pop(name, None)
            return None
        except (OSError, schema.DamagedError) as error:
            # Metaflow writes its file in place: half of it is "not there" while the run goes on.
            if name != ATTRIBUTES or self.exists(EXIT):
                why = error.strerror if isinstance(error, OSError) else error
                self.damaged[name] = f"{self.path / name}: {why}"
            return None
        self.damaged.pop(name, None)
        return content

    def damage(self) -> str:
        """Return the path of a file that cannot be used and why; empty where all can."""
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
        """Write a JSON file so that no reader ever sees a part of it."""
        # Several threads may ask for the same thing, a stop say, at once.
        temporary = self.path / f".{name}.{os.getpid()}.{threading.get_ident()}"
        private.replace(self.path / name, temporary, json.dumps(content, indent=1).encode())

    def exists(self, name: str = RECORD) -> bool:
        return os.path.exists(self.path / name)

    def touched(self) -> float:
        """Return when something last appeared in the directory, in seconds since the epoch.

        The next best where the record that tells more is damaged; 0 without a directory.
        """
        try:
            return self.path.stat().st_mtime
        except OSError:
            return 0.0

    def mark(self, name: str) -> None:
        """Leave an empty marker file."""
        private.touch(self.path / name)

    def on_full_disk(self) -> bool:
        """Tell whether there is no room, or quota, for another block: then logs end early."""
        probe = self.path / f".probe.{os.getpid()}"
        try:
            private.write_new(probe, b" " * 4096)
        except OSError as error:
            return error.errno in (errno.ENOSPC, errno.EDQUOT)
        finally:
            with contextlib.suppress(OSError):  # it was not made, or the directory is deleted
                probe.unlink()
        return False

    def delete(self) -> None:
        """Delete the directory and all in it; what is already gone is fine."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.path)


class HeldFile:
    """Reads a reserved file, also once its directory has been deleted."""

    def __init__(self, directory: RunDirectory, name: str) -> None:
        self._name = name
        descriptor = private.open_file(directory.path / _reserved(name), os.O_RDONLY)
        weakref.finalize(self, os.close, descriptor)
        self._descriptor = descriptor

    def read(self) -> Json | None:
        """Return what was published, None before."""
        try:
            return schema.parse(self._name, os.pread(self._descriptor, 1 << 20, 0))
        except schema.DamagedError:
            return None


def _reserved(name: str) -> str:
    return f".{name}.reserved"


class ReservedFile:
    """A small file whose disk space is taken in advance.

    The exit record must be written when the run's own output has filled the disk. Whoever
    starts a run reserves its files; made again, by the supervisor say, it is the same file.

    Raises
    ------
    OSError
        There is no room for it.
    """

    def __init__(self, directory: RunDirectory, name: str, size_bytes: int = 4096) -> None:
        self._temporary = directory.path / _reserved(name)
        self._final = directory.path / name
        # Not written once more: that would give its space away first.
        if not self._temporary.is_file() or self._temporary.stat().st_size < size_bytes:
            private.replace(self._temporary, self._temporary, b" " * size_bytes)

    def publish(self, content: Json) -> None:
        """Put the content in place; the rest of the reserved space stays blank."""
        data = json.dumps(content, indent=1).encode()
        with open(private.open_file(self._temporary, os.O_RDWR), "r+b") as file:
            # Padded to the full size: two processes may publish concurrently.
            file.write(data.ljust(os.fstat(file.fileno()).st_size))
        self._temporary.replace(self._final)
