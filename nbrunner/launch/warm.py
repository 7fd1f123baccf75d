"""Starting runs from a warm interpreter, and cold wherever that would not be exact."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nbrunner.launch.channel import LENGTH, encode
from nbrunner.launch.children import CHILDREN
from nbrunner.launch.launcher import PACKAGE_ROOT, ColdLauncher, Launcher, Started
from nbrunner.launch.processes import LINUX, MARKER, ProcessIdentity
from nbrunner.launch.surroundings import (
    PRELOAD_VARIABLE,
    Surroundings,
    difference,
    never_warm,
    surroundings,
)
from nbrunner.record import private
from nbrunner.record.registry import state_directory
from nbrunner.record.rundir import RunDirectory
from nbrunner.record.watch import keep_waking

WARM_VARIABLE = "NBRUNNER_WARM"
ZYGOTE_LOG = "zygote.log"

# One expression, so that no name is left in __main__, which becomes the flow's.
_BOOTSTRAP = (
    "__import__('sys').path.insert(0, __import__('sys').argv.pop(1)); "
    "__import__('nbrunner.launch.zygote', fromlist=['main']).main()"
)

# It tells of interpreters that did not start, the last ones being of interest.
_MAX_LOG_BYTES = 1_000_000

# Longer than any import of metaflow, shorter than anybody's patience.
_PATIENCE_SECONDS = 20.0

# Each costs the memory of one idle interpreter, some 40 MB.
_MAX_ZYGOTES = 3


class _Refused(Exception):
    """The zygote tells why this start would not be exact."""


class _Outdated(Exception):
    """The zygote has imported files that were changed since; a new one would serve."""


class WarmLauncher:
    """Keeps warm interpreters and has them fork what is to be started.

    One for each kind of surroundings that runs were started in lately; they are shared by
    all threads and loops of this process and end with it.

    Attributes
    ----------
    enabled : bool
        Whether runs may be started warm.
    preload : tuple of str
        Modules to import beside metaflow, if the environment names none.
    """

    def __init__(self) -> None:
        self.enabled = True
        self.preload: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._zygotes: list[_Zygote] = []
        self._hopeless: list[Surroundings] = []

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Start an interpreter for runs to come, without waiting for it."""
        if self.enabled and _cold_reason(environment) is None:
            with contextlib.suppress(OSError):
                self._zygote(environment)

    def close(self) -> None:
        """End the warm interpreters; runs go on."""
        with self._lock:
            zygotes, self._zygotes = self._zygotes, []
        for zygote in zygotes:
            zygote.close()

    async def start_run(
        self, directory: RunDirectory, environment: Mapping[str, str], flow_file: str
    ) -> Started:
        """Start the supervisor of a run, warm if that is exact; see `Launcher`."""
        request = {
            "kind": "run",
            "directory": str(directory.path),
            "environment": dict(environment),
            "script": flow_file,
        }
        why, process = await self._request(request, environment)
        if process is not None:
            return Started(process, "warm")
        return await ColdLauncher(why).start_run(directory, environment, flow_file)

    async def start_script(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        cwd: str,
        output: Path,
        flow_file: str,
    ) -> Started:
        """Start a script that imports a flow file, warm if that is exact; see `Launcher`."""
        request = {
            "kind": "script",
            "arguments": list(arguments),
            "environment": dict(environment),
            "cwd": cwd,
            "output": str(output),
            "script": flow_file,
        }
        why, process = await self._request(request, environment)
        if process is not None:
            return Started(process, "warm")
        return await ColdLauncher(why).start_script(arguments, environment, cwd, output, flow_file)

    async def _request(
        self, request: dict[str, Any], environment: Mapping[str, str]
    ) -> tuple[str, ProcessIdentity | None]:
        """Return the process that was forked, or why none was."""
        why = _cold_reason(environment) if self.enabled else "turned off by warm_starts"
        if why is not None:
            return why, None
        for _attempt in (1, 2):  # one that has died since the last run is replaced
            try:
                zygote = self._zygote(environment)
            except OSError as error:
                return f"no warm interpreter could be started: {error}", None
            if zygote is None:
                return f"the warm interpreter did not start; see {ZYGOTE_LOG}", None
            try:
                return "", await zygote.fork(request)
            except _Refused as refusal:
                return str(refusal), None
            except (OSError, EOFError, TimeoutError, _Outdated):
                self._drop(zygote)
        return "the warm interpreter did not answer", None

    def _zygote(self, environment: Mapping[str, str]) -> _Zygote | None:
        """Return an interpreter for these surroundings, new if need be.

        None where two have been tried and did not come to serve anybody.
        """
        if self.preload:
            environment = {PRELOAD_VARIABLE: " ".join(self.preload), **environment}
        now = surroundings(environment)
        with self._lock:
            for each in [each for each in self._zygotes if not each.is_ours_and_alive()]:
                self._zygotes.remove(each)
                each.close()
            for index, zygote in enumerate(self._zygotes):
                if difference(zygote.surroundings, now) is None:
                    self._zygotes.append(self._zygotes.pop(index))  # used last
                    return zygote
            if self._hopeless.count(now) > 1:  # one alone may have been killed
                return None
            zygote = _Zygote(now, environment)
            self._zygotes.append(zygote)
            superfluous = self._zygotes[:-_MAX_ZYGOTES]
            self._zygotes = self._zygotes[-_MAX_ZYGOTES:]
        for each in superfluous:
            each.close()
        return zygote

    def _drop(self, zygote: _Zygote) -> None:
        with self._lock:
            if zygote in self._zygotes:
                self._zygotes.remove(zygote)
            if not zygote.has_served:
                self._hopeless.append(zygote.surroundings)
        zygote.process.send(signal.SIGKILL)  # it may hang rather than be dead
        zygote.close()


