"""Forks the step tasks of a warm run, from an interpreter that has not executed the flow.

It also forks the processes that render the cards of these tasks; see
`nbrunner.launch.warm.card_popen`.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
from collections.abc import Sequence
from typing import cast

from nbrunner.launch.warm.become import Program, restore_signals
from nbrunner.launch.warm.card_popen import CardServer, use_for_cards
from nbrunner.launch.warm.fingerprint import inherited
from nbrunner.launch.warm.protocol import CardRequest, TaskRequest, receive
from nbrunner.launch.warm.run_files import RunFiles


class TaskServer:
    """Serves one run process; see `nbrunner.launch.warm.task_popen` for the other side."""

    def __init__(self, requests: socket.socket, files: RunFiles) -> None:
        self._requests = requests
        self._files = files
        self._selector = selectors.EpollSelector()
        self._selector.register(requests, selectors.EVENT_READ)
        self._statuses: dict[int, tuple[int, int]] = {}  # pidfd -> pid, status pipe
        # Tasks open the other end by /proc. It is kept open, so that the pipe does not end.
        self._cards, self._cards_end = os.pipe()
        os.set_blocking(self._cards, False)
        self._selector.register(self._cards, selectors.EVENT_READ)

    def play(self) -> Program:
        """Serve until the run process has ended; return, in each child, its program."""
        self._as_known = CardServer(
            os.getpid(), os.getsid(0), self._cards_end, inherited(), self._files
        )
        # An interrupt is meant for the run process and its tasks.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            for key, _events in self._selector.select():
                if key.fd in self._statuses:
                    self._tell_end(key.fd)
                    continue
                program = self._serve_cards() if key.fd == self._cards else self._serve()
                if program is not None:
                    return program

    def _serve(self) -> Program | None:
        """Fork a task for the run process; return its program in the fork."""
        message, descriptors, _flags, _address = socket.recv_fds(self._requests, 1, 4)
        if not message:
            os._exit(0)
        request = cast(TaskRequest, receive(self._requests))
        program = self._fork(request, descriptors)
        if program is not None:
            use_for_cards(self._as_known, program)
        return program

    def _serve_cards(self) -> Program | None:
        """Fork the rendering of a card at a task's request; return its program in the fork."""
        # One request at a time: a fork would take other requests with it that were read already.
        line = b""
        while not line.endswith(b"\n"):
            try:
                line += os.read(self._cards, 1)  # each request is written in one call
            except BlockingIOError:
                return None
        pid, request, token = line.split()
        opened: list[int] = []
        try:
            with open(f"/proc/{int(pid)}/fd/{int(request)}", "rb") as file:
                content: CardRequest = json.load(file)
            if content["token"] != token.decode():
                return None
            *stdio, status = content["descriptors"]
            modes = (os.O_WRONLY, os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)
            for number, mode in zip((status, *stdio), modes, strict=True):
                opened.append(os.open(f"/proc/{int(pid)}/fd/{number}", mode))
        except (OSError, ValueError, KeyError, TypeError):
            # The task has ended, or its stdin is closed or a socket.
            for descriptor in opened[:1]:
                _refuse(descriptor)
            for descriptor in opened:
                os.close(descriptor)
            return None
        return self._fork(content, [*opened[1:], opened[0]])

    def _fork(self, request: TaskRequest, descriptors: Sequence[int]) -> Program | None:
        """Fork, with standard streams and a status pipe; return the program in the fork."""
        *stdio, status = descriptors
        try:
            pid = os.fork()
        except OSError:
            pid = -1  # the requester starts the process itself
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
            _refuse(status)
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
        with contextlib.suppress(BrokenPipeError):  # the run process no longer waits for it
            os.write(status, b"%d\n" % os.waitstatus_to_exitcode(how))
        os.close(pidfd)
        os.close(status)

    def _descriptors(self) -> list[int]:
        """Return all descriptors of the server, for a task to close."""
        of_tasks = [each for fd, (_pid, status) in self._statuses.items() for each in (fd, status)]
        # The selector closes itself: later it would close a descriptor that may be a file by then.
        self._selector.close()
        return [self._requests.detach(), self._cards, self._cards_end, *of_tasks]


def _refuse(status: int) -> None:
    """Write to a status pipe that there is no process; its requester is not to wait for one."""
    with contextlib.suppress(OSError):  # the requester has ended
        os.write(status, b"0\n")
