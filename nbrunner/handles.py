"""Handles of runs: what is known of one, wherever and whenever it was started.

A handle holds a run directory and belongs to no event loop and no thread: it can be
awaited from any, by several at once, and made anew from the directory alone.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncIterator, Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nbrunner.aio.blocking import drive
from nbrunner.aio.inotify import changes_in
from nbrunner.engine import client
from nbrunner.engine.failure import Failure
from nbrunner.engine.progress import Progress, RunEvent
from nbrunner.engine.timeline import TaskSpan
from nbrunner.errors import BadValueError, CleanedUpError, FlowFailedError
from nbrunner.failed_run import failure_of
from nbrunner.how_started import HowStarted
from nbrunner.launch import stop
from nbrunner.launch.processes import ProcessIdentity
from nbrunner.launch.run_state import RunState
from nbrunner.launch.stop_request import (
    INTERRUPT_GRACE_SECONDS,
    TERMINATE_GRACE_SECONDS,
    StopReport,
    StopRequest,
)
from nbrunner.logs.clone_lines import printed_lines
from nbrunner.logs.progress_follower import ProgressFollower
from nbrunner.logs.reader import LineReader, read_text
from nbrunner.record import registry, run_directory
from nbrunner.record.run_directory import Json, RunDirectory
from nbrunner.resumed import ResumedRun
from nbrunner.text.brief_traceback import brief_when_interrupted

if TYPE_CHECKING:
    from metaflow import Run, Task

# By the names of run directories, as long as somebody holds the Runner.
_RUNNERS: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()

_Self = TypeVar("_Self", bound="ExecutingProcess")


class ExecutingProcess(HowStarted):
    """A run, or a task, that nbrunner started: running or ended.

    Made by the methods of `Runner` and by `attach`, not by hand. As a context manager it
    does nothing at the end of the block but leave the run alone.

    Parameters
    ----------
    directory : RunDirectory
    runner : Runner, optional
        Who started it, if that was this process.
    supervisor : ProcessIdentity, optional
        Supplied by the process that started the run, before supervisor.json exists.
    """

    def __init__(
        self,
        directory: RunDirectory,
        runner: Any = None,
        supervisor: ProcessIdentity | None = None,
    ) -> None:
        if runner is not None:
            _RUNNERS[directory.name] = runner
        #: The Runner that started the run; None once it is gone, and in another process.
        self.runner = runner or _RUNNERS.get(directory.name)
        self.directory = directory
        #: For the modules of this package: the run behind the handle.
        self.watched = RunState(directory, supervisor)
        self._record = self.watched.record
        self._progress = ProgressFollower(directory.log("stdout"), self._record)
        self._failure: Failure | None = None
        self._resumed = ResumedRun(directory, self._record)

    # -- what it is ---------------------------------------------------------------------

    @property
    def pathspec(self) -> str | None:
        """``"<flow name>/<run id>"``; None before Metaflow has given the id."""
        attributes = self.attributes
        return f"{attributes['flow_name']}/{attributes['run_id']}" if attributes else None

    @property
    def attributes(self) -> Json:
        """What Metaflow tells of the run: flow_name, run_id, metadata; empty before."""
        return self.watched.attributes

    @property
    def command(self) -> list[str]:
        """The words of the run process's command line."""
        return list(self._record.get("command", []))

    @property
    def parameters(self) -> dict[str, Any]:
        """The keyword arguments of the run, as far as JSON can hold them; those of a resumed run
        include its origin's parameters, once the origin is known.
        """
        return {**self._resumed.parameters, **self._record.get("arguments", {})}

    @property
    def origin(self) -> str:
        """Pathspec of the run that this one resumes; empty if none or not known yet."""
        return self._resumed.origin

    @property
    def record(self) -> Json:
        """What was written down when the run was started: flow, arguments, directory, time."""
        return dict(self._record)

    def __repr__(self) -> str:
        name = self.pathspec or self.directory.name
        return f"<{type(self).__name__} {name}: {self.status}>"

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    async def __aenter__(self: _Self) -> _Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        pass

    # -- how it is ----------------------------------------------------------------------

    @property
    def status(self) -> str:
        """One of ``"running"``, ``"successful"``, ``"failed"``, ``"timeout"``,
        ``"stopped"``, and ``"lost"``: it ended without anybody seeing how.
        """
        return self.watched.status

    @property
    def returncode(self) -> int | None:
        """Exit code of the run process, negative for a signal.

        None while it runs, and where nobody saw it end.
        """
        return self.watched.returncode

    @property
    def elapsed_seconds(self) -> float | None:
        """How long the run has taken so far, or has taken; None where nobody saw it end."""
        started = float(self._record["started"])
        if self.status == "running":
            return max(0.0, time.time() - started)
        ended = (self.watched.exit_record or {}).get("ended")
        return None if ended is None else max(0.0, float(ended) - started)

    @property
    def stdout(self) -> str:
        """What the run has written to stdout so far; all of it once it has ended."""
        return read_text(self._log("stdout"))

    @property
    def stderr(self) -> str:
        """What the run has written to stderr so far; all of it once it has ended."""
        return read_text(self._log("stderr"))

    @property
    def progress(self) -> Progress:
        """What became of the steps and tasks so far, by the run's own output."""
        self._check_there()
        return self._progress.snapshot(ended=self.status != "running")

    @property
    def timeline(self) -> list[TaskSpan]:
        """When each task was at work so far, a span for each attempt, by the same output."""
        self._check_there()
        return self._progress.spans(ended=self.status != "running")

    @property
    def failure(self) -> Failure | None:
        """Why the run failed; None if it did not."""
        if self.status != "failed":
            return None
        self._check_there()
        if self._failure is None:
            self._failure = failure_of(self.watched, self._progress.failed_task())
        return self._failure

    # -- waiting ------------------------------------------------------------------------

    async def wait(self: _Self, timeout: float | None = None, stream: str | None = None) -> _Self:
        """Wait until the run has ended.

        Cancelling this leaves the run alone.

        Parameters
        ----------
        timeout : float, optional
            Seconds after which the run is stopped; its status is then ``"timeout"``.
        stream : "stdout" or "stderr", optional
            Print that stream of the run, from its first line on, to stdout.

        Returns
        -------
        ExecutingProcess
            This handle.
        """
        stop.check_timeout(timeout)
        try:
            async with asyncio.timeout(timeout) as limit:
                with self._goes_on():
                    await self._print_and_wait(stream)
        except TimeoutError:
            if not limit.expired():  # a network's disk that does not answer
                raise
            await stop.end(self.watched, StopRequest("timeout"))
        return self

    def __await__(self: _Self) -> Generator[Any, None, _Self]:
        return self.wait().__await__()

    async def _print_and_wait(self, stream: str | None) -> None:
        if stream is not None:
            async for line in printed_lines(self.stream_log(stream)):
                print(line)  # noqa: T201 - this is what was asked for
        await self.watched.until_over()

    async def stream_log(
        self, stream: str, position: int | None = None
    ) -> AsyncIterator[tuple[int, str]]:
        """Yield the lines of a log as they are written, until the run has ended.

        Parameters
        ----------
        stream : "stdout" or "stderr"
        position : int, optional
            Where to go on: the position that came with an earlier line, in this or in any
            other process. Default: the first line.

        Yields
        ------
        (int, str)
            The position behind a line, in bytes, and the line. What stands behind the last
            line end comes when the run has ended. What is not UTF-8 is replaced. Lines are as
            in the log, where those of a resume's clones may have run into each other.
        """
        log = self._log(stream)
        with LineReader(log, position or 0) as reader, changes_in(log.parent, log) as changes:
            changed = False
            while True:
                # Asked before reading: what was written before the end is then in the log.
                over = self.watched.is_over(look_for_process=not changed)
                while (block := reader.read_block()) is not None:
                    block.reverse()
                    while block:  # a line of many megabytes is not kept while the next is read
                        yield block.pop()
                    await asyncio.sleep(0)
                if over:
                    break
                with self._goes_on():
                    changed = await changes.wait()
            rest = reader.rest()
            if rest is not None:
                yield rest

    async def events(self) -> AsyncIterator[RunEvent]:
        """Yield what happens in the run, from its start; at last how it ended."""
        tracker = self._progress.new_tracker()
        async for _, line in self.stream_log("stdout"):
            for event in tracker.feed(line):
                yield event
        await self.watched.until_over()
        yield RunEvent("status", self.status)

    # -- stopping -----------------------------------------------------------------------

    async def async_stop(
        self,
        interrupt_grace_seconds: float = INTERRUPT_GRACE_SECONDS,
        terminate_grace_seconds: float = TERMINATE_GRACE_SECONDS,
    ) -> StopReport:
        """Stop the run and every process below it: SIGINT, then SIGTERM, then SIGKILL.

        Parameters
        ----------
        interrupt_grace_seconds : float
            How long Metaflow may take to end its tasks after SIGINT.
        terminate_grace_seconds : float
            How long what is left then may take; of two stops the first one's times count.

        Returns
        -------
        StopReport
            What it took. A run that had ended already is reported as it is.
        """
        request = StopRequest("stopped", interrupt_grace_seconds, terminate_grace_seconds)
        return await stop.end(self.watched, request)

    def stop(
        self,
        interrupt_grace_seconds: float = INTERRUPT_GRACE_SECONDS,
        terminate_grace_seconds: float = TERMINATE_GRACE_SECONDS,
    ) -> StopReport:
        """Do as `async_stop`, and wait for it."""
        return drive(
            lambda output: self.async_stop(interrupt_grace_seconds, terminate_grace_seconds)
        )

    # -- inside -------------------------------------------------------------------------

    def _goes_on(self) -> AbstractContextManager[None]:
        """Say, where a cell's wait in the block is interrupted, that the run goes on."""
        return brief_when_interrupted(f"no longer waiting; {self.pathspec or 'the run'} continues")

    def _check_there(self) -> None:
        if not self.directory.path.exists():
            raise CleanedUpError(
                f"the logs of {self.pathspec or self.directory.name} no longer exist: cleanup() "
                "deleted them, or they expired; metaflow.Run still has the results"
            )

    def _log(self, stream: str) -> Path:
        if stream not in run_directory.STREAMS:
            raise BadValueError(f"stream: expected 'stdout' or 'stderr', got {stream!r}")
        self._check_there()
        return self.directory.log(stream)


