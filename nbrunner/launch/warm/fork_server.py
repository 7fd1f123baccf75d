"""Forks the step tasks of a warm run, from an interpreter that no flow has touched."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket

from nbrunner.launch.warm.become import Program, restore_signals
from nbrunner.launch.warm.protocol import receive


class TaskServer:
    """Serves one run process; see `nbrunner.launch.warm.task_popen` for the other side."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._selector = selectors.EpollSelector()
        self._selector.register(requests, selectors.EVENT_READ)
        self._statuses: dict[int, tuple[int, int]] = {}  # pidfd -> pid, status pipe

    def play(self) -> Program:
        """Serve until the run process is gone; return, in a child, what it is to run."""
        # An interrupt is meant for the run process and its tasks.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            for key, _events in self._selector.select():
                if key.fileobj is not self._requests:
                    self._tell_end(key.fd)
                elif (program := self._serve()) is not None:
                    return program

    def _serve(self) -> Program | None:
        message, descriptors, _flags, _address = socket.recv_fds(self._requests, 1, 4)
        if not message:
            os._exit(0)
        request = receive(self._requests)
        *stdio, status = descriptors
        try:
            pid = os.fork()
        except OSError:
            pid = -1  # no pid in the status pipe: the run process does it itself
        if pid == 0:
            restore_signals()
            os.write(status, b"%d\n" % os.getpid())
            return Program(
                arguments=request["arguments"],
                environment=request["environment"],
                cwd=request["cwd"],
                stdio=(stdio[0], stdio[1], stdio[2]),
                group=request["group"],
                close=(*self._descriptors(), status),
            )
        for descriptor in stdio:
            os.close(descriptor)
        if pid < 0:
            os.close(status)
        else:
            pidfd = os.pidfd_open(pid)
            self._statuses[pidfd] = pid, status
            self._selector.register(pidfd, selectors.EVENT_READ)
        return None

    def _tell_end(self, pidfd: int) -> None:
        pid, status = self._statuses.pop(pidfd)
        self._selector.unregister(pidfd)
        _pid, how = os.waitpid(pid, 0)
        with contextlib.suppress(BrokenPipeError):  # the run process has lost interest
            os.write(status, b"%d\n" % os.waitstatus_to_exitcode(how))
        os.close(pidfd)
        os.close(status)

    def _descriptors(self) -> list[int]:
        """Return every descriptor of the server: none is for a task."""
        of_tasks = [each for fd, (_pid, status) in self._statuses.items() for each in (fd, status)]
        # By itself: it would close its number a second time, which by then may be a file's.
        self._selector.close()
        return [self._requests.detach(), *of_tasks]
