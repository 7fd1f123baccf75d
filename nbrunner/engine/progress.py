"""Parses Metaflow's output lines into the progress of steps and tasks. Pure functions.

The format of the lines is in `nbrunner.engine.log_format`.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from nbrunner.engine import log_format
from nbrunner.text.escapes import without_escapes

TaskState = Literal["running", "done", "failed", "cloned"]

_LINE = re.compile(rf"^(?P<when>{log_format.WHEN}) {log_format.BRACKET} (?P<text>.*)$")
_FOREACH = re.compile(rf"^{log_format.FOREACH}$")

STATES: Mapping[str, TaskState] = {
    log_format.STARTING: "running",
    log_format.RETRYING: "running",
    log_format.FALLING_BACK: "running",
    log_format.DONE: "done",
    log_format.FAILED: "failed",
    log_format.CRASHED: "failed",
}
_WHEN = re.compile(log_format.WHEN)
_ANNOUNCED = re.compile(rf"^({log_format.WHEN}) {re.escape(log_format.ANNOUNCED)}")

# Tasks are cloned by several threads, whose lines may run together: the cloned task follows
# these words, wherever in the line they are.
_CLONED = re.compile(
    rf"{log_format.CLONING_TASK}[^/\s]+/(?P<step>[^/\s]+)/"
    rf"(?P<task>[^/\s]+?)(?=\s|$|{log_format.DATE} )"
)

# Printed by a resume before it clones tasks, also if the origin run was chosen by Metaflow.
_CLONED_FROM = re.compile(
    rf"^{log_format.WHEN} {log_format.CLONING_BEGINS}(?P<pathspec>[^/\s]+/[^/\s]+)$"
)


@dataclass(frozen=True)
class LogLine:
    """A parsed line of a task.

    Attributes
    ----------
    when : str
        Local time of the run process, ``"2026-11-23 00:02:53.890"``.
    run_id, step, task_id : str
        The task.
    pid : int or None
        Process id of the attempt; None for a cloned task.
    text : str
        Output of the task, or a message of Metaflow about it.
    """

    when: str
    run_id: str
    step: str
    task_id: str
    pid: int | None
    text: str

    @property
    def name(self) -> str:
        """The text in brackets: task and process."""
        return log_format.process_name(f"{self.run_id}/{self.step}/{self.task_id}", self.pid)


def parse_line(line: str) -> LogLine | None:
    """Parse a line of the run's stdout; None if it does not come from a task."""
    match = _LINE.match(without_escapes(line))
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
    """Return whether a text is one of Metaflow's messages about the state of a task."""
    return text in STATES or _FOREACH.match(text) is not None


def announced(line: str) -> str | None:
    """Return the local time in the line that announces the run; None for other lines."""
    if log_format.ANNOUNCED not in line:
        return None
    found = _ANNOUNCED.search(without_escapes(line))
    return found[1] if found else None


@dataclass(frozen=True)
class RunEvent:
    """An event of a run.

    Attributes
    ----------
    kind : str
        ``"task"``: a task changed its state; ``"foreach"``: a step announced the number of its
        child tasks; ``"status"``: the run has ended, always the last event.
    state : str
        For a task ``"running"``, ``"retrying"``, ``"done"``, ``"failed"`` or ``"cloned"``; for a
        foreach the number of tasks; for a status the status. A task returns to ``"running"``, with
        its original time, if its presumed end turns out to be text that it printed.
    step, task_id : str
        The task of the event; for a cloned task its origin task; empty for a status event.
    when : str
        Local time of the run process; empty for a status.
    """

    kind: Literal["task", "foreach", "status"]
    state: str
    step: str = ""
    task_id: str = ""
    when: str = ""


@dataclass(frozen=True)
class StepProgress:
    """Number of tasks of one step by state.

    Attributes
    ----------
    pending : int
        Expected tasks that have not started.
    running, done, failed, cloned : int
        Tasks in that state. A failed task that is being retried counts as running.
    """

    pending: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    cloned: int = 0

    @property
    def total(self) -> int:
        """The number of tasks known so far."""
        return self.pending + self.running + self.done + self.failed + self.cloned


