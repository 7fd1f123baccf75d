"""The warm interpreter: imports metaflow once and forks on request.

::

    zygote                 no flow, no threads; waits on a socket of its owner
     └ supervisor          one per run, in a session of its own
        ├ fork server      has not executed the flow; forks the step tasks
        └ run process      becomes ``python -u flow.py run``

Each of these is a fork that continues where its parent was, so each has a role whose ``play``
returns, in a child, the role of that child. The last role is a `Program`: the loop of roles
ends, and the interpreter runs the flow as its main program.

The owner's end of the control socket closes when the owner ends, for whatever reason; the zygote
then ends too. Runs that have been forked no longer need it.

The remaining differences from a cold start that a flow can observe:

- the parent of a task, and of the process that renders its card, is the fork server;
  ``/proc/<pid>/cmdline`` and ``environ`` are those of the zygote; the run process has one more
  descriptor, closed on exec
- four more frames below the flow file's: in ``inspect.stack()``, in the recursion depth, in the
  stack that ``@timeout`` prints and faulthandler dumps
- if the flow file imports a preloaded module before metaflow, the module's warnings filters come
  before those of metaflow
- the run process starts the thread that packages its code up to two seconds later
- more modules are loaded; ``sys.meta_path`` has one more finder; ``gc.get_freeze_count()``
  differs; one more exit function is registered
- string hashes and addresses are the same in all forks of one zygote: a set of strings has the
  same order in the run process and all tasks, while it differs among fresh interpreters
- objects that the flow hides from the collector by ``gc.freeze`` are finalized anyway
- the modules that were imported before the fork come first in ``sys.modules``, and so are
  cleared last when the interpreter ends
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import select
import signal
import socket
import sys
import weakref
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, cast

from nbrunner.launch import metaflow_seam, processes
from nbrunner.launch.supervisor import Supervisor, finish, open_logs
from nbrunner.launch.warm import preload as preloading
from nbrunner.launch.warm.become import Program, execute, restore_signals
from nbrunner.launch.warm.eligibility import IMPORTED
from nbrunner.launch.warm.finalize import LastExitFunction, register_last
from nbrunner.launch.warm.fingerprint import LEARNED_VARIABLE, modules_to_preload
from nbrunner.launch.warm.fork_server import TaskServer
from nbrunner.launch.warm.learned import modules_of
from nbrunner.launch.warm.protocol import Refusal, ScriptRequest, StartRequest, receive, send
from nbrunner.launch.warm.run_files import RunFiles
from nbrunner.launch.warm.task_popen import use_for_tasks
from nbrunner.launch.warm.warmup import take_shortcuts
from nbrunner.record import private, run_directory
from nbrunner.record.run_directory import RunDirectory

GO = b"g"

# Sent to the owner after everything has been imported.
READY = b"r"

_QUOTED_BYTES = 1000


class Role(Protocol):
    """The task of one of the processes."""

    def play(self) -> Role | Program:
        """Perform it, then exit; return, in a child, the role of that child."""
        ...


def main() -> None:
    """Serve requests; in a fork that runs a flow, run it in ``__main__``."""
    descriptor = sys.argv.pop()
    log_size = os.fstat(2).st_size
    IMPORTED.note_start(set_by_python=sys.argv[1:])
    if IMPORTED.added:  # not by Python; see first_steps.py. A sitecustomize or .pth file sets them
        names = ", ".join(f"${name}" for name in sorted(IMPORTED.added))
        IMPORTED.inexact = f"each interpreter that starts here sets {names} to a new value"
    control = socket.socket(fileno=int(descriptor))
    control.set_inheritable(False)
    del sys.path[0]  # inserted by the bootstrap, for this package alone
    if not sys.flags.safe_path:
        del sys.path[0]  # "", because of -c; a script has its own folder there
    last_exit_function = register_last()
    role: Role | Program = Zygote(control, preload(last_exit_function, log_size))
    del control
    while not isinstance(role, Program):
        role = role.play()
    role.become(last_exit_function)
    script = role.arguments[0]
    del role
    execute(script, last_exit_function)


def preload(last_exit_function: weakref.ref[LastExitFunction], log_size: int | None = None) -> str:
    """Import the modules that every run needs, and those that the user requested.

    Parameters
    ----------
    last_exit_function : weak reference to LastExitFunction
        Records the imports.
    log_size : int or None
        The size in bytes of the log of warm interpreters when this one started; None if its
        output does not matter.

    Returns
    -------
    str
        Why no run can be started warm with this version of Metaflow; empty if one can.
    """
    last = last_exit_function()
    assert last is not None, "the exit functions were not cleared"
    wanted = modules_to_preload(os.environ)

    def base_done() -> None:
        if log_size is not None:
            IMPORTED.inexact = IMPORTED.inexact or printed(log_size)
        last.note_needed()  # hides all objects made so far
        gc.enable()  # what is imported from here on may have garbage, with finalizers

    learned = os.environ.get(LEARNED_VARIABLE, "").split()
    unfit = preloading.preload(wanted, IMPORTED, base_done, learned) or metaflow_seam.verify()
    if not unfit:
        take_shortcuts()
        metaflow_seam.remember_directories()
    last.note_preloaded()
    return unfit


def printed(log_size: int) -> str | None:
    """Return why forks are not exact if this process has printed something, else None.

    Each fresh interpreter would print it too, for example warnings with PYTHONWARNINGS or
    PYTHONDEVMODE. This process alone has its open file of the log, whose offset is 0 before that.
    """
    ctypes.pythonapi.fflush(None)
    if os.lseek(2, 0, os.SEEK_CUR) == 0:
        return None
    with open("/proc/self/fd/2", "rb") as log:
        log.seek(log_size)
        first, *_ = log.read(_QUOTED_BYTES).decode(errors="replace").strip().splitlines() or [""]
    return f"each interpreter that starts here prints {first!r}"


class Zygote:
    """Forks a child for every request of its owner.

    Parameters
    ----------
    control : socket.socket
        The socket of requests.
    unfit : str
        Why every request is refused; empty if requests are accepted.
    """

    def __init__(self, control: socket.socket, unfit: str) -> None:
        self._control = control
        self._unfit = unfit

    def play(self) -> Role:
        """Fork until the owner has ended; return, in each child, its role."""
        # The kernel reaps the children, which restore the handlers before they fork.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with contextlib.suppress(OSError):  # the owner has ended, which is noticed below
            self._control.send(READY)
        while True:
            message, descriptors, _flags, _address = socket.recv_fds(self._control, 1, 1)
            if not message:
                os._exit(0)  # the owner has ended
            if not descriptors:
                continue
            if _is_given_up(descriptors[0]):
                os.close(descriptors[0])
                continue
            try:
                pid = os.fork()
            except OSError as error:
                _refuse(descriptors[0], f"the warm interpreter cannot fork: {error}")
                continue
            if pid == 0:
                self._control.close()
                restore_signals()
                return _Requested(socket.socket(fileno=descriptors[0]), self._unfit)
            os.close(descriptors[0])


def _is_given_up(descriptor: int) -> bool:
    """Return whether the owner has closed the channel, after it had waited too long."""
    poll = select.poll()
    poll.register(descriptor, 0)  # POLLHUP is always reported
    return bool(poll.poll(0))


def _refuse(descriptor: int, why: str) -> None:
    """Refuse a request for which no fork could be made, so that the owner starts cold."""
    with socket.socket(fileno=descriptor) as channel, contextlib.suppress(OSError):
        send(channel, Refusal(refused=why, outdated=False, of_preload=False))


class _Requested:
    """A fresh fork: reads its request and waits for permission to start."""

    def __init__(self, channel: socket.socket, unfit: str) -> None:
        self._channel = channel
        self._unfit = unfit

    def play(self) -> Role | Program:
        os.setsid()
        request = cast(StartRequest, receive(self._channel))
        outdated = IMPORTED.outdated()
        refused = (
            outdated
            or self._unfit
            or IMPORTED.refusal(request["script"], _cwd(request), request["environment"])
        )
        unlike = None if refused else IMPORTED.unlike_import(request["script"])
        if why := refused or unlike:
            answer = Refusal(refused=why, outdated=bool(outdated), of_preload=bool(unlike))
            send(self._channel, answer)
            os._exit(0)
        request["environment"] |= IMPORTED.added
        identity = processes.identify(os.getpid())
        assert identity is not None
        send(self._channel, asdict(identity))
        # The owner may have stopped waiting; a request that it has given up must never start.
        if self._channel.recv(1) != GO:
            os._exit(0)
        self._channel.close()
        if request["kind"] == "script":
            return _script(request)
        not_preloaded = IMPORTED.not_preloaded | request["not_preloaded"]
        directory = RunDirectory(request["directory"])
        files = RunFiles(request["script"], request["environment"])
        return WarmSupervisor(directory, request["environment"], not_preloaded, files)


def _cwd(request: StartRequest) -> str:
    if request["kind"] == "script":
        return str(request["cwd"])
    return str((RunDirectory(request["directory"]).read(run_directory.RECORD) or {})["cwd"])


def _script(request: ScriptRequest) -> Program:
    """Return the program of a script of this package that imports a flow."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    output = private.open_file(Path(request["output"]), flags)
    return Program(
        arguments=request["arguments"],
        environment=request["environment"],
        cwd=request["cwd"],
        stdio=(os.open(os.devnull, os.O_RDONLY), output, output),
    )


