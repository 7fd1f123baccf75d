"""The supervisor of one run: starts it, reaps it, stops it on request, records its end.

A process of its own that leads the run's session, so that interrupts, restarts and crashes of the
kernel do not reach the run. It adopts all orphaned descendants (child subreaper) and therefore
knows all processes of the run. It reads and writes the run directory, and wakes up for signals
only:

SIGCHLD   a child has ended
SIGUSR1   ``stop.json`` has been written
SIGTERM   stop the run as for ``stop.json``, for example when the machine shuts down

It is started as ``python -I -S`` and imports the standard library only.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import subprocess
import sys
import time
from typing import NoReturn

from nbrunner.launch import processes
from nbrunner.launch.interrupt import Interrupt
from nbrunner.launch.stop_ladder import LOOK_SECONDS, STRAYS, Climb, Rung, StopRequest
from nbrunner.record import private, run_directory
from nbrunner.record.run_directory import ReservedFile, RunDirectory
from nbrunner.record.schema import Exit, Identity, Record, Supervisor as SupervisorFile

# SIGINT and SIGHUP are meant for programs in a terminal, not for a run in its own session.
_SIGNALS = (signal.SIGCHLD, signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_STOPPING = {signal.SIGUSR1, signal.SIGTERM}


class Supervisor:
    """Supervises one run from its start to the end of its last process."""

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        self.inbox = SignalInbox()
        self.run_pid: int | None = None
        self.returncode: int | None = None
        self.ended: float | None = None
        self.disk_full = False
        self.request: StopRequest | None = None
        self.climb: Climb | None = None
        self.interrupt = Interrupt(directory)
        self.left = 0

    def supervise(self) -> None:
        """Start the recorded run, wait for its end, and record it."""
        processes.adopt_orphans()
        exit_file = ReservedFile(self.directory, run_directory.EXIT)
        error = self._start()
        if error is None:
            self._wait_for_run()
        self._clear_away()
        self.record_exit(exit_file, error)

    def record_exit(self, exit_file: ReservedFile, error: str | None) -> None:
        """Write the exit record, unless the record of the run was deleted in the meantime."""
        record = self._exit_record(error)
        try:
            with contextlib.suppress(FileNotFoundError):  # its files were deleted
                exit_file.publish(record)
                return
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # the directory was
                ReservedFile(self.directory, run_directory.EXIT).publish(record)
        except OSError as failure:  # for example a read-only disk: the run is lost
            sys.stderr.write(f"the end of the run cannot be recorded: {failure}\n")

    def _start(self) -> str | None:
        """Start the run process; return an error message, or None."""
        record = self.directory.read(run_directory.RECORD)
        try:
            if record is None or "command" not in record or "cwd" not in record:
                raise ValueError(  # noqa: TRY301 (reported like any other error of the start)
                    self.directory.damaged.get(run_directory.RECORD, "no command recorded")
                )
            self.run_pid = start_process(self.directory, record)
        except Exception as error:  # any error must reach the process that waits for the run
            return f"{type(error).__name__}: {error}"
        return self._say_who()

    def _say_who(self) -> str | None:
        """Write supervisor.json; return an error message, or None.

        Without that file, other processes would consider the run lost.
        """
        try:
            ReservedFile(self.directory, run_directory.SUPERVISOR).publish(self._identities())
        except OSError as error:
            return f"its processes cannot be recorded: {type(error).__name__}: {error}"
        return None

    def _identities(self) -> SupervisorFile:
        def facts(pid: int | None) -> Identity | None:
            identity = processes.identify(pid) if pid else None
            return {"pid": identity.pid, "started": identity.started} if identity else None

        return {"supervisor": facts(os.getpid()), "run": facts(self.run_pid)}

    def _wait_for_run(self) -> None:
        """Wait until the run process has ended; climb the stop ladder on request.

        A run process that cannot be killed is left running.
        """
        if self.directory.exists(run_directory.STOP):  # requested before there was a pid to signal
            self._begin_stop()
        while self.returncode is None:
            timeout = None if self.request is None else LOOK_SECONDS
            if self.inbox.wait(timeout) & _STOPPING and self.request is None:
                self._begin_stop()
            self._reap()
            if self.climb is not None and self.returncode is None and not self._climb(self.climb):
                return

    def _begin_stop(self) -> None:
        self.request = StopRequest.from_json(self.directory.read(run_directory.STOP))
        self.climb = Climb(self.request, time.monotonic())

    def _climb(self, climb: Climb) -> bool:
        """Send the signals that are due; return False if there are no more to send."""
        rung, sent = climb.rung(time.monotonic()), climb.signals
        if rung is Rung.GIVE_UP:
            return False
        if rung is Rung.INTERRUPT:
            run = processes.identify(self.run_pid) if self.run_pid else None
            if run and self.interrupt.send(run):
                climb.note(rung, run)
        else:
            climb.send(rung, processes.descendants(os.getpid()))
        if climb.signals != sent:
            with contextlib.suppress(OSError):  # no room; the exit record has them too
                self.directory.write(run_directory.STOPPING, {"signals": climb.signals})
        return True

    def _clear_away(self) -> None:
        """Stop the remaining processes of a stopped, killed, failed or deleted run.

        Processes of a successful run are left alone: a daemon started by a step continues, as it
        does on the command line.
        """
        if self.returncode == 0 and self.request is None:
            return
        if self.climb is None:
            self.climb = Climb(STRAYS, time.monotonic())
        while self._reap():
            if not self._climb(self.climb):
                self.left = len(processes.descendants(os.getpid()))
                return
            self.inbox.wait(LOOK_SECONDS)

    def _reap(self) -> bool:
        """Reap all children that have ended; return whether any are left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.run_pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                self.ended = time.time()
                if self.climb is not None:
                    self.climb.run_has_ended(time.monotonic())
                # Checked now: deleting files later may free space.
                self.disk_full = self.returncode != 0 and self.directory.on_full_disk()

    def _exit_record(self, error: str | None) -> Exit:
        climb = self.climb or Climb(STRAYS, time.monotonic())
        report = climb.report(time.monotonic(), self.left)
        if self.request is None:
            report["stop_seconds"] = None
        return {
            "returncode": self.returncode,
            "ended": self.ended or time.time(),
            "error": error,
            "disk_full": self.disk_full,
            "stop": self.request.reason if self.request else None,
            **report,
        }


