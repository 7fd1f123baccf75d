"""Replaces ``subprocess`` in a forked task, so that the fork server renders its cards.

Metaflow renders a card in a process of its own, ``python flow.py card create``, at the end of
a task and whenever the card is refreshed. The fork server forks that process too. A task must not
have a descriptor that a fresh one lacks: it opens a pipe of the server by ``/proc``, and the server
opens the task's descriptors in the same way.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbrunner.launch import metaflow_seam
from nbrunner.launch.warm.become import Program
from nbrunner.launch.warm.eligibility import IMPORTED
from nbrunner.launch.warm.fingerprint import (
    EXECUTABLE,
    Surroundings,
    difference,
    inherited,
    task_difference,
)
from nbrunner.launch.warm.forked_process import ForkedProcess, read_number, readable
from nbrunner.launch.warm.protocol import CardRequest
from nbrunner.launch.warm.run_files import RunFiles

# The server answers in milliseconds.
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class CardServer:
    """The facts that its forks need about the fork server.

    Attributes
    ----------
    pid : int
        Its process id.
    session : int
        Its session id.
    pipe : int
        The descriptor, in the server, of the pipe's end that requests are written to.
    inherited : dict of str to str
        The surroundings that a child of the server inherits; see `fingerprint.inherited`.
    files : RunFiles
        The files of the run.
    """

    pid: int
    session: int
    pipe: int
    inherited: Surroundings
    files: RunFiles


def use_for_cards(server: CardServer, task: Program) -> None:
    """Make Metaflow, in this fork of the server, render the cards of its task in other forks."""
    metaflow_seam.render_cards_by(_Subprocess(server, task))


class _Subprocess:
    """The module subprocess, except that it starts ``card create`` as a fork."""

    def __init__(self, server: CardServer, task: Program) -> None:
        self._server = server
        self._task = task

    def __getattr__(self, name: str) -> object:
        return getattr(subprocess, name)

    def Popen(self, args: Sequence[str], **options: Any) -> Any:  # noqa: N802 (as subprocess)
        """Start a command: ``card create`` without output as a fork, any other one as usual."""
        env = options.get("env")
        quiet = {"env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = None
        if env is not None and options == quiet:
            null = os.open(os.devnull, os.O_WRONLY)
            try:
                process = self._fork(args, env, null)
            finally:
                os.close(null)
        return process or subprocess.Popen(args, **options)

    def check_output(self, args: Sequence[str], **options: Any) -> Any:
        """Return the output of a command, like ``subprocess.check_output``."""
        env, timeout = options.get("env"), options.get("timeout")
        expected = {"env": env, "stderr": subprocess.STDOUT, "timeout": timeout}
        if env is not None and {"timeout": None, **options} == expected:
            reading, writing = os.pipe()
            try:
                try:
                    process = self._fork(args, env, writing)
                finally:
                    os.close(writing)
                if process is not None:
                    return _output(process, reading, timeout)
            finally:
                os.close(reading)
        return subprocess.check_output(args, **options)

    def _fork(
        self, args: Sequence[str], env: Mapping[str, str], output: int
    ) -> ForkedProcess | None:
        """Return a fork of the server for a command; None if it must be started as usual."""
        if self._cold_reason(args, env):
            return None
        server = os.pidfd_open(self._server.pid)
        try:
            if os.getppid() != self._server.pid:  # it ended before the descriptor was opened
                return None
            return self._ask(args, env, output, server)
        finally:
            os.close(server)

    def _cold_reason(self, args: Sequence[str], env: Mapping[str, str]) -> str | None:
        if os.getppid() != self._server.pid or os.getsid(0) != self._server.session:
            return "the fork server is not the parent"
        if args[0] != EXECUTABLE or args[1] != self._task.arguments[0]:
            return "it does not run the flow file"
        if ("card", "create") not in itertools.pairwise(args) or not env.get("PYTHONUNBUFFERED"):
            return "it is not started the way Metaflow starts the rendering of a card"
        if os.getcwd() != self._task.cwd:
            return "the step has changed the directory"
        return (
            self._server.files.changed(self._task.cwd)
            or difference(self._server.inherited, inherited())
            or task_difference(self._task.environment, env, IMPORTED.read)
        )

    def _ask(
        self, args: Sequence[str], env: Mapping[str, str], output: int, server: int
    ) -> ForkedProcess | None:
        token = secrets.token_hex(8)
        request = os.memfd_create("nbrunner-card")
        told, telling = os.pipe()
        pid = None
        try:
            content: CardRequest = {
                "token": token,
                "arguments": list(args[1:]),
                "environment": dict(env),
                "cwd": os.getcwd(),
                "group": os.getpgid(0),
                "descriptors": [0, output, output, telling],
            }
            os.write(request, json.dumps(content).encode())
            pipe = os.open(f"/proc/{self._server.pid}/fd/{self._server.pipe}", os.O_WRONLY)
            try:
                os.write(pipe, f"{os.getpid()} {request} {token}\n".encode())
            finally:
                os.close(pipe)
            _first_readable(told, server)
        except OSError:  # for example, no descriptors are left, or the server has ended
            pass
        finally:
            os.close(telling)
            os.close(request)
            # At its end the pipe has no writer: the server has no descriptor of this process,
            # and cannot open one any more.
            pid = read_number(told)
        if not pid:
            os.close(told)
            return None
        return ForkedProcess(args, pid, told)


def _first_readable(*descriptors: int) -> None:
    poll = select.poll()
    for each in descriptors:
        poll.register(each, select.POLLIN)
    poll.poll(_ANSWER_SECONDS * 1000)


def _output(process: ForkedProcess, reading: int, timeout: float | None) -> bytes:
    """Return the output of a process, like ``subprocess.check_output``."""
    end = None if timeout is None else time.monotonic() + timeout
    output = bytearray()
    try:
        ended = _read_to_end(reading, output, end) and readable(process.status, _left(end))
    except BaseException:  # an interrupt, or the time limit of the step
        process.kill()
        raise
    if not ended:
        process.kill()
        process.wait()
        told = bytes(output) or None
        raise subprocess.TimeoutExpired(process.args, float(timeout or 0), output=told)
    if process.wait():
        raise subprocess.CalledProcessError(process.wait(), process.args, output=bytes(output))
    return bytes(output)


def _read_to_end(reading: int, output: bytearray, end: float | None) -> bool:
    """Read a pipe; return whether it has ended in time."""
    while readable(reading, _left(end)):
        more = os.read(reading, 32768)
        if not more:
            return True
        output += more
    return False


def _left(end: float | None) -> float | None:
    return None if end is None else max(end - time.monotonic(), 0)
