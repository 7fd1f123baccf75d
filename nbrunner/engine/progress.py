"""Metaflow's output lines -> what became of every step and task. Pure.

The runtime announces the fate of each task in lines like ::

    2026-11-23 00:02:53.890 [<run id>/<step>/<task id> (pid 17)] Task is starting.

which look the same for local, Kubernetes and Batch tasks (``metaflow/runtime.py``).
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

TaskState = Literal["running", "done", "failed", "cloned"]

_LINE = re.compile(
    r"^(?P<when>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) "
    r"\[(?P<run>[^/\]\s]+)/(?P<step>[^/\]\s]+)/(?P<task>[^/\]\s]+)(?: \(pid (?P<pid>\d+)\))?\] "
    r"(?P<text>.*)$"
)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FOREACH = re.compile(r"^Foreach yields (\d+) child steps\.$")
_DONE = "Task finished successfully."

STATES: Mapping[str, TaskState] = {
    "Task is starting.": "running",
    "Task is starting (retry).": "running",
    "Task fallback is starting to handle the failure.": "running",
    _DONE: "done",
    "Task failed.": "failed",
    "Task failed with a segmentation fault.": "failed",
}
_WHEN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")

# Printed once the run has its id, before it has any task; of a spin there is no such line.
_ANNOUNCED = re.compile(rf"^({_WHEN.pattern}) Workflow starting \(run-id ")

# Tasks are cloned by several threads, and their lines may run into each other: what is
# cloned is told behind these words, wherever they stand.
_CLONED = re.compile(
    r"Cloning (?:results of a )?previously run task [^/\s]+/(?P<step>[^/\s]+)/"
    r"(?P<task>[^/\s]+?)(?=\s|$|\d{4}-\d\d-\d\d )"
)

# Printed by a resume before it clones anything; the run need not have been named to it.
_CLONED_FROM = re.compile(rf"^{_WHEN.pattern} Cloning (?P<pathspec>[^/\s]+/[^/\s]+)$")


@dataclass(frozen=True)
class LogLine:
    """One line of a task, taken apart.

    Attributes
    ----------
    when : str
        Local time of the run process, ``"2026-11-23 00:02:53.890"``.
    run_id, step, task_id : str
    pid : int or None
        Process id of the attempt; None for a cloned task.
    text : str
        What the task printed, or what Metaflow says of it.
    """

    when: str
    run_id: str
    step: str
    task_id: str
    pid: int | None
    text: str

    @property
    def name(self) -> str:
        """What stands in brackets: task and process."""
        return f"{self.run_id}/{self.step}/{self.task_id} (pid {self.pid})"


def parse_line(line: str) -> LogLine | None:
    """Take a line of the run's stdout apart; None if it does not come from a task."""
    if "\x1b" in line:
        line = _ANSI.sub("", line)
    match = _LINE.match(line)
    if match is None:
        return None
    pid = match["pid"]
    return LogLine(
        match["when"],
        match["run"],
        match["step"],
        match["task"],
        None if pid is None else int(pid),
        match["text"],
    )


def is_metaflows(text: str) -> bool:
    """Tell whether a text is one with which Metaflow tells what became of a task."""
    return text in STATES or _FOREACH.match(text) is not None


def announced(line: str) -> str | None:
    """Return when, in local time of the run process, it says that it starts; mostly None."""
    if "Workflow starting" not in line:
        return None
    found = _ANNOUNCED.search(_ANSI.sub("", line))
    return found[1] if found else None


@dataclass(frozen=True)
class RunEvent:
    """One thing that happened in a run.

    Attributes
    ----------
    kind : str
        ``"task"``: a task changed its state; ``"foreach"``: a step announced how many
        tasks follow it; ``"status"``: the run has ended, the last event of all.
    state : str
        For a task ``"running"``, ``"retrying"``, ``"done"``, ``"failed"`` or ``"cloned"``;
        for a foreach the number of tasks; for a status the status. A task is ``"running"``
        again, since the same time, if it turns out that its end was text that it printed.
    step, task_id : str
        Empty for a status; for a cloned task the one that it was cloned from.
    when : str
        Local time of the run process, empty for a status.
    """

    kind: Literal["task", "foreach", "status"]
    state: str
    step: str = ""
    task_id: str = ""
    when: str = ""


