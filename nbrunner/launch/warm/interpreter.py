"""The owner's side of one warm interpreter: starting it, requesting forks, ending it."""

from __future__ import annotations

import array
import contextlib
import errno
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nbrunner.aio.inotify import WAKE_SECONDS
from nbrunner.late_module import LateModule
from nbrunner.launch.child_processes import CHILDREN
from nbrunner.launch.launcher import PACKAGE_ROOT
from nbrunner.launch.processes import ProcessIdentity, state_letter, waited_for_cpu_seconds
from nbrunner.launch.warm.fingerprint import LEARNED_VARIABLE, Surroundings, all_modules
from nbrunner.launch.warm.protocol import LENGTH, StartAnswer, StartRequest, encode
from nbrunner.launch.warm.readiness import Sight, Verdict, ended, verdict

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = LateModule("asyncio")  # a warm interpreter is started before it is imported

# Expressions, so that it binds no name in __main__, which becomes the flow's.
_BOOTSTRAP = (
    "__import__('sys').path.insert(0, __import__('sys').argv.pop(1)); "
    "__import__('nbrunner.launch.warm.first_steps', fromlist=['take']).take(); "
    "__import__('nbrunner.launch.warm.zygote', fromlist=['main']).main()"
)

# Many starts may wait for the same interpreter: its state is read this seldom.
_SIGHT_SECONDS = 0.03

# The interpreter's queue holds some 280 requests; further ones are retried after this time.
_FULL_QUEUE_SECONDS = 0.02


class NoForkError(Exception):
    """The interpreter works, but cannot serve this start.

    Parameters
    ----------
    why : str
        The reason.
    of_preload : bool
        Whether an interpreter without preloaded modules could serve it.
    """

    def __init__(self, why: str, of_preload: bool = False) -> None:
        super().__init__(why)
        self.of_preload = of_preload


class ReplaceError(Exception):
    """The interpreter has ended, hangs or is out of date, and must be replaced.

    Parameters
    ----------
    why : str
        The reason.
    failed : bool
        Whether this counts as a failure; False if a preloaded file has changed.
    retry : bool
        Whether this start may wait for the replacement; False if it has waited already.
    """

    def __init__(self, why: str, failed: bool = True, retry: bool = True) -> None:
        super().__init__(why)
        self.failed = failed
        self.retry = retry


