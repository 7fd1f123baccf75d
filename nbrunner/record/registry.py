"""The state directory and its run directories: creating, listing and finding them."""

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
from dataclasses import dataclass
from pathlib import Path

import platformdirs  # at module level: the import takes milliseconds, which an event loop lacks

from nbrunner.errors import BadValueError, RunNotFoundError, StateError, shown
from nbrunner.record import private, run_directory, run_index
from nbrunner.record.run_directory import RunDirectory

STATE_VARIABLE = "NBRUNNER_STATE_DIR"

_MAX_NAME_BYTES = 255


def state_directory() -> Path:
    """Return the folder for all of nbrunner's files; create it if it does not exist.

    ``$NBRUNNER_STATE_DIR``, else the platform's folder for the user's state, else (if home is
    read-only) a private folder in the folder of temporary files. A relative path is resolved
    once, against the current directory of the first call.

    Raises
    ------
    StateError
        None of them can be created for this user alone, or the chosen one is open to others.
    """
    chosen = os.environ.get(STATE_VARIABLE)
    if chosen:
        return _private(_absolute(os.path.expanduser(chosen)), may_be_link=True)
    usual = _absolute(platformdirs.user_state_dir("nbrunner"))
    try:
        return _private(usual, may_be_link=True)
    except StateError:
        if _is_open_to_others(usual):  # it may hold records, which must not seem to be lost
            raise
        return _private(_among_temporary_files())


def folder(name: str) -> Path:
    """Return a folder of the state directory; create it if it does not exist.

    Raises
    ------
    StateError
        It cannot be created, or other users may have written to it.
    """
    return _private(state_directory() / name)


@functools.cache
def _absolute(folder: str) -> Path:
    """Return the absolute path of a folder; cached, so that ``os.chdir`` does not change it."""
    try:
        return Path(folder).absolute()
    except OSError as error:
        raise StateError(
            f"the state directory {folder!r} is relative, and the current directory is gone: "
            f"{error}; set ${STATE_VARIABLE} to an absolute path"
        ) from error


def _among_temporary_files() -> Path:
    """Return a folder in the folder of temporary files; another user may have made it first."""
    return Path(tempfile.gettempdir()) / f"nbrunner-{os.getuid()}"