@dataclass(frozen=True)
class StepProgress:
    """Counts of the tasks of one step.

    Attributes
    ----------
    pending : int
        Tasks known to come that have not started.
    running, done, failed, cloned : int
        Tasks in that state now. A failed task that is tried again is running.
    """

    pending: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    cloned: int = 0

    @property
    def total(self) -> int:
        """Tasks known so far, whatever became of them."""
        return self.pending + self.running + self.done + self.failed + self.cloned


@dataclass(frozen=True)
class Progress:
    """What became of the steps and tasks of a run so far.

    Attributes
    ----------
    steps : mapping of str to StepProgress
        In the order of the flow, as far as it is known, then in order of appearance.
    cloned_from : str
        Pathspec of the origin run, whose tasks are cloned; empty until the run has told,
        and where it resumes none.
    """

    steps: Mapping[str, StepProgress] = field(default_factory=lambda: MappingProxyType({}))
    cloned_from: str = ""

    @property
    def tasks(self) -> StepProgress:
        """The sum over all steps."""
        each = self.steps.values()
        return StepProgress(
            pending=sum(step.pending for step in each),
            running=sum(step.running for step in each),
            done=sum(step.done for step in each),
            failed=sum(step.failed for step in each),
            cloned=sum(step.cloned for step in each),
        )

    def __str__(self) -> str:
        return "  ".join(
            f"{name} {step.done + step.cloned}/{step.total}"
            for name, step in self.steps.items()
            if step.total
        )


@dataclass
class _Attempt:
    """One process of a task, as far as the log tells.

    Attributes
    ----------
    pid : int or None
    started : str
    over : bool
        Whether Metaflow seems to have told its end.
    foreach : int
        How many child steps it seems to have announced.
    """

    pid: int | None
    started: str
    over: bool = False
    foreach: int = 0