class WarmInterpreter:
    """One warm interpreter; see `nbrunner.launch.warm.zygote` for its own side.

    All threads and event loops of this process use it.

    Parameters
    ----------
    now : Surroundings
        The surroundings it is started in.
    environment : mapping of str to str
        Its environment.
    log : int
        The descriptor of the file for its output.

    Raises
    ------
    OSError
        The system refuses another process or descriptor.
    """

    def __init__(self, now: Surroundings, environment: Mapping[str, str], log: int) -> None:
        self.surroundings = now
        self.has_served = False
        self._owner = os.getpid()
        self._preloaded = all_modules(environment)
        self.imports_of_flow = environment.get(LEARNED_VARIABLE, "")
        self._lock = threading.Lock()
        self._seen: tuple[float, Sight] = (float("-inf"), Sight())
        self._is_ready = False
        self._control, theirs = socket.socketpair()
        with theirs:
            theirs.set_inheritable(True)
            command = [sys.executable, "-u", "-c", _BOOTSTRAP, PACKAGE_ROOT, str(theirs.fileno())]
            self._started = self._heard = time.monotonic()
            try:
                self.process = CHILDREN.start(
                    command,
                    environment=environment,
                    output=log,
                    cwd="/",
                    pass_fds=(theirs.fileno(),),
                )
            except BaseException:
                self._control.close()
                raise

    def is_ready(self) -> bool:
        """Return whether it accepts requests now and would answer at once."""
        return self.verdict().do == "ask" and self._look().ready

    def own_bytes(self) -> int:
        """Return its memory in bytes, without mapped files; 0 if it has ended."""
        try:
            with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
                _size, resident, of_files, *_ = map(int, file.read().split())
        except OSError:
            return 0
        return (resident - of_files) * os.sysconf("SC_PAGE_SIZE")

    def is_ours(self) -> bool:
        """Return whether this process has started it: a fork must not use the owner's socket."""
        return self._owner == os.getpid()

    def close(self) -> None:
        """End it; runs that it has forked continue.

        A ready interpreter ends when its owner's end of the socket is closed. One that is still
        importing, or suspended, would notice that late or never, and is killed.
        """
        if self.is_ours():
            sight = self._look()
            if sight.suspended or not sight.ready:
                self.process.send(signal.SIGKILL)
        self._control.close()

    def kill(self) -> None:
        """Kill it, as it may hang; runs that it has forked continue."""
        self.process.send(signal.SIGKILL)
        self._control.close()

    def verdict(self, waited_seconds: float = 0.0) -> Verdict:
        """Return how to handle a start; see `nbrunner.launch.warm.readiness.verdict`.

        Parameters
        ----------
        waited_seconds : float
            How long the request of this start has been waiting for its answer.
        """
        silent_seconds = min(waited_seconds, time.monotonic() - self._heard)
        return verdict(replace(self._look(), silent_seconds=silent_seconds), self._preloaded)

    async def fork(self, request: StartRequest) -> ProcessIdentity:
        """Request a fork, and return the child after it was allowed to start.

        This does not block the event loop, however many requests wait.

        Raises
        ------
        NoForkError
            A fork would not be exact, or the interpreter is not ready, or this process or the
            interpreter lacks a resource.
        ReplaceError
            The interpreter has ended, hangs or is out of date. Nothing was started: a child
            that answers late finds the channel closed, and ends.
        """
        try:
            channel, theirs = socket.socketpair()
        except OSError as error:
            raise NoForkError(f"the warm interpreter could not be reached: {error}") from error
        with channel, theirs:
            channel.setblocking(False)
            with self._gone_is_told():
                answer = await self._answer(channel, theirs, request)
                self._heard = time.monotonic()
                if "refused" not in answer:
                    channel.send(b"g")
        self.has_served = True
        if "refused" not in answer:
            return ProcessIdentity(answer["pid"], answer["started"])
        if answer["outdated"]:
            raise ReplaceError(answer["refused"], failed=False)
        raise NoForkError(answer["refused"], of_preload=answer["of_preload"])

    # -- inside -------------------------------------------------------------------------

    def _look(self) -> Sight:
        """Return the state of the interpreter, at most `_SIGHT_SECONDS` old."""
        with self._lock:
            now = time.monotonic()
            looked, sight = self._seen
            if now - looked < _SIGHT_SECONDS:
                return sight
            self._listen(now)
            letter = state_letter(self.process)
            sight = Sight(
                alive=letter is not None,
                suspended=letter == "T",
                ready=self._is_ready,
                age_seconds=now - self._started,
                waited_for_cpu_seconds=(
                    0.0 if self._is_ready else waited_for_cpu_seconds(self.process.pid)
                ),
            )
            self._seen = (now, sight)
            return sight

    def _listen(self, now: float) -> None:
        """Read the message that it is ready, the only one on this socket."""
        if not self._is_ready:
            # An error means that it has not sent it yet, or has ended, which its state shows.
            with contextlib.suppress(OSError):
                self._is_ready = bool(self._control.recv(1, socket.MSG_DONTWAIT))
            if self._is_ready:
                self._heard = now

    async def _answer(
        self, channel: socket.socket, theirs: socket.socket, request: StartRequest
    ) -> StartAnswer:
        """Return the answer to a request; raise an error of `fork` if waiting is not worth it."""
        waited_seconds, last = 0.0, time.monotonic()
        conversation = asyncio.ensure_future(self._converse(channel, theirs, request))
        try:
            while not conversation.done():
                await asyncio.wait((conversation,), timeout=WAKE_SECONDS)
                now = time.monotonic()
                # Time in which a cell blocked the event loop does not count.
                waited_seconds += min(now - last, 2 * WAKE_SECONDS)
                last = now
                found = self.verdict(waited_seconds)
                if conversation.done() or found.do == "ask":
                    continue
                if found.do == "cold":
                    raise NoForkError(found.why)
                raise ReplaceError(found.why, retry=not self._is_ready)
            return conversation.result()
        finally:
            conversation.cancel()
            # The loop must no longer watch the channel when it is closed.
            await asyncio.gather(conversation, return_exceptions=True)

    async def _converse(
        self, channel: socket.socket, theirs: socket.socket, request: StartRequest
    ) -> StartAnswer:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))]
        while True:
            try:
                # Not send_fds(): it ignores its flags (python/cpython#107898) and blocks.
                self._control.sendmsg([b"f"], rights, socket.MSG_DONTWAIT)
                break
            except BlockingIOError:
                await asyncio.sleep(_FULL_QUEUE_SECONDS)
        theirs.close()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(channel, encode(request))
        (size,) = LENGTH.unpack(await _exactly(channel, LENGTH.size))
        answer: StartAnswer = json.loads(await _exactly(channel, size))
        return answer

    @contextlib.contextmanager
    def _gone_is_told(self) -> Iterator[None]:
        """Turn the errors of a socket into those of `fork`."""
        try:
            yield
        except (EOFError, OSError) as error:
            if isinstance(error, EOFError | ConnectionError) or error.errno == errno.EBADF:
                # It has ended, or another start is replacing it.
                raise ReplaceError(ended(self._is_ready, self._preloaded)) from error
            # For example, too many descriptors are in flight.
            raise NoForkError(f"the warm interpreter could not be reached: {error}") from error


async def _exactly(channel: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < size:
        more = await loop.sock_recv(channel, size - len(data))
        if not more:
            raise EOFError("the warm interpreter closed the channel")
        data += more
    return data