@dataclass(frozen=True)
class Progress:
    """Progress of the steps and tasks of a run.

    Attributes
    ----------
    steps : mapping of str to StepProgress
        Steps in the order of the flow, as far as known, then in order of appearance.
    cloned_from : str
        Pathspec of the origin run whose tasks are cloned; empty if there is none, or it is not
        known yet.
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
    """One process of a task, as far as known from the log.

    Attributes
    ----------
    pid : int or None
        Process id; None for a cloned task.
    started : str
        Local time of its start.
    over : bool
        True if Metaflow seems to have reported its end.
    foreach : int
        Number of child tasks that it seems to have announced.
    """

    pid: int | None
    started: str
    over: bool = False
    foreach: int = 0


class ProgressTracker:
    """Follows the stdout of a run line by line.

    Output of a task has the same prefix in the log as Metaflow's messages about it. But Metaflow
    reports the start of a task before the task can print, and its end when its process can no
    longer print; a foreach is announced right before the end. A line that does not fit this order
    is therefore output of the task, and so was a reported end or foreach that another line of the
    same process follows. Until that line comes, an end printed by a task is believed. Warm runs
    mark such text in the log (`nbrunner.launch.warm.log_pipes`), and it is never believed.

    Parameters
    ----------
    step_names : iterable of str
        Steps of the flow in order; each counts as one pending task until more is known.
    following : mapping of str to list of str
        Steps that follow each step; a foreach step announces the number of tasks of the next one.
    foreach_steps : set of str, optional
        Steps that may announce a foreach; default all.

    Attributes
    ----------
    believed : set of str
        Text in brackets of the processes whose reported end or foreach would be refuted by
        another line.
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
        """Parse one line and return its events: usually none, for clones possibly several."""
        # Printed by Metaflow, not by a task, whose lines have a pid.
        if log_format.CLONING_BEGINS in line and "(pid " not in line:
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
            if state == "running":  # reported already, before the task could print this
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
        """Return whether a failed task is starting again, possibly with the same pid."""
        has_failed = self._tasks.get(line.step, {}).get(line.task_id) == "failed"
        return state == "running" and has_failed

    def _announces(self, line: LogLine) -> int:
        """Return the number of child tasks that a line announces, if its step has a foreach."""
        if self._foreach_steps is not None and line.step not in self._foreach_steps:
            return 0
        found = _FOREACH.match(line.text)
        return int(found["count"]) if found else 0

    def _refute(self, line: LogLine, attempt: _Attempt) -> list[RunEvent]:
        """Retract the end or foreach of a process that has printed another line."""
        if attempt.foreach and (attempt.over or line.text != log_format.DONE):
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
        """Record the tasks that a line reports as cloned."""
        events = []
        for clone in _CLONED.finditer(line):
            times = _WHEN.findall(line, 0, clone.start())
            self._when = times[-1] if times else self._when  # else it was in the line before
            # Not by its new number, which counts the clones: another task may have the same.
            name = f"clone of {clone['task']}"
            self._tasks.setdefault(clone["step"], {})[name] = "cloned"
            events.append(RunEvent("task", "cloned", clone["step"], clone["task"], self._when))
        return events

    def _foreach_event(self, line: LogLine, count: int) -> RunEvent:
        self._count_foreach(line.step, count)
        return RunEvent("foreach", str(count), line.step, line.task_id, line.when)

    def _count_foreach(self, step: str, count: int) -> None:
        for name in self._following.get(step, []):
            # Each task of a nested foreach announces its own number.
            self._foreach[name] = self._foreach.get(name, 0) + count
            self._expected[name] = self._foreach[name] or 1

    def snapshot(self, ended: bool = False) -> Progress:
        """Return the current progress.

        Once the run has ended, only tasks announced by a foreach can be pending.
        """
        steps = {}
        for name, tasks in self._tasks.items():
            states = list(tasks.values())
            expected = (self._foreach if ended else self._expected).get(name, 0 if ended else 1)
            steps[name] = StepProgress(
                pending=max(0, expected - len(states)),
                # No task outlives the run: Metaflow ended these without reporting it.
                running=0 if ended else states.count("running"),
                done=states.count("done"),
                failed=states.count("failed") + (states.count("running") if ended else 0),
                cloned=states.count("cloned"),
            )
        return Progress(MappingProxyType(steps), self._cloned_from)

    def failed_task(self) -> tuple[str, str] | None:
        """Return (step, task id) of the last failed task that was not retried."""
        failed = [
            (step, task)
            for step, tasks in self._tasks.items()
            for task, state in tasks.items()
            if state == "failed"
        ]
        return failed[-1] if failed else None


def _origin(line: str) -> str:
    """Return the origin run that a line names; empty for other lines."""
    found = _CLONED_FROM.search(without_escapes(line).rstrip())
    return found["pathspec"] if found else ""