class ProgressTracker:
    """Follows a run's stdout line by line.

    What a task prints stands in the log with the same prefix as what Metaflow says of it. But
    Metaflow says that a task is starting before the task can print, and that it has ended when
    nothing more can come from its process; a foreach is announced right before. So a line that
    does not fit is the task's own, and so was an end or a foreach that another line of that
    process follows. Until that line comes an end that a task prints is believed; in warm runs
    such text is marked in the log (`nbrunner.launch.warm.log_pipes`) and never believed.

    Parameters
    ----------
    step_names : iterable of str
        The steps of the flow in their order; each counts as one pending task until more
        is known.
    following : mapping of str to list of str
        The steps that come after each step: a foreach step tells the number of tasks of
        the one behind it.
    foreach_steps : set of str, optional
        The steps that may announce a foreach; default all.

    Attributes
    ----------
    believed : set of str
        Of the processes whose end, or foreach, one more line of theirs would refute: what
        stands in brackets in their lines.
    """

    def __init__(
        self,
        step_names: Iterable[str] = (),
        following: Mapping[str, list[str]] | None = None,
        foreach_steps: Container[str] | None = None,
    ) -> None:
        self.believed: set[str] = set()
        self._following = following or {}
        self._foreach_steps = foreach_steps
        self._attempts: dict[tuple[str, str], _Attempt] = {}
        self._expected: dict[str, int] = {name: 1 for name in step_names}
        self._tasks: dict[str, dict[str, TaskState]] = {name: {} for name in self._expected}
        self._foreach: dict[str, int] = {}
        self._cloned_from = ""
        self._when = ""

    def feed(self, line: str) -> list[RunEvent]:
        """Take in one line; return what it tells: nothing, mostly, of clones perhaps several."""
        if "Cloning " in line and "(pid " not in line:  # by Metaflow, not by a task
            self._cloned_from = self._cloned_from or _origin(line)
            return self._clone_events(line)
        if "] " not in line:
            return []
        parsed = parse_line(line)
        if parsed is None:
            return []
        if parsed.pid is None:
            return []
        state = STATES.get(parsed.text)
        attempt = self._attempts.get((parsed.step, parsed.task_id))
        if attempt is None or attempt.pid != parsed.pid or self._is_tried_again(parsed, state):
            attempt, events = _Attempt(parsed.pid, parsed.when), []
            self._attempts[parsed.step, parsed.task_id] = attempt
        else:
            events = self._refute(parsed, attempt)
            if state == "running":  # told already, before the task could print this
                return events
        if state is not None:
            events.append(self._task_event(parsed, state))
            attempt.over = state != "running"
        elif count := self._announces(parsed):
            attempt.foreach = count
            events.append(self._foreach_event(parsed, count))
        if attempt.over or attempt.foreach:
            self.believed.add(parsed.name)
        return events

    def _is_tried_again(self, line: LogLine, state: TaskState | None) -> bool:
        """Tell whether a task that has failed is starting; it may have the same pid again."""
        has_failed = self._tasks.get(line.step, {}).get(line.task_id) == "failed"
        return state == "running" and has_failed

    def _announces(self, line: LogLine) -> int:
        """Return how many child steps a line announces, if its step has a foreach."""
        if self._foreach_steps is not None and line.step not in self._foreach_steps:
            return 0
        found = _FOREACH.match(line.text)
        return int(found[1]) if found else 0

    def _refute(self, line: LogLine, attempt: _Attempt) -> list[RunEvent]:
        """Take back what was believed of a process that prints one more line."""
        if attempt.foreach and (attempt.over or line.text != _DONE):
            self._count_foreach(line.step, -attempt.foreach)
            attempt.foreach = 0
        if not attempt.over:
            return []
        attempt.over = False
        self.believed.discard(line.name)
        self._tasks[line.step][line.task_id] = "running"
        return [RunEvent("task", "running", line.step, line.task_id, attempt.started)]

    def _task_event(self, line: LogLine, state: TaskState) -> RunEvent:
        tasks = self._tasks.setdefault(line.step, {})
        again = state == "running" and tasks.get(line.task_id) == "failed"
        tasks[line.task_id] = state
        return RunEvent("task", "retrying" if again else state, line.step, line.task_id, line.when)

    def _clone_events(self, line: str) -> list[RunEvent]:
        """Note the tasks that a line says are cloned."""
        events = []
        for clone in _CLONED.finditer(line):
            times = _WHEN.findall(line, 0, clone.start())
            self._when = times[-1] if times else self._when  # it may stand in the line before
            # Not by its new number, which counts the clones; a task may have it as well.
            name = f"clone of {clone['task']}"
            self._tasks.setdefault(clone["step"], {})[name] = "cloned"
            events.append(RunEvent("task", "cloned", clone["step"], clone["task"], self._when))
        return events

    def _foreach_event(self, line: LogLine, count: int) -> RunEvent:
        self._count_foreach(line.step, count)
        return RunEvent("foreach", str(count), line.step, line.task_id, line.when)

    def _count_foreach(self, step: str, count: int) -> None:
        for name in self._following.get(step, []):
            # Every task of a nested foreach announces a number of its own.
            self._foreach[name] = self._foreach.get(name, 0) + count
            self._expected[name] = self._foreach[name] or 1

    def snapshot(self, ended: bool = False) -> Progress:
        """Return the counts as they stand.

        Once the run has ended nothing is pending but what a foreach had announced.
        """
        steps = {}
        for name, tasks in self._tasks.items():
            states = list(tasks.values())
            expected = (self._foreach if ended else self._expected).get(name, 0 if ended else 1)
            steps[name] = StepProgress(
                pending=max(0, expected - len(states)),
                # Nothing runs on after the run: Metaflow ended it without a word.
                running=0 if ended else states.count("running"),
                done=states.count("done"),
                failed=states.count("failed") + (states.count("running") if ended else 0),
                cloned=states.count("cloned"),
            )
        return Progress(MappingProxyType(steps), self._cloned_from)

    def failed_task(self) -> tuple[str, str] | None:
        """Return (step, task id) of the last task that failed and was not tried again."""
        failed = [
            (step, task)
            for step, tasks in self._tasks.items()
            for task, state in tasks.items()
            if state == "failed"
        ]
        return failed[-1] if failed else None


def _origin(line: str) -> str:
    """Return the run that a line says is cloned; empty if it says no such thing."""
    found = _CLONED_FROM.search(_ANSI.sub("", line).rstrip())
    return found["pathspec"] if found else ""
