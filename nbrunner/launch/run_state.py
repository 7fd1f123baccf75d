"""A run as its directory and its processes show it: who it is, how it stands, its end."""

from __future__ import annotations

import asyncio
import contextlib
import time

from nbrunner.aio.inotify import changes_in
from nbrunner.launch.child_processes import ended
from nbrunner.launch.processes import Look, ProcessIdentity, descendants, moment_of_boot_clock
from nbrunner.launch.run_processes import run_process_of, supervisor_of
from nbrunner.record import run_directory
from nbrunner.record.run_directory import Json, RunDirectory
from nbrunner.record.spin_attributes import is_spin, spun_attributes

# A run whose supervisor has not said who it is may just be starting.
_STARTING_SECONDS = 30.0


class RunState:
    """Looks after one run, from any thread and event loop.

    Parameters
    ----------
    directory : RunDirectory
    supervisor : ProcessIdentity, optional
        Known, to whoever has just started it, before it has written down who it is.
    """

    def __init__(self, directory: RunDirectory, supervisor: ProcessIdentity | None = None) -> None:
        self.directory = directory
        self.record: Json = {
            "started": directory.touched(),
            **(directory.read(run_directory.RECORD) or {}),
        }
        # Kept: the record may be deleted while the run goes on.
        self._supervisor = supervisor or supervisor_of(directory)
        self._run_process = run_process_of(directory)
        self._exit: Json | None = None
        self._held_exit: run_directory.HeldFile | None = None
        self._attributes: Json | None = None

    @property
    def supervisor(self) -> ProcessIdentity | None:
        """Who supervises the run, alive or not; None while nobody has said so."""
        if self._supervisor is None:
            self._supervisor = supervisor_of(self.directory)
        return self._supervisor

    @property
    def run_process(self) -> ProcessIdentity | None:
        """The run process, alive or not; None while nobody has said which it is."""
        if self._run_process is None:
            self._run_process = run_process_of(self.directory)
        return self._run_process

    def processes(self, look: Look | None = None) -> set[ProcessIdentity]:
        """Return every living process of the run, its supervisor included.

        Parameters
        ----------
        look : Look, optional
            The processes of a moment ago; default those of now.
        """
        look = look or Look()
        found = set(look.marked(str(self.directory.path)))
        if self.supervisor is not None:  # forks of the warm interpreter do not show our mark
            found |= set(look.session_of(self.supervisor))
        for known in (self.supervisor, self.run_process):
            if known is not None and known.alive():
                found |= {known, *descendants(known.pid)}
        return found

    def lives_on(self, look: Look | None = None) -> bool:
        """Tell whether there is something to stop: the run, or what is left of a lost one."""
        if self.status == "running":
            return True
        return self.exit_record is None and bool(self.processes(look))

    def keep_exit(self, record: Json) -> None:
        """Keep how the run has ended where its directory cannot take it."""
        self._exit = record

    @property
    def attributes(self) -> Json:
        """What Metaflow tells of the run: flow_name, run_id, metadata; empty before."""
        if self._attributes is None:
            self._attributes = self.directory.read(run_directory.ATTRIBUTES) or spun_attributes(
                self.directory, self.record
            )
        return self._attributes or {}

    @property
    def exit_record(self) -> Json | None:
        """What the supervisor wrote at the end; None before."""
        if self._exit is None:
            self._exit = self.directory.read(run_directory.EXIT)
        if self._exit is None and self._held_exit is not None:
            self._exit = self._held_exit.read()
        return self._exit

    @property
    def status(self) -> str:
        """See `nbrunner.handles.ExecutingProcess.status`."""
        exit_record = self.exit_record
        if exit_record is None:
            if self._alive():
                return "running"
            exit_record = self.exit_record  # it may have ended between the two looks
        if exit_record is None:
            return "lost"
        if exit_record["returncode"] == 0:
            return "successful"
        return str(exit_record["stop"] or "failed")

    @property
    def returncode(self) -> int | None:
        """Exit code of the run process, negative for a signal; None if nobody saw it end."""
        return self.exit_record["returncode"] if self.exit_record else None

    def is_over(self, look_for_process: bool = True) -> bool:
        """Tell whether the run has ended or is lost.

        Looking for its process costs more than looking for its exit record.
        """
        if self.exit_record is not None:
            return True
        if not look_for_process or self._alive():
            return False
        return self.exit_record is not None or not self._alive()

    def _alive(self) -> bool:
        """Tell whether the run goes on, supervised or not."""
        supervisor = self.supervisor
        if supervisor is None:
            return _may_be_starting(self.record) and self.directory.path.exists()
        if supervisor.alive():
            return True
        return self.run_process is not None and self.run_process.alive()

    def discard(self) -> None:
        """Delete the directory: now, or at the end of the run if it goes on."""
        with contextlib.suppress(OSError):
            # Deleted by the supervisor, perhaps before anybody has seen how the run ended.
            self._held_exit = run_directory.HeldFile(self.directory, run_directory.EXIT)
        with contextlib.suppress(FileNotFoundError):
            self.directory.mark(run_directory.DISCARD)
        if self.status != "running":
            self.directory.delete()

    async def until_over(self) -> None:
        """Wait until the run has ended, or is lost, and its supervisor is reaped."""
        if not self.is_over():
            with changes_in(self.directory.path) as changes:
                while not self.is_over():
                    await changes.wait()
        supervisor = self.supervisor
        if supervisor is not None and self.exit_record is not None:
            # It may still be clearing away old records; nothing of this run depends on it.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await ended(supervisor)

    async def until_unsupervised(self) -> None:
        """Wait until the run is over, or goes on though its supervisor is dead."""
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


def _may_be_starting(record: Json) -> bool:
    """Tell whether a run was started so lately that its supervisor may yet say who it is.

    The time of day may have been set since. A record of an older nbrunner has nothing else:
    then a start in the future counts for as long as one in the past.
    """
    now = moment_of_boot_clock()
    if now and "boot" in record and "boot_seconds" in record:
        age = now["boot_seconds"] - float(record["boot_seconds"])
        return bool(record["boot"] == now["boot"] and abs(age) < _STARTING_SECONDS)
    return abs(time.time() - float(record["started"])) < _STARTING_SECONDS
