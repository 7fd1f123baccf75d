"""The origin run of a resumed run, and the parameters taken from it."""

from __future__ import annotations

from typing import Any

from nbrunner.engine import client, log_format
from nbrunner.engine.progress import ProgressTracker
from nbrunner.errors import NbrunnerError, StateError
from nbrunner.logs.reader import open_log
from nbrunner.record import registry, run_directory
from nbrunner.record.run_directory import RunDirectory
from nbrunner.record.schema import Record, flow_of

# Metaflow prints the origin run near the top of its output, before it clones any task.
_HEAD_BYTES = 64 * 1024


class ResumedRun:
    """Origin and parameters of a resumed run, read on demand.

    Parameters
    ----------
    directory : RunDirectory
        Directory of the resumed run.
    record : dict
        Its record.
    """

    def __init__(self, directory: RunDirectory, record: Record) -> None:
        self._directory = directory
        self._record = record
        self._origin = ""
        self._parameters: dict[str, Any] | None = None

    @property
    def origin(self) -> str:
        """Pathspec of the origin run; empty if there is none or it is not known yet."""
        if not self._origin:
            self._origin = origin_of(self._directory, self._record)
        return self._origin

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the origin run."""
        if self._parameters is None and self.origin:
            self._parameters = parameters_of_run(self.origin)
        return self._parameters or {}


def origin_of(directory: RunDirectory, record: Record) -> str:
    """Return the pathspec of a run's origin run; empty if there is none.

    Without ``origin_run_id`` Metaflow resumes the latest run, and the origin is unknown until
    the log names it.
    """
    if record.get("subcommand") != "resume":
        return ""
    flow, given = flow_of(record)["name"], record.get("arguments", {})
    if flow and given.get("origin_run_id"):
        return f"{flow}/{given['origin_run_id']}"
    tracker = ProgressTracker()
    try:
        with open_log(directory.log("stdout")) as log:
            head = log.read(_HEAD_BYTES)
    except (OSError, StateError):  # deleted, or no log: `RunDirectory.damage` reports it
        return ""
    for line in head.split(b"\n")[:-1]:
        if log_format.CLONING_BEGINS.encode() in line:
            tracker.feed(line.decode("utf-8", "replace"))
    return tracker.snapshot().cloned_from


def parameters_of_run(pathspec: str) -> dict[str, Any]:
    """Return the parameters of a run, including those taken from its origin runs.

    Options are left out. If nbrunner has no record of a run, Metaflow's stored values are used.
    """
    found: dict[str, Any] = {}
    seen: set[str] = set()
    while pathspec and pathspec not in seen:
        seen.add(pathspec)
        try:
            directory = registry.find(pathspec)
        except NbrunnerError:
            return {**_stored(pathspec), **found}
        record = directory.read(run_directory.RECORD) or {}
        names = flow_of(record)["parameters"]
        if names is None:  # record of an older version, or damaged
            return {**_stored(pathspec), **found}
        given = record.get("arguments", {})
        found = {**{name: given[name] for name in names if name in given}, **found}
        pathspec = origin_of(directory, record)
    return found


def _stored(pathspec: str) -> dict[str, Any]:
    run = client.if_reachable(lambda: client.stored_run(pathspec))
    return run.parameters if run else {}
