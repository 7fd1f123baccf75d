"""The facts of one run that a comparison looks at, from its record and Metaflow's Client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from nbrunner.engine import client
from nbrunner.engine.stored_tasks import StoredTask, read_task, spans_of
from nbrunner.engine.timeline import TaskSpan, step_spans
from nbrunner.errors import BadTypeError, BadValueError, RunNotFoundError, shown
from nbrunner.handles import ExecutingProcess, ExecutingRun, attach
from nbrunner.history import PastRun, past_run
from nbrunner.record.schema import flow_of

if TYPE_CHECKING:
    from metaflow import Run, Step, Task

# Metaflow's system tags that describe where a run was executed.
_PLATFORM_TAGS = ("python_version", "metaflow_version", "runtime")
# A pickled artifact up to this size is loaded to show its value.
SMALL_BYTES = 4096


@dataclass(frozen=True)
class ArtifactFacts:
    """An artifact, identified without loading it.

    Attributes
    ----------
    sha : str
        Metaflow's hash of the pickled value.
    type : str
        Type of the value; empty if not recorded.
    size : int or None
        Size of the pickled value in bytes.
    task : metaflow.Task
        The last task of the run that has it.
    """

    sha: str
    type: str
    size: int | None
    task: Task

    def value(self, name: str) -> str | None:
        """Return the value as text, or None if it is large or cannot be loaded here."""
        if self.size is None or self.size > SMALL_BYTES:
            return None
        try:
            return repr(self.task[name].data)
        except Exception:  # unpickling executes the user's code, which may raise anything
            return None


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run.

    Attributes
    ----------
    run : PastRun
        Status, duration, tags and user.
    parameters : dict
        Parameters with small values, defaults included.
    platform : dict of str to str
        Versions of Python and Metaflow, where the run was executed, and its directory.
    steps : list of str
        The started steps, in the order of their start.
    seconds : dict of str to float
        Duration of each step that has ended.
    artifacts : dict of str to ArtifactFacts
        Artifacts by name, each from the last step that has it.
    code : dict of str to str
        Source texts by path, the flow file first; empty if unknown.
    flow_file : str
        Path of the flow file; empty if unknown, and for the flow of a cell.
    failure : str
        Why the run failed; empty if it did not, or the reason is unknown.
    """

    run: PastRun
    parameters: dict[str, Any]
    platform: dict[str, str]
    steps: list[str]
    seconds: dict[str, float]
    artifacts: dict[str, ArtifactFacts]
    code: dict[str, str] = field(default_factory=dict)
    flow_file: str = ""
    failure: str = ""


def facts_of(given: object) -> RunFacts:
    """Return the facts of a run.

    Parameters
    ----------
    given : str, ExecutingRun or metaflow.Run
        Pathspec of the run, the id of a run that nbrunner started, or a run.

    Raises
    ------
    RunNotFoundError
        There is no such run.
    BadValueError, BadTypeError
        The value does not name a run.
    """
    pathspec, handle = _named(given)
    record = handle.directory.name if handle else ""
    past = client.if_reachable(lambda: past_run(pathspec, record))
    if past is None:
        raise RunNotFoundError(
            f"{pathspec}: nbrunner has no record of this run, and Metaflow does not find it with "
            "the datastore and metadata provider of this process"
        )
    metadata = handle.attributes.get("metadata") if handle else None
    run = client.run_of(pathspec, metadata)
    flow = flow_of(handle.record) if handle else None
    steps = list(run)[::-1]
    return RunFacts(
        past,
        (handle and client.parameters_of(run)) or past.parameters,
        _platform(run, handle),
        [step.id for step in steps],
        _seconds(handle.timeline if handle else spans_of(_tasks(steps), 0.0)),
        _artifacts(steps),
        handle.code if handle else {},
        flow["file"] if flow and not flow["origins"] else "",
        str(handle.failure or "").partition("\n")[0] if handle else "",
    )


def _named(given: object) -> tuple[str, ExecutingProcess | None]:
    """Return the pathspec of a run, and its handle if nbrunner started it."""
    name = given if isinstance(given, str) else getattr(given, "pathspec", None)
    if not isinstance(name, str):
        raise BadTypeError(f"diff: expected the pathspec of a run, or a run; got {shown(given)}")
    if isinstance(given, ExecutingProcess):
        handle: ExecutingProcess | None = given
    else:
        try:
            handle = attach(name)
        except RunNotFoundError:
            if name.count("/") != 1:
                raise
            handle = None
    if handle is None:
        return name, None
    if not isinstance(handle, ExecutingRun):
        raise BadValueError(f"{name} is a task that was spun, not a run; compare runs")
    if handle.pathspec is None:
        raise BadValueError(f"{name} has no run id yet; compare it once it has started")
    return handle.pathspec, handle


def _platform(run: Run, handle: ExecutingProcess | None) -> dict[str, str]:
    tags = dict(tag.split(":", 1) for tag in run.system_tags if ":" in tag)
    found = {name.replace("_", " "): tags[name] for name in _PLATFORM_TAGS if name in tags}
    if handle and handle.record.get("cwd"):
        found["directory"] = str(handle.record["cwd"])
    return found


def _tasks(steps: Iterable[Step]) -> Iterator[StoredTask]:
    return (read_task(task) for step in steps for task in step)


def _seconds(spans: Iterable[TaskSpan]) -> dict[str, float]:
    return {step: end - start for step, (start, end) in step_spans(spans).items()}


def _artifacts(steps: Iterable[Step]) -> dict[str, ArtifactFacts]:
    """Return the artifacts of all steps with one task; a later step replaces an earlier one."""
    found: dict[str, ArtifactFacts] = {}
    for step in steps:
        tasks = list(islice(step, 2))
        if len(tasks) != 1:  # a foreach has many values of one name
            continue
        (task,) = tasks
        for each in client.artifacts_of(task) or ():
            found[each.name] = ArtifactFacts(task[each.name].sha, each.type, each.size, task)
    return found
