"""Sweep: what one holds of many runs of a flow: their state, results, waiting, stopping."""

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
from nbrunner.errors import NbrunnerError, NoEventLoopError
from nbrunner.handles import ExecutingRun
from nbrunner.launch.processes import Look
from nbrunner.record.run_directory import Json
from nbrunner.rerun import runner_like
from nbrunner.runner import Runner
from nbrunner.status import UNSUCCESSFUL
from nbrunner.sweeps.store import SweepDirectory, SweepStoppedError

OnFailure = Literal["continue", "stop"]

# How often to look for runs that another process starts.
_LOOK_SECONDS = 1.0

#: What has runs started while the caller does other things; default: the caller's own loop.
STARTED_BY: list[Callable[[Any], Future[None]]] = []


class Sweep:
    """Runs of one flow with different parameters, in the order of these.

    Made by `sweep`, `async_sweep` and `attach_sweep`.

    Parameters
    ----------
    directory : SweepDirectory
    runner : Runner, optional
        Who starts the runs; default one like that which began the sweep.

    Attributes
    ----------
    name : str
        What `attach_sweep` finds it by.
    parameters : list of dict
        The keyword arguments of each run.
    parallel : int
        How many run at once.
    on_failure : str
        ``"continue"``, or ``"stop"``: a failure ends the sweep.
    artifacts : tuple of str
        The results that are looked at: on its board, and in `table` by default.
    errors : dict of int to NbrunnerError
        Why a run could not be started, by its place.
    """

    def __init__(self, directory: SweepDirectory, runner: Runner | None = None) -> None:
        content = directory.content
        self._directory = directory
        self._runner = runner
        self._handles: dict[int, ExecutingRun] = {}
        self._noted: dict[int, Json] = {}
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

    # -- how it is ----------------------------------------------------------------------

    @property
    def runs(self) -> list[ExecutingRun | None]:
        """The runs in order; None for one that has not been started, or has no record any more."""
        return [self._handles.get(index) for index in range(len(self.parameters))]

    @property
    def statuses(self) -> list[str]:
        """The status of each run; ``"waiting"`` for those to come, ``"not started"`` for
        those that never will.
        """
        over = self._directory.is_stopped
        return [self._status(index, over) for index in range(len(self.parameters))]

    def _status(self, index: int, over: bool) -> str:
        if index in self._handles:
            return self._handles[index].status
        if index in self._noted:  # its record is deleted
            return str(self._noted[index]["status"])
        return "not started" if over or index in self.errors else "waiting"

    @property
    def counts(self) -> dict[str, int]:
        """How many runs have each status."""
        statuses = self.statuses
        return {status: statuses.count(status) for status in dict.fromkeys(statuses)}

    @property
    def is_over(self) -> bool:
        """Whether nothing runs and nothing will be started."""
        return not {"waiting", "running"}.intersection(self.statuses)

    def table(self, *artifacts: str) -> Any:
        """Return parameters and results, a row for each run in order.

        Parameters
        ----------
        *artifacts : str
            Artifacts of the last step to add, default those of the sweep; None where a run
            has none of that name.

        Returns
        -------
        pandas.DataFrame, or list of dict where pandas is not installed
            The parameters, then ``status``, ``seconds``, ``run`` (its pathspec), the artifacts.
            One of these three that is the name of a parameter or artifact too has ``run_``
            before it: ``run_seconds``.
        """
        names = artifacts or self.artifacts
        taken = {*names, *itertools.chain(*self.parameters)}
        rows = [
            self._row(index, status, names, taken) for index, status in enumerate(self.statuses)
        ]
        try:
            import pandas
        except ImportError:
            return rows
        return pandas.DataFrame(rows)

    def _row(
        self, index: int, status: str, artifacts: Collection[str], taken: Collection[str]
    ) -> dict[str, Any]:
        run = self._handles.get(index)
        noted = self._noted.get(index, {})
        own = {
            "status": status,
            "seconds": noted.get("seconds") if run is None else run.elapsed_seconds,
            "run": noted.get("run") if run is None else run.pathspec,
        }
        row = dict(self.parameters[index])
        row |= {f"run_{name}" if name in taken else name: value for name, value in own.items()}
        data = run.run.data if artifacts and run is not None and status == "successful" else None
        return row | {name: getattr(data, name, None) for name in artifacts}

    # -- waiting and stopping -----------------------------------------------------------

    async def wait(self) -> Sweep:
        """Start what is left to start, unless somebody does already, and wait for all.

        Cancelling this leaves the runs alone.
        """
        driven = self._driven
        if driven is not None and not driven.cancelled():
            try:
                await asyncio.shield(asyncio.wrap_future(driven))
                return self  # noqa: TRY300 (an else would stand far below)
            except asyncio.CancelledError:
                current = asyncio.current_task()
                if current is None or current.cancelling():
                    raise
        # Nobody starts them, or the loop that did has ended.
        await self._drive(None)
        return self

    def __await__(self) -> Generator[Any, None, Sweep]:
        return self.wait().__await__()

    async def async_stop(self) -> None:
        """Start no more runs, and stop those that run."""
        self._directory.ask_to_stop()
        self._looked_at = 0.0
        self.refresh()
        look = Look()
        known = [run for run in self.runs if run is not None]
        # Another process may be about to start one: its directory is there, its record is not.
        known += [ExecutingRun(each) for each in self._directory.starting()]
        running = [run for run in known if run.watched.lives_on(look)]
        await asyncio.gather(*(run.async_stop() for run in running))

    def stop(self) -> None:
        """Do as `async_stop`, and wait for it."""
        drive(lambda output: self.async_stop())

    def refresh(self) -> None:
        """Look for runs that another process has started, if one does that."""
        if self._starts or time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        for index, directory in self._directory.runs().items():
            if index not in self._handles:
                self._handles[index] = ExecutingRun(directory)
        self._noted = self._directory.noted_runs()

    # -- inside -------------------------------------------------------------------------

    def begin(self) -> None:
        """Have the runs started without waiting for them.

        Raises
        ------
        NoEventLoopError
            Nothing is there to start them while the caller goes on: in a script this is
            called inside of ``async def``. ``asyncio.run(sweep.wait())`` starts and waits.
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
                        await self.async_stop()  # while nobody was there to see it
                    await self._start_all(output)
                    return
            # Another process starts them; should it die, it is our turn.
            with changes_in(self._directory.path) as changes:
                await changes.wait(_LOOK_SECONDS)

    async def _start_all(self, output: Output | None) -> None:
        limit = asyncio.Semaphore(self.parallel)
        gone = self._noted.keys() - self._handles.keys()
        places = [index for index in range(len(self.parameters)) if index not in gone]
        self._starts = True
        try:
            async with asyncio.TaskGroup() as group:
                # Those that run already, after a restart say, are waited for first.
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
        if self._directory.is_stopped:  # while it was starting: nobody else knew of it
            await run.async_stop()
        return run

    def _note(self, index: int, run: ExecutingRun) -> None:
        """Keep how a run has ended; without it the run would be started again one day."""
        ended = {"run": run.pathspec, "status": run.status, "seconds": run.elapsed_seconds}
        with contextlib.suppress(OSError):  # on a full disk the record of the run has to do
            self._directory.note_run(index, ended)

    def _told(self, index: int) -> str:
        said = " ".join(f"{name}={value}" for name, value in self.parameters[index].items())
        run = self._handles.get(index)
        if run is None:
            return f"{said}: {self.errors.get(index, 'not started')}\n"
        return f"{said}: {run.pathspec} {run.status}, {run.elapsed_seconds or 0:.1f} s\n"


async def to_the_end(sweep: Sweep, output: Output | None) -> None:
    """Start what is left to start and wait for all; a line of each goes to the output."""
    await sweep._drive(output)  # noqa: SLF001 (its own module; no method for users)