def _is_open_to_others(path: Path) -> bool:
    try:
        facts = path.stat()
    except OSError:
        return False
    return facts.st_uid == os.geteuid() and bool(facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


# The entries that nbrunner makes in the state directory.
_OURS = frozenset({"runs", "sweeps", "flows", "descriptions", "zygote.log"})


def _holds_more_than_ours(path: Path) -> bool:
    """Return whether a state directory is also used for something else.

    True for a home folder, a folder of temporary files, their parents, and a folder with other
    entries.
    """
    try:
        if path.stat().st_mode & stat.S_ISVTX:
            return True
        real = path.resolve()
        for each in (Path.home().resolve(), Path(tempfile.gettempdir()).resolve()):
            if real == each or real in each.parents:
                return True
        return not _OURS.issuperset(os.listdir(path))
    except (OSError, RuntimeError):  # for example, the home folder is unknown
        return True


def _private(path: Path, may_be_link: bool = False) -> Path:
    """Return a folder that this user alone can write; create it if it does not exist."""
    try:
        if not (may_be_link and path.is_dir()):
            private.make_folder(path)
        private.check_folder(path, may_be_link)
    except private.NotPrivateError as error:
        wrong = f"{path} is not a folder that only this user can write: it"
        # Do not advise to change a folder that has other uses.
        if may_be_link and path.is_dir() and _holds_more_than_ours(path):
            raise StateError(
                f"{wrong} {error.what}; set ${STATE_VARIABLE} to a folder of its own, such as "
                f"{path / 'nbrunner'}"
            ) from error
        if error.moves and os.environ.get(STATE_VARIABLE):  # the path may be another user's
            usual = platformdirs.user_state_dir("nbrunner")
            raise StateError(
                f"{wrong} {error.what}; set ${STATE_VARIABLE} to another folder, or unset it for "
                f"{usual}"
            ) from error
        raise StateError(
            f"{wrong} {error.strerror}; or set ${STATE_VARIABLE} to a folder of your own"
        ) from error
    except OSError as error:
        raise StateError(
            f"{path} cannot be used for run records: {error}; "
            f"set ${STATE_VARIABLE} to a writable folder"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise StateError(f"{path} cannot be written; set ${STATE_VARIABLE} to a writable folder")
    return path


def runs_directory() -> Path:
    """Return the folder that holds one directory per run."""
    return folder("runs")


def new_name() -> str:
    """Return a unique name that sorts after all earlier ones."""
    now = time.time_ns()
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now // 10**9))
    return f"{moment}-{now % 10**9 // 1000:06}-{secrets.token_hex(4)}"


def began(name: str) -> float:
    """Return the creation time in the name of a record (Unix seconds); 0 if it has none."""
    try:
        day, moment, microseconds, _ = name.split("-")
        return (
            calendar.timegm(time.strptime(day + moment, "%Y%m%d%H%M%S")) + int(microseconds) / 1e6
        )
    except ValueError:
        return 0.0


def create() -> RunDirectory:
    """Create and return the directory of a new run, with empty logs.

    Raises
    ------
    StateError
        It cannot be created.
    """
    runs = runs_directory()
    directory = RunDirectory(runs / new_name())
    try:
        private.make_folder(directory.path)
        for stream in run_directory.STREAMS:
            private.write_new(directory.log(stream), b"")
    except OSError as error:
        with contextlib.suppress(OSError):
            directory.delete()
        raise StateError(f"cannot record a run in {runs}: {error}") from error
    return directory


def directories() -> Iterator[RunDirectory]:
    """Yield the directories of all recorded runs, the newest first."""
    runs = runs_directory()
    for name in sorted(_names(runs), reverse=True):
        if _is_record(runs / name):
            yield RunDirectory(runs / name)


def _names(runs: Path) -> Iterator[str]:
    return (name for name in os.listdir(runs) if not name.startswith("."))


def _is_record(path: Path) -> bool:
    return os.path.exists(path / run_directory.RECORD) and _is_ours(path)


def _is_ours(path: Path) -> bool:
    try:
        private.check_folder(path)
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Listing:
    """All records, by the index of ended runs.

    Attributes
    ----------
    ended : dict of str to (str, str)
        Name of the record -> flow and run id; both empty for a run that never had an id.
    others : list of RunDirectory
        Records of runs that may be running or lost, and unreadable records; the newest first.
    starting : list of RunDirectory
        Directories without a record: their runs are about to start, or their start failed.
    """

    ended: dict[str, run_index.Names]
    others: list[RunDirectory]
    starting: list[RunDirectory]


def listing() -> Listing:
    """Return all records; only those missing in the index are read, and then added to it."""
    runs = runs_directory()
    names = set(_names(runs))
    ended = {name: of for name, of in run_index.read(runs).items() if name in names}
    found, others, starting = {}, [], []
    for name in sorted(names - ended.keys(), reverse=True):
        directory = RunDirectory(runs / name)
        if not directory.exists():
            if run_directory.is_name(name):
                starting.append(directory)
            continue
        of = run_index.names_of(directory) if _is_ours(directory.path) else None
        if of is None:
            others.append(directory)
        else:
            found[name] = of
    run_index.add(runs, found)
    return Listing(ended | found, others, starting)


def unended() -> list[RunDirectory]:
    """Return the records of runs that may be running, the newest first."""
    return [each for each in listing().others if _is_ours(each.path)]


def unended_and_starting() -> list[RunDirectory]:
    """Return the directories of runs about to start, then those that `unended` returns."""
    known = listing()
    return [each for each in (*known.starting, *known.others) if _is_ours(each.path)]


def unreadable() -> list[str]:
    """Return the path and the fault of each unreadable record of a run without a known end."""
    return [damage for each in listing().others if (damage := each.damage())]


def of_flow(flow_name: str) -> Iterator[RunDirectory]:
    """Yield the records that may belong to runs of a flow, the newest first.

    These include runs without an id, whose flow the index does not hold.
    """
    known = listing()
    of = {name: flow for name, (flow, _) in known.ended.items()}
    for each in known.others:
        if _is_ours(each.path):
            attributes = each.read(run_directory.ATTRIBUTES)
            of[each.name] = attributes["flow_name"] if attributes else ""
    runs = runs_directory()
    for name in sorted(of, reverse=True):
        if of[name] in ("", flow_name):
            yield RunDirectory(runs / name)


def find(run: str) -> RunDirectory:
    """Return the directory of a run.

    Parameters
    ----------
    run : str
        A pathspec (``"Flow/1234"``), a run id (``"1234"``), or the name of the directory.

    Raises
    ------
    BadValueError
        `run` is not a text, or is empty.
    RunNotFoundError
        nbrunner did not start such a run with this state directory, or its record has expired.
    """
    if not isinstance(run, str) or not run:
        raise BadValueError(f"expected a pathspec, such as 'Flow/1234', got {shown(run)}")
    runs = runs_directory()
    if _is_file_name(run) and _is_record(runs / run):
        return RunDirectory(runs / run)
    flow_name, _, run_id = run.rpartition("/")
    known = listing()
    candidates = [
        RunDirectory(runs / name)
        for name, (flow, of) in known.ended.items()
        if of == run_id and flow_name in ("", flow)
    ]
    candidates += [each for each in known.others if _is_ours(each.path)]
    for directory in sorted(candidates, key=lambda each: each.name, reverse=True):
        attributes = directory.read(run_directory.ATTRIBUTES) if directory.exists() else None
        if (
            attributes
            and str(attributes["run_id"]) == run_id
            and flow_name in ("", attributes["flow_name"])
        ):
            return directory
    raise RunNotFoundError(
        f"no record of a run {shown(run)} in {runs}: nbrunner did not start it here, or "
        f"its record has expired; metaflow.Run({shown(run)}) still has its results"
    )


def _is_file_name(text: str) -> bool:
    """Return whether a text is a valid name of a folder that is not hidden."""
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return not set(text) & {"/", "\0"} and text[0] != "." and len(encoded) <= _MAX_NAME_BYTES
