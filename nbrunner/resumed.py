"""What a resumed run takes over from its origin, the run that it resumes."""

from __future__ import annotations

from typing import Any

from nbrunner.engine import client
from nbrunner.engine.progress import ProgressTracker
from nbrunner.errors import NbrunnerError
from nbrunner.record import registry, run_directory
from nbrunner.record.run_directory import Json, RunDirectory

# Metaflow names the origin right behind its greeting, before it clones anything.
_HEAD_BYTES = 64 * 1024


class ResumedRun:
    """What a run takes over, read once it is known.

    Parameters
    ----------
    directory : RunDirectory
    record : dict
        What was written down when the run was started.
    """

    def __init__(self, directory: RunDirectory, record: Json) -> None:
        self._directory = directory
        self._record = record
        self._origin = ""
        self._parameters: dict[str, Any] | None = None

    @property
    def origin(self) -> str:
        """Pathspec of the origin; empty if the run resumes none, or it is not known yet."""
        if not self._origin:
            self._origin = origin_of(self._directory, self._record)
        return self._origin

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the origin."""
        if self._parameters is None and self.origin:
            self._parameters = parameters_of_run(self.origin)
        return self._parameters or {}


def origin_of(directory: RunDirectory, record: Json) -> str:
    """Return the pathspec of the run that a run resumes; empty if it resumes none.

    Without an ``origin_run_id`` Metaflow chooses the latest run; until its log tells which, the
    origin is not known.
    """
    if record.get("subcommand") != "resume":
        return ""
    flow, given = record.get("flow", {}).get("name"), record.get("arguments", {})
    if flow and given.get("origin_run_id"):
        return f"{flow}/{given['origin_run_id']}"
    tracker = ProgressTracker()
    try:
        with open(directory.log("stdout"), "rb") as log:
            head = log.read(_HEAD_BYTES)
    except FileNotFoundError:
        return ""
    for line in head.split(b"\n")[:-1]:
        if b"Cloning " in line:
            tracker.feed(line.decode("utf-8", "replace"))
    return tracker.snapshot().cloned_from


def parameters_of_run(pathspec: str) -> dict[str, Any]:
    """Return the parameters of a run, its options left out, and those of its own origin.

    Where nbrunner has no record of the run, they are what Metaflow has stored.
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
        names = record.get("flow", {}).get("parameters")
        if names is None:  # written by an older version, or damaged
            return {**_stored(pathspec), **found}
        given = record.get("arguments", {})
        found = {**{name: given[name] for name in names if name in given}, **found}
        pathspec = origin_of(directory, record)
    return found


def _stored(pathspec: str) -> dict[str, Any]:
    run = client.if_reachable(lambda: client.stored_run(pathspec))
    return run.parameters if run else {}
