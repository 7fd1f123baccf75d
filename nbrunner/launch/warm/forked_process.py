"""The requester's handle of a process that the fork server has forked."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Sequence

from nbrunner.launch.processes import identify


class ForkedProcess:
    """A fork of the fork server, with the methods of Popen that concern the process.

    Parameters
    ----------
    args : sequence of str
        The command.
    pid : int
        The process id.
    status : int
        The descriptor of the pipe to which the server writes the exit code; closed with this
        object.
    """

    def __init__(self, args: Sequence[str], pid: int, status: int) -> None:
        self.args = list(args)
        self.pid = pid
        self.returncode: int | None = None
        self.status = status
        self._identity = identify(pid)

    def __del__(self) -> None:
        os.close(self.status)

    def poll(self) -> int | None:
        """Return the exit code; None while the process is running."""
        if self.returncode is None and readable(self.status, 0):
            self._read_status()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the process to end; return its exit code.

        Raises
        ------
        subprocess.TimeoutExpired
            It has not ended after `timeout` seconds.
        """
        if self.returncode is None and not readable(self.status, timeout):
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        if self.returncode is None:
            self._read_status()
        assert self.returncode is not None
        return self.returncode

    def _read_status(self) -> None:
        self.returncode = read_number(self.status)
        if self.returncode is None:
            # The server has ended, and only it could have reported the exit code.
            self._wait_for_death()
            self.returncode = -signal.SIGKILL

    def send_signal(self, signum: int) -> None:
        """Send a signal unless the process has ended."""
        if self._identity is not None and self.poll() is None:
            self._identity.send(signum)

    def _wait_for_death(self) -> None:
        if self._identity is None:
            return
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        if self._identity.alive():
            readable(descriptor, None)
        os.close(descriptor)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def read_number(descriptor: int) -> int | None:
    """Read a line and return the number in it; None at the end of the pipe."""
    text = b""
    while not text.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            return None
        text += byte
    return int(text)


def readable(descriptor: int, timeout_seconds: float | None) -> bool:
    """Wait until a descriptor can be read or has ended; return False if that takes too long."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if timeout_seconds is None else timeout_seconds * 1000))
