"""Replaces ``subprocess`` in a warm run process, so that its step tasks are forks.

In the run process the name `subprocess` of metaflow.runtime is bound to an object whose Popen
requests a fork from the fork server. Any other command, and any task that would not be exact as
a fork, is started by the real Popen.
"""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from nbrunner.engine.log_format import process_name
from nbrunner.launch import metaflow_seam
from nbrunner.launch.warm.eligibility import IMPORTED, local_config
from nbrunner.launch.warm.fingerprint import difference, inherited, task_cold_reason
from nbrunner.launch.warm.forked_process import ForkedProcess, read_number
from nbrunner.launch.warm.log_pipes import LinePoll, PipeLines
from nbrunner.launch.warm.packaging import package_late, start_if_due
from nbrunner.launch.warm.partial_lines import OpenLines, task_of
from nbrunner.launch.warm.protocol import TaskRequest, send
from nbrunner.launch.warm.run_files import RunFiles
from nbrunner.record.run_directory import RunDirectory
from nbrunner.record.task_starts import note_task_start


def use_for_tasks(
    server: socket.socket,
    environment: Mapping[str, str],
    cwd: str,
    directory: RunDirectory,
    files: RunFiles,
) -> None:
    """Make Metaflow's runtime, in this process, start its tasks by the fork server.

    The run also gets an id that no other run has. The unfinished lines of tasks
    (`nbrunner.launch.warm.partial_lines`) and how each task was started
    (`nbrunner.record.task_starts`) are written to the run's directory.
    """
    open_lines = OpenLines(directory)
    metaflow_seam.start_tasks_by(_Subprocess(server, environment, cwd, directory, files))
    metaflow_seam.read_output_by(lambda event: LinePoll(event, open_lines, start_if_due))
    package_late()
    metaflow_seam.claim_ids()


class _Subprocess:
    """The module subprocess, except that it starts step tasks as forks."""

    def __init__(
        self,
        server: socket.socket,
        environment: Mapping[str, str],
        cwd: str,
        directory: RunDirectory,
        files: RunFiles,
    ) -> None:
        self._files = files
        self._server: socket.socket | None = server
        self._environment = dict(environment)
        self._cwd = cwd
        self._directory = directory
        self._inherited = inherited()  # the flow file may change what its tasks inherit

    def __getattr__(self, name: str) -> object:
        return getattr(subprocess, name)

    def Popen(self, args: Sequence[str], **options: Any) -> Any:  # noqa: N802 (as subprocess)
        """Start a command: a step task as a fork if that is exact, any other one as usual."""
        cold_reason = self._cold_reason(args, options)
        if cold_reason is None:
            task = self._fork(args, options["env"])
            if task is not None:
                note_task_start(self._directory, None)
                return task
            cold_reason = "the fork server could not fork"
        note_task_start(self._directory, cold_reason)
        process = subprocess.Popen(args, **options)
        for name in ("stdout", "stderr"):
            pipe = getattr(process, name)
            if pipe is not None:
                lines = PipeLines(os.dup(pipe.fileno()), _named(args, process.pid))
                setattr(process, name, lines)
                pipe.close()
        return process

    def _cold_reason(self, args: Sequence[str], options: Mapping[str, Any]) -> str | None:
        """Return why a command must not be a fork of this interpreter; None if it may be."""
        if self._server is None:
            return "the fork server has ended"
        piped = all(options.get(each) == subprocess.PIPE for each in ("stdin", "stdout", "stderr"))
        env = options.get("env")
        if not piped or env is None:
            return "it is not started the way Metaflow starts a step task"
        # The flow may have changed the current directory, or what a child inherits.
        cwd = os.getcwd()
        if not self._files.runs(args):
            return "it does not run the flow file"
        return (
            self._files.changed(cwd)
            or (local_config(cwd, cwd) if cwd != self._cwd else None)
            or difference(self._inherited, inherited())
            or task_cold_reason(args, sys.argv[0], self._environment, env, IMPORTED.read)
        )

    def _fork(self, args: Sequence[str], env: Mapping[str, str]) -> ForkedTask | None:
        """Request a fork; return None if the server has ended or cannot fork."""
        assert self._server is not None
        pipes: list[tuple[int, int]] = []
        try:
            for _ in range(4):
                pipes.append(os.pipe())  # noqa: PERF401 (those made so far are closed)
        except OSError:  # no descriptors left; a cold task needs fewer
            for descriptor in itertools.chain(*pipes):
                os.close(descriptor)
            return None
        (in_child, in_ours), *from_child = pipes
        theirs = [in_child, *(writing for _reading, writing in from_child)]
        ours = [in_ours, *(reading for reading, _writing in from_child)]
        try:
            socket.send_fds(self._server, [b"t"], theirs)
            request: TaskRequest = {
                "arguments": list(args[1:]),
                "environment": dict(env),
                "cwd": os.getcwd(),
                "group": os.getpgid(0),
            }
            send(self._server, request)
        except OSError:
            self._server = None
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        # The task itself sends its pid: without one there is no task.
        pid = read_number(ours[3]) if self._server is not None else None
        if not pid:
            for descriptor in ours:
                os.close(descriptor)
            return None
        return ForkedTask(list(args), pid, *ours)


def _named(args: Sequence[str], pid: int) -> str:
    """Return the name, in lines of the log, of the task of a command; empty if it is not a task."""
    task = task_of(args)
    return process_name(task, pid) if task else ""


class ForkedTask(ForkedProcess):
    """A step task that the fork server has forked, with the interface of Popen."""

    def __init__(
        self, args: list[str], pid: int, stdin: int, stdout: int, stderr: int, status: int
    ) -> None:
        super().__init__(args, pid, status)
        self.stdin = open(stdin, "wb", buffering=0)
        self.stdout = PipeLines(stdout, _named(args, pid))
        self.stderr = PipeLines(stderr, _named(args, pid))