class ExecutingRun(ExecutingProcess):
    """A run that nbrunner started: running or ended; for all else see `ExecutingProcess`.

    Attributes
    ----------
    run : metaflow.Run
        The run in Metaflow's Client, whatever the caller's namespace, metadata or
        directory.
    """

    _run: Run | None = None

    @property
    def run(self) -> Run:
        if self._run is None:
            assert self.pathspec is not None, "a handle is created once the run has its id"
            self._run = client.run_of(self.pathspec, self.attributes.get("metadata"))
        return self._run


class ExecutingTask(ExecutingProcess):
    """A task that ``spin`` started: running or ended; for all else see `ExecutingProcess`.

    As a context manager it raises FlowFailedError at the start of the block if the task has
    failed: Metaflow's ``spin`` raises there too.

    Attributes
    ----------
    task : metaflow.Task
        The task in Metaflow's Client.
    """

    _task: Task | None = None

    def __enter__(self) -> ExecutingTask:
        if self.status == "failed":
            raise FlowFailedError(f"{self.pathspec} failed\n{self.failure}")
        return self

    @property
    def task(self) -> Task:
        if self._task is None:
            facts = self.attributes
            pathspec = f"{self.pathspec}/{facts['step_name']}/{facts['task_id']}"
            self._task = client.task_of(pathspec, facts.get("metadata"))
        return self._task


def attach(run: str) -> ExecutingRun | ExecutingTask:
    """Return a handle of a run that nbrunner started, now or in another process.

    Parameters
    ----------
    run : str
        Its pathspec (``"Flow/1234"``) or its id.

    Raises
    ------
    RunNotFoundError
        nbrunner did not start it for this user, or its record has expired.
    BadValueError
        It is no text, or an empty one.
    """
    directory = registry.find(run)
    record = directory.read(run_directory.RECORD) or {}
    return (ExecutingTask if record.get("subcommand") == "spin" else ExecutingRun)(directory)
