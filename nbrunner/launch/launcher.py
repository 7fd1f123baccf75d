"""Starting a run: the one interface, and the cold start behind it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from nbrunner.launch.processes import LINUX, ProcessIdentity, identify
from nbrunner.record import rundir
from nbrunner.record.rundir import RunDirectory
from nbrunner.record.watch import WAKE_SECONDS

_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])

# Started by path and not as -m: the caller's sys.path, PYTHON* variables and site
# packages then have no part in how the supervisor starts.
_BOOTSTRAP = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from nbrunner.launch.supervisor import main; main()"
)

SUPERVISOR_LOG = "supervisor.log"


class Launcher(Protocol):
    """What starts the supervisor of a recorded run."""

    def start(self, directory: RunDirectory, environment: Mapping[str, str]) -> ProcessIdentity:
        """Start it and return its identity, without waiting for anything.

        Raises
        ------
        OSError
            The system refuses another process.
        """
        ...


class ColdLauncher:
    """Starts every run in a fresh interpreter, as ``python flow.py run`` does."""

    def start(self, directory: RunDirectory, environment: Mapping[str, str]) -> ProcessIdentity:
        command = [sys.executable, "-I", "-S"]
        if sys.dont_write_bytecode:
            command.append("-B")
        command += ["-c", _BOOTSTRAP, _PACKAGE_ROOT, str(directory.path)]
        with open(directory.path / SUPERVISOR_LOG, "wb") as log:
            return CHILDREN.start(command, environment=environment, output=log.fileno())


class Children:
    """The child processes of this process: each is waited for, whoever forgets it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._living: dict[int, subprocess.Popen[bytes]] = {}

    def start(
        self,
        command: list[str],
        environment: Mapping[str, str],
        output: int,
        cwd: str | None = None,
    ) -> ProcessIdentity:
        """Start a command in a session of its own: no interrupt of ours reaches it."""
        self.reap()
        process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        # Identified before it can be reaped: its pid is its own until then.
        identity = identify(process.pid) or ProcessIdentity(process.pid, "ended")
        with self._lock:
            self._living[process.pid] = process
        return identity

    def reap(self) -> None:
        """Collect every child that has ended."""
        with self._lock:
            for pid, process in list(self._living.items()):
                if process.poll() is not None:
                    del self._living[pid]


CHILDREN = Children()


async def ended(process: ProcessIdentity) -> None:
    """Wait, on the running loop, until a process has ended, and reap it if it is ours."""
    loop = asyncio.get_running_loop()
    while process.alive():
        if not LINUX:
            await asyncio.sleep(0.01)
            continue
        try:
            descriptor = os.pidfd_open(process.pid)
        except ProcessLookupError:
            break
        readable = asyncio.Event()
        loop.add_reader(descriptor, readable.set)
        try:
            while process.alive() and not readable.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(readable.wait(), WAKE_SECONDS)
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
    CHILDREN.reap()


def supervisor_of(directory: RunDirectory) -> ProcessIdentity | None:
    """Return who supervises a run by its record, whether or not it is still alive."""
    return _recorded(directory, "supervisor")


def run_process_of(directory: RunDirectory) -> ProcessIdentity | None:
    """Return the run process by the record, whether or not it is still alive."""
    return _recorded(directory, "run")


def _recorded(directory: RunDirectory, role: str) -> ProcessIdentity | None:
    facts = (directory.read(rundir.SUPERVISOR) or {}).get(role)
    return ProcessIdentity(facts["pid"], facts["started"]) if facts else None


def run_environment(
    env: Mapping[str, str] | None = None, profile: str | None = None
) -> dict[str, str]:
    """Return the environment of a run: this process's, as of now, with the changes asked.

    A container often has no USER, or root alone; Metaflow then cannot tell who runs the
    flow, so the password database is asked instead, and root is called "superuser".
    """
    environment = {**os.environ, **(env or {})}
    if profile:
        environment["METAFLOW_PROFILE"] = profile
    # Jupyter sets it for the kernel; a program that finds it believes to be one.
    environment.pop("JPY_PARENT_PID", None)
    if unnamed_user(environment):
        environment["USER"] = user_name()
    return environment


def unnamed_user(environment: Mapping[str, str]) -> bool:
    """Tell whether Metaflow would refuse to run: nobody, or root, is named.

    The same names as in ``metaflow.util.get_username``, which does not take "root".
    """
    names = ("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER")
    return all(environment.get(name) in (None, "", "root") for name in names)


def user_name() -> str:
    """Return who this process runs for, by the password database."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user id without an entry, as some clusters give out
        return f"uid{os.getuid()}"
    return "superuser" if name == "root" else name
