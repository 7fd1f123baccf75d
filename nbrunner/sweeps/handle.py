"""Sweep: the handle of many runs of a flow, with their states and results."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Collection, Generator, Iterator
from concurrent.futures import Future
from typing import Any, Literal

from nbrunner.aio.blocking import Output, drive
from nbrunner.aio.inotify import changes_in
from nbrunner.data_frame import data_frame
from nbrunner.errors import NbrunnerError, NoEventLoopError
from nbrunner.handles import ExecutingRun
from nbrunner.launch.processes import Look
from nbrunner.record.schema import SweepRun
from nbrunner.rerun import runner_like
from nbrunner.runner import Runner
from nbrunner.status import UNSUCCESSFUL
from nbrunner.sweeps.store import SweepDirectory, SweepStoppedError

OnFailure = Literal["continue", "stop"]

# Interval between looks for runs that another process starts.
_LOOK_SECONDS = 1.0

#: Start runs in the background; default: on the caller's event loop.
STARTED_BY: list[Callable[[Any], Future[None]]] = []


class Sweep:
    """Runs of one flow with different parameters, in the order of the parameters.

    Created by `sweep`, `async_sweep` and `attach_sweep`.

    Parameters
    ----------
    directory : SweepDirectory
        Directory of the sweep.
    runner : Runner, optional
        Runner for the runs; default one with the settings of the first.

    Attributes
    ----------
    name : str
        Name for `attach_sweep`.
    parameters : list of dict
        Keyword arguments of each run.
    parallel : int
        Number of runs at once.
    on_failure : str
        ``"continue"``, or ``"stop"``: no more runs are started after a failure.
    artifacts : tuple of str
        Artifacts shown on the board, and in `table` by default.
    errors : dict of int to NbrunnerError
        Errors of runs that could not be started, by index.
    """

    def __init__(self, directory: SweepDirectory, runner: Runner | None = None) -> None:
        content = directory.content
        self._directory = directory
        self._runner = runner
        self._handles: dict[int, ExecutingRun] = {}
        self._noted: dict[int, SweepRun] = {}
        self._driven: Future[None] | None = None
        self._starts = False
        self._looked_at = 0.0
        self.name = directory.name
        self.flow: str = content["flow"]
        self.parameters: list[dict[str, Any]] = content["parameters"]
        self.parallel: int = content["parallel"]
        self.on_failure: OnFailure = content["on_failure"]
        self.artifacts: tuple[str, ...] = tuple(content.get("artifacts", ()))
        self.errors: dict[int, NbrunnerError] = {}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in self.counts.items())
        return f"<Sweep {self.name} of {self.flow}: {counts}>"

    def __len__(self) -> int:
        return len(self.parameters)

    def __getitem__(self, index: int) -> ExecutingRun | None:
        return self.runs[index]

    def __iter__(self) -> Iterator[ExecutingRun | None]:
        return iter(self.runs)

    # -- state --------------------------------------------------------------------------

    @property
    def runs(self) -> list[ExecutingRun | None]:
        """The runs in order; None for a run that was not started, or whose record was deleted."""
        return [self._handles.get(index) for index in range(len(self.parameters))]

    @property
    def statuses(self) -> list[str]:
        """The status of each run; ``"waiting"`` for later runs, ``"not started"`` for those that
        will not be started.
        """
        over = self._directory.is_stopped
        return [self._status(index, over) for index in range(len(self.parameters))]

    def _status(self, index: int, over: bool) -> str:
        if index in self._handles:
            return self._handles[index].status
        if index in self._noted:  # its record was deleted
            return str(self._noted[index]["status"])
        return "not started" if over or index in self.errors else "waiting"

    @property
    def counts(self) -> dict[str, int]:
        """The number of runs by status."""
        statuses = self.statuses
        return {status: statuses.count(status) for status in dict.fromkeys(statuses)}

    @property
    def is_over(self) -> bool:
        """True if no run is active and none will be started."""
        return not {"waiting", "running"}.intersection(self.statuses)

    def table(self, *artifacts: str) -> Any:
        """Return parameters and results, one row per run, in order.

        Parameters
        ----------
        *artifacts : str
            Artifacts of the last step to add as columns (None for runs without the artifact);
            default: the artifacts of the sweep.

        Returns
        -------
        pandas.DataFrame, or list of dict if pandas is not installed
            The parameters, then ``status``, ``seconds``, ``run`` (the pathspec), and the artifacts.
            If a parameter or artifact has one of these three names, the column is prefixed with
            ``run_``: ``run_seconds``.
        """
        names = artifacts or self.artifacts
        taken = {*names, *itertools.chain(*self.parameters)}
        rows = [
            self._row(index, status, names, taken) for index, status in enumerate(self.statuses)
        ]
        return data_frame(rows)

    def _row(
        self, index: int, status: str, artifacts: Collection[str], taken: Collection[str]
    ) -> dict[str, Any]:
        run = self._handles.get(index)
        noted = self._noted.get(index)
        own: dict[str, object] = {
            "status": status,
            "seconds": run.elapsed_seconds if run else noted and noted["seconds"],
            "run": run.pathspec if run else noted and noted["run"],
        }
        row = dict(self.parameters[index])
        row |= {f"run_{name}" if name in taken else name: value for name, value in own.items()}
        data = run.run.data if artifacts and run is not None and status == "successful" else None
        return row | {name: getattr(data, name, None) for name in artifacts}

    # -- waiting and stopping -----------------------------------------------------------

    async def wait(self) -> Sweep:
        """Start the remaining runs, unless another process does, and wait for all.

        Cancelling the wait does not affect the runs.
        """
        driven = self._driven
        if driven is not None and not driven.cancelled():
            try:
                await asyncio.shield(asyncio.wrap_future(driven))
                return self  # noqa: TRY300 (an else would be far away)
            except asyncio.CancelledError:
                current = asyncio.current_task()
                if current is None or current.cancelling():
                    raise
        # No process starts them, or the event loop that did has ended.
        await self._drive(None)
        return self

    def __await__(self) -> Generator[Any, None, Sweep]:
        return self.wait().__await__()

    async def async_stop(self) -> None:
        """Start no more runs, and stop the active ones."""
        self._directory.ask_to_stop()
        self._looked_at = 0.0
        self.refresh()
        look = Look()
        known = [run for run in self.runs if run is not None]
        # Another process may be about to start one, whose directory exists without a record.
        known += [ExecutingRun(each) for each in self._directory.starting()]
        running = [run for run in known if run.watched.lives_on(look)]
        await asyncio.gather(*(run.async_stop() for run in running))

    def stop(self) -> None:
        """Start no more runs, stop the active ones, and wait for that; see `async_stop`."""
        drive(lambda output: self.async_stop())

    def refresh(self) -> None:
        """Look for runs that another process has started."""
        if self._starts or time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        for index, directory in self._directory.runs().items():
            if index not in self._handles:
                self._handles[index] = ExecutingRun(directory)
        self._noted = self._directory.noted_runs()

    # -- internal -----------------------------------------------------------------------

    def begin(self) -> None:
        """Start the runs in the background.

        Raises
        ------
        NoEventLoopError
            No event loop is running to start them. In a script, call this inside ``async def``, or
            use ``asyncio.run(sweep.wait())``.
        """
        if STARTED_BY:
            self._driven = STARTED_BY[-1](self._drive(None))
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError as error:
            raise NoEventLoopError(
                f"{self.name}: begin() starts runs on the caller's event loop, and none is "
                "running; call it inside async def, or use asyncio.run(sweep.wait())"
            ) from error
        done: Future[None] = Future()
        task = loop.create_task(self._drive(None))
        self._driven = done

        def pass_on(ended: asyncio.Task[None]) -> None:
            if ended.cancelled():
                done.cancel()
            elif (error := ended.exception()) is not None:
                done.set_exception(error)
            else:
                done.set_result(None)

        task.add_done_callback(pass_on)

    async def _drive(self, output: Output | None) -> None:
        while not self.is_over:
            with self._directory.driving() as ours:
                self._looked_at = 0.0
                self.refresh()
                if ours:
                    has_failed = any(status in UNSUCCESSFUL for status in self.statuses)
                    if has_failed and self.on_failure == "stop":
                        await self.async_stop()  # the failure was not handled when it occurred
                    await self._start_all(output)
                    return
            # Another process starts them; if it ends, this one takes over.
            with changes_in(self._directory.path) as changes:
                await changes.wait(_LOOK_SECONDS)

    async def _start_all(self, output: Output | None) -> None:
        limit = asyncio.Semaphore(self.parallel)
        gone = self._noted.keys() - self._handles.keys()
        places = [index for index in range(len(self.parameters)) if index not in gone]
        self._starts = True
        try:
            async with asyncio.TaskGroup() as group:
                # Active runs, for example after a restart, are waited for first.
                for index in sorted(places, key=lambda index: index not in self._handles):
                    group.create_task(self._one(index, limit, output))
        finally:
            self._starts = False

    async def _one(self, index: int, limit: asyncio.Semaphore, output: Output | None) -> None:
        async with limit:
            run = self._handles.get(index)
            known = run is not None and run.status != "running"
            try:
                if run is None:
                    if self._directory.is_stopped:
                        return
                    run = await self._started(index)
                await run.wait()
                self._note(index, run)
            except SweepStoppedError:
                return
            except NbrunnerError as error:
                self.errors[index] = error
            if known:
                return
            if output is not None:
                output.write("stdout", self._told(index))
            failed = run is None or run.status != "successful"
            if failed and self.on_failure == "stop" and not self._directory.is_stopped:
                await self.async_stop()

    async def _started(self, index: int) -> ExecutingRun:
        if self._runner is None:
            self._runner = runner_like(self._directory.content["file"], self._directory.content)
        arguments = self.parameters[index]
        note = functools.partial(self._directory.note, index)
        run = await self._runner.starter.start(ExecutingRun, "run", arguments, note)
        self._handles[index] = run
        if self._directory.is_stopped:  # while it was starting, unknown to the process that stopped
            await run.async_stop()
        return run

    def _note(self, index: int, run: ExecutingRun) -> None:
        """Record how a run ended; otherwise the run would be started again later."""
        ended: SweepRun = {
            "run": run.pathspec,
            "status": run.status,
            "seconds": run.elapsed_seconds,
        }
        with contextlib.suppress(OSError):  # on a full disk, the record of the run is enough
            self._directory.note_run(index, ended)

    def _told(self, index: int) -> str:
        said = " ".join(f"{name}={value}" for name, value in self.parameters[index].items())
        run = self._handles.get(index)
        if run is None:
            return f"{said}: {self.errors.get(index, 'not started')}\n"
        return f"{said}: {run.pathspec} {run.status}, {run.elapsed_seconds or 0:.1f} s\n"


async def to_the_end(sweep: Sweep, output: Output | None) -> None:
    """Start the remaining runs and wait for all; write a line about each to the output."""
    await sweep._drive(output)  # noqa: SLF001 (its own module; no method for users)
