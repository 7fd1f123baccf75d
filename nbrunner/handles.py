"""Handles of runs, running or ended, started by this or another process.

A handle refers to a run directory. It is not bound to an event loop or thread: it can be
awaited from any of them, several times, and created again from the directory.
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
from nbrunner.errors import CleanedUpError, FlowFailedError
from nbrunner.failed_run import failure_of
from nbrunner.how_started import HowStarted
from nbrunner.launch import stop
from nbrunner.launch.processes import ProcessIdentity
from nbrunner.launch.run_state import RunState
from nbrunner.launch.stop_ladder import (
    INTERRUPT_GRACE_SECONDS,
    TERMINATE_GRACE_SECONDS,
    StopReport,
    StopRequest,
)
from nbrunner.logs.clone_lines import printed_lines
from nbrunner.logs.progress_follower import ProgressFollower
from nbrunner.logs.reader import LineReader, log_of, read_text
from nbrunner.record import registry, run_directory
from nbrunner.record.run_directory import RunDirectory
from nbrunner.record.schema import Attributes, Record
from nbrunner.resumed import ResumedRun
from nbrunner.status import RunStatus
from nbrunner.text.brief_traceback import brief_when_interrupted

if TYPE_CHECKING:
    from metaflow import Run, Task

# Run directory name -> Runner, while the Runner is referenced elsewhere.
_RUNNERS: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()

_Self = TypeVar("_Self", bound="ExecutingProcess")


class ExecutingProcess(HowStarted):
    """A run or task started by nbrunner, running or ended.

    Created by the methods of `Runner` and by `attach`. As a context manager it does nothing at
    the end of the block; the run continues.

    Parameters
    ----------
    directory : RunDirectory
        Directory of the run.
    runner : Runner, optional
        Runner that started the run, if it is in this process.
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
        #: The Runner that started the run; None if it was deleted, or is in another process.
        self.runner = runner or _RUNNERS.get(directory.name)
        self.directory = directory
        #: Internal: the state of the run.
        self.watched = RunState(directory, supervisor)
        self._record = self.watched.record
        self._progress = ProgressFollower(directory.log("stdout"), self._record)
        self._failure: Failure | None = None
        self._resumed = ResumedRun(directory, self._record)

    # -- identity ---------------------------------------------------------------------

    @property
    def pathspec(self) -> str | None:
        """``"<flow name>/<run id>"``; None until Metaflow has given the run an id."""
        attributes = self.attributes
        return f"{attributes['flow_name']}/{attributes['run_id']}" if attributes else None

    @property
    def attributes(self) -> Attributes:
        """Metaflow's flow_name, run_id and metadata; empty until the run has an id."""
        return self.watched.attributes

    @property
    def command(self) -> list[str]:
        """The command line of the run process."""
        return list(self._record.get("command", []))

    @property
    def parameters(self) -> dict[str, Any]:
        """Keyword arguments of the run as JSON values, including its origin run's arguments."""
        return {**self._resumed.parameters, **self._record.get("arguments", {})}

    @property
    def origin(self) -> str:
        """Pathspec of the origin run; empty if there is none or it is not known yet."""
        return self._resumed.origin

    @property
    def record(self) -> Record:
        """The request in record.json: flow, arguments, directory, time."""
        return self._record.copy()

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

    # -- state ------------------------------------------------------------------------

    @property
    def status(self) -> RunStatus:
        """One of ``"running"``, ``"successful"``, ``"failed"``, ``"timeout"``, ``"stopped"``, and
        ``"lost"``, which means that the run ended and its exit code is unknown.
        """
        return self.watched.status

    @property
    def returncode(self) -> int | None:
        """Exit code of the run process, negative for a signal.

        None while the run is running and if it was lost.
        """
        return self.watched.returncode

    @property
    def elapsed_seconds(self) -> float | None:
        """Duration of the run in seconds, up to now if it is running; None if it was lost."""
        started = float(self._record["started"])
        if self.status == "running":
            return max(0.0, time.time() - started)
        exit_record = self.watched.exit_record
        return None if exit_record is None else max(0.0, float(exit_record["ended"]) - started)

    @property
    def stdout(self) -> str:
        """The run's output on stdout up to now."""
        return read_text(self._log("stdout"))

    @property
    def stderr(self) -> str:
        """The run's output on stderr up to now."""
        return read_text(self._log("stderr"))

    @property
    def progress(self) -> Progress:
        """Progress of steps and tasks, read from the run's output."""
        self._check_there()
        return self._progress.snapshot(ended=self.status != "running")

    @property
    def timeline(self) -> list[TaskSpan]:
        """Start and end of each task attempt, read from the run's output."""
        self._check_there()
        return self._progress.spans(ended=self.status != "running")

    @property
    def failure(self) -> Failure | None:
        """The failure of the run; None if it did not fail."""
        if self.status != "failed":
            return None
        self._check_there()
        if self._failure is None:
            self._failure = failure_of(self.watched, self._progress.failed_task())
        return self._failure

    # -- waiting ------------------------------------------------------------------------

    async def wait(
        self: _Self,
        timeout: float | None = None,  # noqa: ASYNC109 (as Metaflow's ExecutingRun.wait)
        stream: str | None = None,
    ) -> _Self:
        """Wait until the run has ended.

        Cancelling the wait does not affect the run.

        Parameters
        ----------
        timeout : float, optional
            Seconds after which the run is stopped; its status is then ``"timeout"``.
        stream : "stdout" or "stderr", optional
            Log of the run to print to stdout, from its first line.

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
            if not limit.expired():  # raised by the file system, for example a network disk
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
            Log to read.
        position : int, optional
            Position to continue from: one that was yielded with an earlier line, also in another
            process. Default: the start of the log.

        Yields
        ------
        (int, str)
            Position after the line, in bytes, and the line. An unterminated last line is yielded
            when the run has ended. Invalid UTF-8 is replaced. Lines are those of the log, where
            lines of cloned tasks may have run together.
        """
        log = self._log(stream)
        with LineReader(log, position or 0) as reader, changes_in(log.parent, log) as changes:
            changed = False
            while True:
                # Checked before reading, so that output written before the end is in the log.
                over = self.watched.is_over(look_for_process=not changed)
                while (block := reader.read_block()) is not None:
                    block.reverse()
                    while block:  # drops each line before the next one, which may be many megabytes
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
        """Yield the events of the run from its start; the last one is its final status."""
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
        """Stop the run and all of its descendants.

        1. SIGINT to the run process and its tasks, as Ctrl-C in a terminal.
        2. SIGTERM to the remaining processes, once the run process has ended or the first grace
           period is over.
        3. SIGKILL to the remaining processes after the second grace period.

        The run's supervisor sends the signals, even if this process ends first. A second stop
        waits for the first one, whose grace periods apply.

        Parameters
        ----------
        interrupt_grace_seconds, terminate_grace_seconds : float
            Seconds, 0 or more; 0 for the first one sends no SIGINT.

        Returns
        -------
        StopReport
            Signals sent and time taken; the status of the run if it had already ended.
        """
        request = StopRequest("stopped", interrupt_grace_seconds, terminate_grace_seconds)
        return await stop.end(self.watched, request)

    def stop(
        self,
        interrupt_grace_seconds: float = INTERRUPT_GRACE_SECONDS,
        terminate_grace_seconds: float = TERMINATE_GRACE_SECONDS,
    ) -> StopReport:
        """Stop the run and wait until it has ended; see `async_stop`."""
        graces = (interrupt_grace_seconds, terminate_grace_seconds)
        return drive(lambda output: self.async_stop(*graces))

    # -- internal ---------------------------------------------------------------------

    def _goes_on(self) -> AbstractContextManager[None]:
        """Report that the run continues if an interrupt ends the wait in this block."""
        return brief_when_interrupted(f"no longer waiting; {self.pathspec or 'the run'} continues")

    def _check_there(self) -> None:
        if not self.directory.path.exists():
            raise CleanedUpError(
                f"the logs of {self.pathspec or self.directory.name} no longer exist: cleanup() "
                "deleted them, or they expired; metaflow.Run still has the results"
            )

    def _log(self, stream: str) -> Path:
        path = log_of(self.directory, stream)
        self._check_there()
        return path