def _cold_reason(environment: Mapping[str, str]) -> str | None:
    if os.environ.get(WARM_VARIABLE, "").lower() in ("0", "off", "no", "false"):
        return f"turned off by ${WARM_VARIABLE}"
    if not LINUX:
        return "warm starts need Linux"
    return never_warm(environment)


class _Zygote:
    """The owner's side of one warm interpreter; see `nbrunner.launch.zygote`."""

    def __init__(self, now: Surroundings, environment: Mapping[str, str]) -> None:
        self.surroundings = now
        self.has_served = False
        self._owner = os.getpid()
        descriptor = _open_log()  # first: it may be refused
        self._control, theirs = socket.socketpair()
        with theirs:
            theirs.set_inheritable(True)
            command = [sys.executable, "-u", "-c", _BOOTSTRAP, PACKAGE_ROOT, str(theirs.fileno())]
            try:
                self.process = CHILDREN.start(
                    command,
                    environment=_without_run(environment),
                    output=descriptor,
                    cwd="/",
                    pass_fds=(theirs.fileno(),),
                )
            finally:
                os.close(descriptor)

    def is_ours_and_alive(self) -> bool:
        # A fork of the owner has the socket too, but must not use it.
        return self._owner == os.getpid() and self.process.alive()

    def close(self) -> None:
        """Let it end: it does when its owner's end of the socket is closed."""
        self._control.close()

    async def fork(self, request: dict[str, Any]) -> ProcessIdentity:
        """Have a child forked for a request and return it, once it has been let go.

        Raises
        ------
        _Refused, _Outdated
            A fork would not be exact.
        OSError, EOFError, TimeoutError
            The zygote is dead, or cannot fork, or hangs. Nothing was started: a child that
            is late finds the channel closed and ends.
        """
        channel, theirs = socket.socketpair()
        with channel:
            channel.setblocking(False)
            with theirs:
                socket.send_fds(self._control, [b"f"], [theirs.fileno()], socket.MSG_DONTWAIT)
            async with asyncio.timeout(_PATIENCE_SECONDS):
                answer = await keep_waking(_converse(channel, request))
            if "refused" in answer:
                self.has_served = True
                raise (_Outdated if answer["outdated"] else _Refused)(answer["refused"])
            channel.send(b"g")
        self.has_served = True
        return ProcessIdentity(answer["pid"], answer["started"])


def _without_run(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an interpreter that serves many runs: the mark of none.

    Forks show it as their own, and so would be taken for processes of the first run.
    """
    found = {name: value for name, value in environment.items() if name != MARKER}
    if MARKER in os.environ:  # we are in a run ourselves
        found[MARKER] = os.environ[MARKER]
    return found


def _open_log() -> int:
    """Return a descriptor of the log that the interpreters of all this user's processes share."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = private.open_file(state_directory() / ZYGOTE_LOG, flags)
    if os.fstat(descriptor).st_size > _MAX_LOG_BYTES:
        os.ftruncate(descriptor, 0)  # others go on at what is then its end
    return descriptor


async def _converse(channel: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
    import json

    loop = asyncio.get_running_loop()
    await loop.sock_sendall(channel, encode(request))
    (size,) = LENGTH.unpack(await _exactly(channel, LENGTH.size))
    answer: dict[str, Any] = json.loads(await _exactly(channel, size))
    return answer


async def _exactly(channel: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < size:
        more = await loop.sock_recv(channel, size - len(data))
        if not more:
            raise EOFError("the warm interpreter closed the channel")
        data += more
    return data


LAUNCHER = WarmLauncher()
_: Launcher = LAUNCHER  # it is one
