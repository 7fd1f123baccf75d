"""The state of a run, from its directory and processes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import cast

from nbrunner.aio.inotify import changes_in
from nbrunner.launch.child_processes import ended
from nbrunner.launch.processes import Look, ProcessIdentity, moment_of_boot_clock
from nbrunner.launch.run_processes import (
    living_processes,
    run_process_of,
    supervisor_by_outputs,
    supervisor_of,
)
from nbrunner.record import run_directory
from nbrunner.record.run_directory import RunDirectory
from nbrunner.record.schema import Attributes, Exit, Record
from nbrunner.record.spin_attributes import is_spin, spun_attributes
from nbrunner.status import RunStatus

# A run without supervisor.json may be starting for this long.
_STARTING_SECONDS = 30.0


class RunState:
    """State of one run; usable from any thread and event loop.

    Parameters
    ----------
    directory : RunDirectory
        Directory of the run.
    supervisor : ProcessIdentity, optional
        Supplied by the process that started the run, before supervisor.json exists.
    """

    def __init__(self, directory: RunDirectory, supervisor: ProcessIdentity | None = None) -> None:
        self.directory = directory
        self.record: Record = {
            "started": directory.touched(),
            **(directory.read(run_directory.RECORD) or {}),
        }
        # Kept because the record may be deleted while the run continues.
        self._supervisor = supervisor or supervisor_of(directory)
        self._run_process = run_process_of(directory)
        self._exit: Exit | None = None
        self._held_exit: run_directory.HeldFile | None = None
        self._attributes: Attributes | None = None

    @property
    def supervisor(self) -> ProcessIdentity | None:
        """The supervisor, running or ended; None while it is not recorded."""
        if self._supervisor is None:
            self._supervisor = supervisor_of(self.directory)
        return self._supervisor

    @property
    def run_process(self) -> ProcessIdentity | None:
        """The run process, running or ended; None while it is not recorded."""
        if self._run_process is None:
            self._run_process = run_process_of(self.directory)
        return self._run_process

    def processes(self, look: Look | None = None) -> set[ProcessIdentity]:
        """Return all running processes of the run, including its supervisor.

        Parameters
        ----------
        look : Look, optional
            Snapshot of the processes to use; default a new one.
        """
        return living_processes(self.directory, self.supervisor, self.run_process, look)

    def lives_on(self, look: Look | None = None) -> bool:
        """Return whether there is something to stop: a running run, or the rest of a lost one."""
        if self.exit_record is not None:
            return False
        self.look_for_supervisor(look)
        return self.status == "running" or bool(self.processes(look))

    def look_for_supervisor(self, look: Look | None = None) -> None:
        """Find the supervisor among all processes, if the run's files do not name it."""
        if self.supervisor is None:
            self._supervisor = supervisor_by_outputs(self.directory, look or Look())

    def keep_exit(self, record: Exit) -> None:
        """Keep the exit record in memory if the directory cannot be written."""
        self._exit = record

    @property
    def attributes(self) -> Attributes:
        """Metaflow's flow_name, run_id and metadata; empty until the run has an id."""
        if self._attributes is None:
            self._attributes = self.directory.read(run_directory.ATTRIBUTES) or spun_attributes(
                self.directory, self.record
            )
        return self._attributes or cast(Attributes, {})

    @property
    def exit_record(self) -> Exit | None:
        """The exit record written by the supervisor; None before."""
        if self._exit is None:
            self._exit = self.directory.read(run_directory.EXIT)
        if self._exit is None and self._held_exit is not None:
            self._exit = cast("Exit | None", self._held_exit.read())
        return self._exit

    @property
    def status(self) -> RunStatus:
        """See `nbrunner.handles.ExecutingProcess.status`."""
        exit_record = self.exit_record
        if exit_record is None:
            if self._alive():
                return "running"
            exit_record = self.exit_record  # it may have ended between the two reads
        if exit_record is None:
            return "lost"
        if exit_record["returncode"] == 0:
            return "successful"
        return exit_record["stop"] or "failed"

    @property
    def returncode(self) -> int | None:
        """Exit code of the run process, negative for a signal; None if running or lost."""
        return self.exit_record["returncode"] if self.exit_record else None

    def is_over(self, look_for_process: bool = True) -> bool:
        """Return whether the run has ended or is lost.

        Parameters
        ----------
        look_for_process : bool
            Whether to check its process, which costs more than reading the exit record.
        """
        if self.exit_record is not None:
            return True
        if not look_for_process or self._alive():
            return False
        return self.exit_record is not None or not self._alive()

    def _alive(self) -> bool:
        """Return whether the run continues, supervised or not."""
        supervisor = self.supervisor
        if supervisor is None:
            return _may_be_starting(self.record) and self.directory.path.exists()
        if supervisor.alive():
            return True
        return self.run_process is not None and self.run_process.alive()

    def discard(self) -> None:
        """Delete the directory, now or when the run ends."""
        with contextlib.suppress(OSError):
            # The supervisor deletes it, possibly before the exit record was read here.
            self._held_exit = run_directory.HeldFile(self.directory, run_directory.EXIT)
        with contextlib.suppress(FileNotFoundError):
            self.directory.mark(run_directory.DISCARD)
        if self.status != "running":
            self.directory.delete()

    async def until_over(self) -> None:
        """Wait until the run has ended or is lost, and its supervisor is reaped."""
        if not self.is_over():
            with changes_in(self.directory.path) as changes:
                while not self.is_over():
                    await changes.wait()
        supervisor = self.supervisor
        if supervisor is not None and self.exit_record is not None:
            # It may still be deleting old records, which does not matter for this run.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await ended(supervisor)

    async def until_unsupervised(self) -> None:
        """Wait until the run is over, or continues although its supervisor is dead."""
        with changes_in(self.directory.path) as changes:
            while not self.is_over() and (self.supervisor is None or self.supervisor.alive()):
                await changes.wait()
        if self.is_over():
            await self.until_over()

    async def until_named(self) -> None:
        """Wait until the run has its id, or is over without one."""
        logs = [self.directory.log("stdout")] if is_spin(self.record) else []
        with changes_in(self.directory.path, *logs) as changes:
            while not self.attributes and not self.is_over():
                await changes.wait()
        self.run_process  # noqa: B018 - known from now on, whatever becomes of the record
        if not self.attributes:
            await self.until_over()


def _may_be_starting(record: Record) -> bool:
    """Return whether a run started so recently that its supervisor may not be recorded yet.

    The time of day may have been changed since. Records of older versions have no other clock: a
    start in the future then counts like one equally far in the past.
    """
    now = moment_of_boot_clock()
    if now and "boot" in record and "boot_seconds" in record:
        age = now["boot_seconds"] - float(record["boot_seconds"])
        return bool(record["boot"] == now["boot"] and abs(age) < _STARTING_SECONDS)
    return abs(time.time() - float(record["started"])) < _STARTING_SECONDS