class ExecutingRun(ExecutingProcess):
    """A run started by nbrunner, running or ended; see `ExecutingProcess` for the rest.

    Attributes
    ----------
    run : metaflow.Run
        The run in Metaflow's Client, independent of the current namespace, metadata provider
        and directory.
    """

    _run: Run | None = None

    @property
    def run(self) -> Run:
        """The run in Metaflow's Client."""
        if self._run is None:
            assert self.pathspec is not None, "a handle is created once the run has its id"
            self._run = client.run_of(self.pathspec, self.attributes.get("metadata"))
        return self._run


class ExecutingTask(ExecutingProcess):
    """A task started by ``spin``, running or ended; see `ExecutingProcess` for the rest.

    As a context manager it raises FlowFailedError at the start of the block if the task has
    failed, as Metaflow's ``spin`` does.

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
        """The task in Metaflow's Client."""
        if self._task is None:
            facts = self.attributes
            pathspec = f"{self.pathspec}/{facts['step_name']}/{facts['task_id']}"
            self._task = client.task_of(pathspec, facts.get("metadata"))
        return self._task


def attach(run: str) -> ExecutingRun | ExecutingTask:
    """Return a handle of a run that nbrunner started, in this or another process.

    Parameters
    ----------
    run : str
        Pathspec of the run (``"Flow/1234"``), or its id.

    Raises
    ------
    RunNotFoundError
        nbrunner did not start this run for this user, or its record has expired.
    BadValueError
        The value is not a str, or is empty.
    """
    directory = registry.find(run)
    record = directory.read(run_directory.RECORD) or {}
    return (ExecutingTask if record.get("subcommand") == "spin" else ExecutingRun)(directory)
