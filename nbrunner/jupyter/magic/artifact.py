"""``%flowshow``: the path of an artifact -> its value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbrunner.engine import client
from nbrunner.engine.client import if_reachable
from nbrunner.errors import BadValueError, some_of
from nbrunner.flow.steps.words import one_of
from nbrunner.handles import ExecutingProcess, ExecutingTask

if TYPE_CHECKING:
    from metaflow import Task

_MAX_TASKS = 500


@dataclass(frozen=True)
class ArtifactPath:
    """An artifact of a task.

    Attributes
    ----------
    run : str
        Pathspec of the run; empty for the latest one.
    step : str
        Name of the step.
    task : str
        Id of the task; empty for the first one.
    artifact : str
        Name of the artifact.
    """

    run: str
    step: str
    task: str
    artifact: str


def artifact_path(text: str) -> ArtifactPath:
    """Return the parts of ``step.artifact``, ``step/task.artifact`` or ``Flow/run/step[/task]...``.

    Raises
    ------
    BadValueError
        The text has another form.
    """
    place, dot, artifact = text.rpartition(".")
    parts = place.split("/")
    if not dot or not artifact.isidentifier() or not all(parts) or len(parts) > 4:
        raise BadValueError(
            "%flowshow: expected STEP.ARTIFACT, STEP/TASK.ARTIFACT or FLOW/RUN/STEP/TASK.ARTIFACT; "
            f"got {text!r}"
        )
    run = "/".join(parts[:2]) if len(parts) > 2 else ""
    step, task = [*(parts[2:] if run else parts), ""][:2]
    return ArtifactPath(run, step, task, artifact)


def value_at(path: ArtifactPath, latest: ExecutingProcess | None) -> Any:
    """Load an artifact.

    Parameters
    ----------
    latest : ExecutingProcess or None
        The run of a path without one.

    Raises
    ------
    BadValueError
        There is no such run, step, task or artifact.
    """
    if not path.run and isinstance(latest, ExecutingTask):
        return _value_of(latest.task, path)
    pathspec, metadata = _run_of(path, latest)
    run = if_reachable(lambda: client.run_of(pathspec, metadata))
    if run is None:
        raise BadValueError(f"%flowshow: there is no run {pathspec!r} in this datastore")
    steps = [each.id for each in run]
    if path.step not in steps:
        raise BadValueError(f"%flowshow: {one_of(path.step, steps[::-1], f'step of {pathspec}')}")
    ids = client.task_ids(run, path.step, _MAX_TASKS)
    task_id = path.task or (ids or [""])[0]
    if task_id not in ids:
        raise BadValueError(
            f"%flowshow: step {path.step} has no task {path.task!r}; tasks are {some_of(ids)}"
        )
    return _value_of(client.task_of(f"{pathspec}/{path.step}/{task_id}", metadata), path)


def _value_of(task: Task, path: ArtifactPath) -> Any:
    names = [each.name for each in client.artifacts_of(task) or ()]
    if path.artifact not in names:
        what = f"artifact of {path.step}/{task.id}"
        raise BadValueError(f"%flowshow: {one_of(path.artifact, names, what)}")
    return task[path.artifact].data


def _run_of(path: ArtifactPath, latest: ExecutingProcess | None) -> tuple[str, str | None]:
    """Return the pathspec of a run and its metadata provider, if known."""
    if path.run:
        return path.run, None
    if latest is None or latest.pathspec is None:
        raise BadValueError("%flowshow: no run yet; start one, or write FLOW/RUN/STEP.ARTIFACT")
    return "/".join(latest.pathspec.split("/")[:2]), latest.attributes.get("metadata")


def artifact_names(latest: ExecutingProcess, symbol: str) -> Iterator[tuple[str, str]]:
    """Yield completions of a path in the latest run: steps, then the artifacts of a step."""
    place, dot, _ = symbol.rpartition(".")
    if not dot:
        yield from ((f"{name}.", "step") for name in latest.progress.steps)
        return
    path = artifact_path(f"{place}.x")
    pathspec, metadata = _run_of(path, latest)
    task_id = path.task or client.task_ids(client.run_of(pathspec, metadata), path.step, 1)[0]
    task = client.task_of(f"{pathspec}/{path.step}/{task_id}", metadata)
    for each in client.artifacts_of(task) or ():
        yield f"{place}.{each.name}", each.type
