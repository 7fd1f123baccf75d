"""Handles of runs that nbrunner did not start, read from what Metaflow stores of them.

The run may be one of the command line, of another machine, or of a scheduler. Its tasks are read
at a limited rate with Metaflow's Client. Their logs are written to files of a temporary directory,
in the format of Metaflow's own output, so that everything that reads logs can read them.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import weakref
from collections.abc import AsyncIterator, Callable, Generator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from nbrunner.engine import client, log_format
from nbrunner.engine.failure import Failure, failure_of_task
from nbrunner.engine.progress import Progress
from nbrunner.engine.stored_tasks import (
    StoredGraph,
    StoredTask,
    graph_of,
    log_lines,
    progress_of,
    read_task,
    spans_of,
    status_of,
)
from nbrunner.engine.timeline import TaskSpan
from nbrunner.errors import BadValueError, RunNotFoundError
from nbrunner.logs.reader import LineReader, lines_of, log_of, read_text
from nbrunner.record import run_directory
from nbrunner.record.run_directory import RunDirectory
from nbrunner.record.schema import Attributes, Flow, Record

if TYPE_CHECKING:
    from metaflow import Run

# Minimum and maximum time between two reads. Between, a read that made n requests to a metadata
# service is followed by n seconds without any.
_PACE_SECONDS, _LONGEST_PACE_SECONDS = 1.0, 60.0

# A local task's log is stored shortly after the end of the task.
_LOG_SETTLED_SECONDS = 5.0

# Without a sign of life for this long, a run is said to be silent.
_SILENT_SECONDS = 120.0

_TRIES, _BETWEEN_TRIES_SECONDS = 5, 0.1

_T = TypeVar("_T")
_NO_GRAPH = StoredGraph([], {}, {}, {}, {})

_Line = tuple[float, str, str]  # seconds since the epoch, stream, the line


class FollowedRun:
    """A run that nbrunner did not start; created by `attach`.

    Its state is what Metaflow stores: a run whose processes were killed has no end there, and
    stays ``"running"``; see `quiet_seconds`. A local run stores the log of a task at its end.

    Parameters
    ----------
    pathspec : str
        ``"<flow name>/<run id>"``.

    Raises
    ------
    RunNotFoundError
        Metaflow does not know the run.
    """

    def __init__(self, pathspec: str) -> None:
        self.pathspec = pathspec
        run = client.if_reachable(lambda: client.run_of(pathspec, None))
        if run is None:
            raise RunNotFoundError(f"no run {pathspec!r} in Metaflow's datastore")
        #: The run in Metaflow's Client.
        self.run: Run = run
        self._began: float = run.created_at.timestamp()
        self._stored = _read_whole(lambda: client.stored_run(pathspec))
        self._graph = _NO_GRAPH
        self._has_graph = False
        self._tasks: dict[tuple[str, str], StoredTask] = {}
        self._sent: dict[tuple[str, str], tuple[int, int]] = {}  # attempt, lines of its log
        self._settled: set[tuple[str, str]] = set()  # tasks that are not read again
        self._unwritten: list[_Line] = []
        self._next_read = 0.0
        # Metadata is read from files, not requested from a service.
        self._is_local = client.metaflow_settings()["metadata"].startswith("local")
        folder = tempfile.TemporaryDirectory(prefix="nbrunner-run-")
        self._remove = weakref.finalize(self, folder.cleanup)
        #: Where the logs are.
        self.directory = RunDirectory(folder.name)
        for stream in run_directory.STREAMS:
            self.directory.log(stream).touch(0o600)
        self.refresh()

    def __repr__(self) -> str:
        return f"<FollowedRun {self.pathspec}: {self.status}>"

    # -- facts ------------------------------------------------------------------------

    @property
    def attributes(self) -> Attributes:
        """Metaflow's names of the run, as in `ExecutingRun.attributes`."""
        flow, _, run_id = self.pathspec.partition("/")
        return {"flow_name": flow, "run_id": run_id}

    @property
    def record(self) -> Record:
        """What is known of the flow, in the form of a record: name, steps, graph."""
        graph = self._graph
        flow: Flow = {"name": self.pathspec.partition("/")[0], "steps": graph.steps}
        flow |= {"following": graph.following, "types": graph.types, "docs": graph.docs}
        return {"flow": flow, "started": self._began, "user": self._stored.user}

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters with small values, and ``tags``."""
        tags = {"tags": list(self._stored.tags)} if self._stored.tags else {}
        return {**self._stored.parameters, **tags}

    @property
    def status(self) -> str:
        """``"running"``, ``"successful"`` or ``"failed"``, at the last read."""
        return status_of(self._graph, self._tasks.values())

    @property
    def quiet_seconds(self) -> float:
        """Seconds since the last sign of life: a task that started or ended, or its metadata."""
        seen = [task.seen for task in self._tasks.values()]
        return max(0.0, time.time() - max(seen, default=self._began))

    @property
    def silence(self) -> str:
        """A sentence about a run that gives no sign of life; empty for others."""
        if self.status != "running" or self.quiet_seconds < _SILENT_SECONDS:
            return ""
        hours, minutes = divmod(int(self.quiet_seconds // 60), 60)
        quiet = f"{hours} h {minutes} min" if hours else f"{minutes} min"
        return f"no sign of life for {quiet}: at work in a long task, or killed"

    @property
    def elapsed_seconds(self) -> float:
        """Duration in seconds, up to now if the run has no end."""
        ends = [task.ended for task in self._tasks.values() if task.ended is not None]
        until = time.time() if self.status == "running" else max(ends, default=self._began)
        return max(0.0, until - self._began)

    @property
    def progress(self) -> Progress:
        """Number of tasks of each step by state; tasks to come of a foreach are not known."""
        return progress_of(self._graph, self._tasks.values(), self.status != "running")

    @property
    def timeline(self) -> list[TaskSpan]:
        """Start and end of the latest attempt of each task."""
        return spans_of(self._tasks.values(), self._began)

    @property
    def failure(self) -> Failure | None:
        """The failure of the run; None if it did not fail."""
        if self.status != "failed":
            return None
        failed = [task for task in self._tasks.values() if task.state == "failed"]
        last = max(failed, key=lambda task: task.started)
        name = (last.step, last.task_id)
        task = client.reachable_task(f"{self.pathspec}/{last.step}/{last.task_id}", None)
        log = self.directory.log("stdout")
        return failure_of_task(*name, lambda: lines_of(log), task, client.error_headlines())

    @property
    def stdout(self) -> str:
        """What the tasks have stored of their stdout."""
        return read_text(self.directory.log("stdout"))

    @property
    def stderr(self) -> str:
        """What the tasks have stored of their stderr."""
        return read_text(self.directory.log("stderr"))

    # -- reading ------------------------------------------------------------------------

    def refresh(self, write: bool = True) -> float:
        """Read the state of the run if it may be read again; return seconds until the next read.

        Blocks for as long as the metadata service and the datastore take.

        Parameters
        ----------
        write : bool
            Whether to write new lines to the logs; False leaves them to `write_lines`.
        """
        left = self._next_read - time.monotonic()
        if left <= 0:
            requests = _read_whole(self._read)
            pause = _PACE_SECONDS if self._is_local else float(requests)
            left = min(max(pause, _PACE_SECONDS), _LONGEST_PACE_SECONDS)
            self._next_read = time.monotonic() + left
        if write:
            self.write_lines()
        return left

    def _read(self) -> int:
        """Read what may have changed; return the number of requests."""
        requests = 1
        if not self._has_graph:  # it is stored a moment after the start
            requests += self._read_graph()
        for step in list(self.run):
            requests += 1
            for task in step:
                if (step.id, task.id) not in self._settled:
                    requests += self._read_task(step.id, task)
        self._unwritten.sort(key=lambda line: line[0])
        return requests

    def _read_graph(self) -> int:
        """Read the graph and the parameters, which are stored together."""
        graph = graph_of(self.run)
        self._has_graph = graph is not None
        if graph is not None:
            self._stored = client.stored_run(self.pathspec)
        self._graph = graph or _chain(self.pathspec)
        return 6

    def _read_task(self, step: str, task: Any) -> int:
        key = (step, task.id)
        known = read_task(task)
        self._tasks[key] = known
        if known.ended is None and not known.is_remote:
            return 1  # a local task stores its log at its end
        attempt, sent = self._sent.get(key, (known.attempt, 0))
        lines = log_lines(task)
        new = lines[sent:] if attempt == known.attempt else lines
        self._sent[key] = (known.attempt, len(lines))
        name = log_format.process_name(f"{self.run.id}/{step}/{task.id}", 0)
        for moment, stream, text in new:
            when = log_format.when(datetime.fromtimestamp(moment))
            self._unwritten.append((moment, stream, f"{when} [{name}] {text}\n"))
        if known.ended is not None and time.time() - known.ended > _LOG_SETTLED_SECONDS:
            self._settled.add(key)
        return 3

    def write_lines(self, between: Callable[[], object] = bool) -> None:
        """Write the lines read, in the order of their times.

        Parameters
        ----------
        between : callable
            Called where a line belongs to the other log than the one before it, so that a reader
            of both can keep the order.
        """
        lines, self._unwritten = self._unwritten, []
        start = 0
        for at in range(1, len(lines) + 1):
            if at == len(lines) or lines[at][1] != lines[start][1]:
                text = "".join(line for _, _, line in lines[start:at])
                with open(self.directory.log(lines[start][1]), "ab") as log:
                    log.write(text.encode("utf-8", "replace"))
                between()
                start = at

    @property
    def is_over(self) -> bool:
        """Whether the run has ended and all of its logs are read."""
        return self.status != "running" and self._settled.issuperset(self._tasks)

    # -- waiting ------------------------------------------------------------------------

    async def wait(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 (as ExecutingRun.wait)
        stream: str | None = None,
    ) -> FollowedRun:
        """Wait until the run has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds after which TimeoutError is raised; the run continues.
        stream : "stdout" or "stderr", optional
            Log to print to stdout, from its first line.

        Raises
        ------
        TimeoutError
            The run has not ended in time, or gives no sign of its end.
        """
        async with asyncio.timeout(timeout):
            if stream is not None:
                async for _, line in self.stream_log(stream):
                    print(line)  # noqa: T201 - this is what was asked for
            while self.status == "running":  # noqa: ASYNC110 (files and services are polled)
                await asyncio.sleep(await asyncio.to_thread(self.refresh))
        return self

    def __await__(self) -> Generator[Any, None, FollowedRun]:
        return self.wait().__await__()

    async def stream_log(
        self, stream: str, position: int | None = None
    ) -> AsyncIterator[tuple[int, str]]:
        """Yield (position, line) of a log as tasks store it, until the run has ended.

        Parameters
        ----------
        stream : "stdout" or "stderr"
            The log.
        position : int, optional
            Position to begin at, from an earlier call; default the first line.
        """
        with LineReader(log_of(self.directory, stream), position or 0) as reader:
            while True:
                left = await asyncio.to_thread(self.refresh)
                is_over = self.is_over
                while (block := reader.read_block()) is not None:
                    for each in block:
                        yield each
                if is_over:
                    return
                await asyncio.sleep(left)

    async def async_stop(
        self, interrupt_grace_seconds: float = 0.0, terminate_grace_seconds: float = 0.0
    ) -> NoReturn:
        """Raise BadValueError: nbrunner cannot stop a run that it did not start.

        Parameters
        ----------
        interrupt_grace_seconds, terminate_grace_seconds : float
            As in `ExecutingRun.async_stop`; not used.
        """
        self.stop()

    def stop(
        self, interrupt_grace_seconds: float = 0.0, terminate_grace_seconds: float = 0.0
    ) -> NoReturn:
        """Raise BadValueError; see `async_stop`."""
        raise BadValueError(
            f"{self.pathspec} was not started by nbrunner, which cannot stop it; "
            "stop it where it was started"
        )


def _chain(pathspec: str) -> StoredGraph:
    """Return the started steps one after the other, for runs that store no graph."""
    names = client.step_names(pathspec)
    following = {name: names[at + 1 : at + 2] for at, name in enumerate(names)}
    return StoredGraph(names, following, {}, {}, {})


def _read_whole(read: Callable[[], _T]) -> _T:
    """Return the result of a read, tried again where a file was read while it was written.

    Metaflow writes local metadata and artifacts in place.
    """
    for _ in range(_TRIES - 1):
        try:
            return read()
        except (LookupError, TypeError, ValueError):
            time.sleep(_BETWEEN_TRIES_SECONDS)
    return read()