def start_process(directory: RunDirectory, record: Record) -> int:
    """Start the run process with the log files as its output.

    Raises
    ------
    OSError
        The program, the working directory or a log cannot be opened.
    """
    logs = open_logs(directory)
    try:
        process = subprocess.Popen(
            record["command"],
            cwd=record["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=logs[0],
            stderr=logs[1],
            process_group=0,  # as in a shell: a step may signal its own group
        )
    finally:
        for log in logs:
            os.close(log)
    process.returncode = 0  # this module reaps; Popen must not
    return process.pid


def open_logs(directory: RunDirectory) -> tuple[int, int]:
    """Return descriptors to append to the logs of stdout and stderr."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    stdout, stderr = (
        private.open_file(directory.log(stream), flags) for stream in run_directory.STREAMS
    )
    return stdout, stderr


class SignalInbox:
    """Receives signals one after the other, outside of signal handlers.

    The handlers do nothing; the interpreter writes the number of each signal to a pipe. An
    executed program gets the default handlers.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for signum in _SIGNALS:
            signal.signal(signum, lambda signum, frame: None)

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, timeout_seconds: float | None) -> set[int]:
        """Return the signals received since the last call; wait for one if there are none."""
        select.select([self._reader], [], [], timeout_seconds)
        with contextlib.suppress(BlockingIOError):
            return set(os.read(self._reader, 4096))
        return set()


def finish(directory: RunDirectory) -> None:
    """Finish a run that is over and recorded: delete or index it, and expire old records."""
    if directory.exists(run_directory.DISCARD):
        directory.delete()
    elif directory.exists():  # else it was deleted, possibly with all others
        from nbrunner.launch.run_processes import goes_on
        from nbrunner.record import code_store, run_index
        from nbrunner.record.retention import expire_if_due
        from nbrunner.record.spin_attributes import spun_attributes

        record = directory.read(run_directory.RECORD)
        if record is not None and not directory.exists(run_directory.ATTRIBUTES):
            spun_attributes(directory, record)  # unless its starter did
        run_index.note_end(directory)
        if record is not None:  # else the retention limits are unknown
            contents = code_store.folder_beside(directory.path.parent)
            code_store.touch(contents, record.get("code", {}))
            living = functools.partial(goes_on, look=processes.Look())
            expire_if_due(directory.path.parent, living, record.get("keep", {}))


def main() -> NoReturn:
    """Supervise the run whose directory is given on the command line."""
    directory = RunDirectory(sys.argv[1])
    Supervisor(directory).supervise()
    finish(directory)
    sys.exit(0)


if __name__ == "__main__":
    main()
