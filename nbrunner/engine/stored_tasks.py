"""Graph and tasks of a run as Metaflow stores them, read with its Client."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nbrunner.engine.metaflow_versions import needs_metaflow
from nbrunner.engine.progress import Progress, StepProgress
from nbrunner.engine.timeline import TaskSpan

if TYPE_CHECKING:
    from metaflow import Run, Task

# Types of steps in `FlowGraph.output_steps` of metaflow/graph.py, and in a description.
_TYPES = {
    "split-static": "split",
    "split-and": "split",
    "split-foreach": "foreach",
    "split-parallel": "parallel",
    "split-switch": "switch",
}

# Metadata of remote tasks begins so: metaflow/plugins/kubernetes and metaflow/plugins/aws/batch.
_REMOTE = ("kubernetes-", "aws-batch-")


@dataclass(frozen=True)
class StoredTask:
    """A task as stored by Metaflow; its latest attempt.

    Attributes
    ----------
    step, task_id : str
        The task.
    state : str
        ``"running"``, ``"done"``, ``"failed"`` or ``"cloned"``. A task whose process was killed
        has no end: it is running as far as Metaflow knows.
    attempt : int
        Number of the attempt, from 0.
    started, ended : float or None
        Seconds since the epoch.
    seen : float
        Time of the last sign of life: its start, or its newest metadata.
    input : str
        Input of a foreach task, such as ``"model=gbt"``; empty for other tasks.
    is_remote : bool
        The task runs on Kubernetes or Batch, say, and stores its log while it runs. The log of a
        local task is stored at its end.
    """

    step: str
    task_id: str
    state: str
    attempt: int
    started: float
    ended: float | None
    seen: float
    input: str = ""
    is_remote: bool = False


@dataclass(frozen=True)
class StoredGraph:
    """The steps of a run: names in order, followers, types and docstrings by name."""

    steps: list[str]
    following: dict[str, list[str]]
    types: dict[str, str]
    docs: dict[str, str]
    attempts: dict[str, int]

    @property
    def last(self) -> str:
        """The step without followers."""
        return next((name for name in self.steps if not self.following.get(name)), "")


@needs_metaflow("the graph of a stored run")
def graph_of(run: Run) -> StoredGraph | None:
    """Return the graph that Metaflow stores with the parameters of a run.

    None if there is none: the run has just started, or is one of an old Metaflow.
    """
    try:
        task = run["_parameters"].task
        info: Mapping[str, Any] = {} if task is None else task["_graph_info"].data or {}
    except KeyError:
        return None
    steps: Mapping[str, Any] = info.get("steps") or {}
    if not steps:
        return None
    following = {name: [str(each) for each in step["next"]] for name, step in steps.items()}
    return StoredGraph(
        in_order(following, str(info.get("start_step") or "start")),
        following,
        {name: _TYPES.get(step["type"], str(step["type"])) for name, step in steps.items()},
        {name: inspect.cleandoc(step.get("doc") or "") for name, step in steps.items()},
        {name: _attempts(step.get("decorators") or ()) for name, step in steps.items()},
    )


def in_order(following: Mapping[str, Sequence[str]], first: str) -> list[str]:
    """Return the steps so that each comes after all that lead to it, except for loops."""
    found: list[str] = []
    seen: set[str] = set()
    stack: list[tuple[str, bool]] = [(first, False)]
    while stack:
        name, is_left = stack.pop()
        if is_left:
            found.append(name)
        elif name not in seen and name in following:
            seen.add(name)
            stack.append((name, True))
            stack += [(each, False) for each in following[name]]
    return [*found[::-1], *(name for name in following if name not in seen)]


def _attempts(decorators: Iterable[Mapping[str, Any]]) -> int:
    """Return how many attempts a task has at most, by the step's decorators."""
    found = 1
    for each in decorators:
        given = each.get("attributes") or {}
        if each.get("name") == "retry":
            found += int(given.get("times") or 0)
        elif each.get("name") == "catch":
            found += 1
    return found


@needs_metaflow("the state of a stored task")
def read_task(task: Task) -> StoredTask:
    """Return the state of a task, from its metadata: one request."""
    created = task.created_at.timestamp()
    # Metadata of all attempts, in any order.
    entries = sorted(task.metadata, key=lambda each: int(each.created_at))
    newest = {each.name: str(each.value) for each in entries}
    seen = max([created, *(_seconds(each) for each in entries)])
    attempts = [each for each in entries if each.name == "attempt"]
    attempt = max((int(each.value) for each in attempts), default=0)
    begun = [_seconds(each) for each in attempts if int(each.value) == attempt]
    started = min(begun, default=created)
    ended, state = None, "running"
    for each in entries:
        if each.name == "attempt-done" and int(each.value) == attempt:
            ended = _seconds(each)
            state = "done" if newest.get("attempt_ok") == "True" else "failed"
    if state == "done" and newest.get("origin-task-id", "None") != "None":
        state = "cloned"
    step = task.path_components[-2]
    told = newest.get("foreach-stack", "")
    is_remote = any(name.startswith(_REMOTE) for name in newest)
    return StoredTask(step, task.id, state, attempt, started, ended, seen, told, is_remote)


def _seconds(metadatum: Any) -> float:
    return int(metadatum.created_at) / 1000


def log_lines(task: Task) -> list[tuple[float, str, str]]:
    """Return (seconds since the epoch, stream, text) of each line of a task's logs."""
    found = []
    for stream in ("stdout", "stderr"):
        for moment, text in task.loglines(stream):
            if moment is not None:
                found.append((_epoch(moment), stream, text))
    return found


def _epoch(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def progress_of(graph: StoredGraph, tasks: Iterable[StoredTask], ended: bool) -> Progress:
    """Return the number of tasks of each step by state."""
    states: dict[str, list[str]] = {name: [] for name in graph.steps}
    for task in tasks:
        states.setdefault(task.step, []).append(task.state)
    return Progress(
        {
            name: StepProgress(
                pending=0 if each or ended else 1,
                **{state: each.count(state) for state in ("running", "done", "failed", "cloned")},
            )
            for name, each in states.items()
        }
    )


def spans_of(tasks: Iterable[StoredTask], began: float) -> list[TaskSpan]:
    """Return the latest attempt of each task, in the order of their start."""
    found = [
        TaskSpan(
            *(task.step, task.task_id, task.state, max(0.0, task.started - began)),
            None if task.ended is None else max(0.0, task.ended - began),
        )
        for task in tasks
    ]
    return sorted(found, key=lambda span: span.start)


def status_of(graph: StoredGraph, tasks: Iterable[StoredTask]) -> str:
    """Return ``"successful"``, ``"failed"`` or ``"running"``, derived from the tasks of a run.

    A run has failed when the last attempt of any task has failed. The graph gives the number of
    attempts, including retries by ``--with retry``.
    """
    states = list(tasks)
    if any(task.step == graph.last and task.state in ("done", "cloned") for task in states):
        return "successful"
    failed = (task for task in states if task.state == "failed")
    is_over = any(task.attempt + 1 >= graph.attempts.get(task.step, 1) for task in failed)
    return "failed" if is_over else "running"