class WarmSupervisor(Supervisor):
    """Supervises a run whose processes are forks of this one."""

    def __init__(
        self,
        directory: RunDirectory,
        environment: dict[str, str],
        not_preloaded: dict[str, str],
        files: RunFiles,
    ) -> None:
        super().__init__(directory)
        self._files = files
        self._environment = environment
        self._not_preloaded = not_preloaded

    def play(self) -> Role | Program:
        """Fork the run's processes, and supervise the run until its end."""
        processes.adopt_orphans()
        exit_file = run_directory.ReservedFile(self.directory, run_directory.EXIT)
        for_run, for_server = socket.socketpair()
        server: int | None = None
        try:
            # The run process first: it needs the server only for its first task.
            self.run_pid = os.fork()
            if self.run_pid == 0:
                for_server.close()
                self._leave()
                return self._program(for_run)
            server = os.fork()
        except OSError as refusal:
            if self.run_pid is None:
                exit_file.publish(self._exit_record(f"{type(refusal).__name__}: {refusal}"))
                os._exit(1)
            # Without a server, the run process starts its tasks itself.
        if server == 0:
            for_run.close()
            self._leave()
            return TaskServer(for_server, self._files)
        for_server.close()
        for_run.close()
        with contextlib.suppress(PermissionError, ProcessLookupError):
            # The child does it too, so that the group exists when a stop needs it.
            os.setpgid(self.run_pid, self.run_pid)
        error = self._say_who()
        preloaded = dict.fromkeys(IMPORTED.preloaded, "preload")
        preloaded |= dict.fromkeys(modules_of(IMPORTED.learned), "imported by the flow")
        with contextlib.suppress(OSError):  # these files are for information only
            if preloaded:
                self.directory.write(run_directory.PRELOADED, preloaded)
            if self._not_preloaded:
                self.directory.write(run_directory.NOT_PRELOADED, self._not_preloaded)
        if error is None:
            self._wait_for_run()
        if server is not None:
            # It has no more tasks to fork. It is killed here, as it would otherwise count as a
            # process that the run has left behind.
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(server, signal.SIGKILL)
                os.waitpid(server, 0)
        self._clear_away()
        self.record_exit(exit_file, error)
        finish(self.directory)
        os._exit(0)

    def _leave(self) -> None:
        """Close and restore, in a child, what belongs to the supervisor alone."""
        restore_signals()
        self.inbox.close()

    def _program(self, server: socket.socket) -> Program:
        """Return the program of the run process."""
        record = self.directory.read(run_directory.RECORD) or {}
        use_for_tasks(server, self._environment, record["cwd"], self.directory, self._files)
        command = record["command"]
        return Program(
            arguments=command[command.index("-u") + 1 :],
            environment=self._environment,
            cwd=record["cwd"],
            stdio=(os.open(os.devnull, os.O_RDONLY), *open_logs(self.directory)),
            options=("-u",),
            group=0,
        )
