"""Notification of file changes in a directory, on any event loop.

On Linux each event loop has one inotify descriptor for all directories it follows. It is
opened for the first follower and closed with the loop. Without inotify (on other systems, or
when the user's limit of instances is reached) followers poll every few milliseconds.

Not a library: asyncinotify opens a descriptor per follower, creates an object per event, and
has nothing for the cases without inotify.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
import weakref
from collections.abc import Awaitable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from nbrunner.late_module import LateModule

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = LateModule("asyncio")  # a warm interpreter is started before it is imported

T = TypeVar("T")

# ipykernel 7.4 delivers an interrupt to an awaiting cell only when its event loop wakes up
# for another reason. Every wait is therefore cut into pieces of this length.
WAKE_SECONDS = 0.1

_POLL_SECONDS = 0.01

# sys/inotify.h
_IN_MODIFY, _IN_CLOSE_WRITE, _IN_MOVED_TO = 0x2, 0x8, 0x80
_IN_NONBLOCK, _IN_CLOEXEC = 0x800, 0x80000
_EVENT = struct.Struct("iIII")


async def keep_waking(awaitable: Awaitable[T]) -> T:
    """Await while waking up the loop every `WAKE_SECONDS`, and return the result."""
    task = asyncio.ensure_future(awaitable)
    try:
        while not task.done():
            await asyncio.wait((task,), timeout=WAKE_SECONDS)
        return task.result()
    finally:
        task.cancel()


class Changes:
    """Change notifications for one follower of one directory."""

    def __init__(self, polls: bool) -> None:
        self._polls = polls
        self._changed = True  # the first wait returns at once
        self._waiter: asyncio.Future[None] | None = None

    def notify(self) -> None:
        """Mark a change and wake up the follower."""
        self._changed = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, timeout_seconds: float = WAKE_SECONDS) -> bool:
        """Wait for a change since the last call.

        Parameters
        ----------
        timeout_seconds : float
            Longest time to wait.

        Returns
        -------
        bool
            True if there was a change, and always when polling.
        """
        if self._polls:
            await asyncio.sleep(min(_POLL_SECONDS, timeout_seconds))
            return True
        if not self._changed:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await asyncio.wait((self._waiter,), timeout=timeout_seconds)
            finally:
                self._waiter = None
        changed, self._changed = self._changed, False
        return changed


class _Inotify:
    """The inotify descriptor of one event loop."""

    of_loop: ClassVar[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Inotify]] = (
        weakref.WeakKeyDictionary()
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1 failed")
        # Closed with the loop only: closing an inotify descriptor takes 5 to 20 ms.
        self.close = weakref.finalize(self, os.close, self._descriptor)
        self.close.atexit = False
        self._followers: dict[int, set[Changes]] = {}
        loop.add_reader(self._descriptor, self._read)

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> _Inotify:
        """Return the descriptor of an event loop; open it if there is none."""
        if loop not in cls.of_loop:
            cls.of_loop[loop] = cls(loop)
        return cls.of_loop[loop]

    def add(self, path: Path, mask: int, changes: Changes) -> None:
        """Notify a follower of events on a path; raise OSError if it cannot be watched."""
        # The kernel returns the existing watch for a path that is already watched.
        watch: int = self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), mask)
        if watch < 0:
            error = OSError(ctypes.get_errno(), f"inotify_add_watch failed for {path}")
            self.remove(changes)
            raise error
        self._followers.setdefault(watch, set()).add(changes)

    def remove(self, changes: Changes) -> None:
        """Remove a follower, and the watches without followers."""
        for watch, followers in list(self._followers.items()):
            followers.discard(changes)
            if not followers:
                del self._followers[watch]
                self._libc.inotify_rm_watch(self._descriptor, watch)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            events = os.read(self._descriptor, 64 * 1024)
            for watch in set(_watches(events)):
                for changes in self._followers.get(watch, ()):
                    changes.notify()


def _watches(events: bytes) -> Iterator[int]:
    offset = 0
    while offset < len(events):
        watch, _mask, _cookie, length = _EVENT.unpack_from(events, offset)
        yield watch
        offset += _EVENT.size + length


@contextlib.contextmanager
def changes_in(directory: Path, *logs: Path) -> Iterator[Changes]:
    """Follow new files in a directory and growth of log files, on the running event loop.

    Only the given logs are followed: a follower without logs is not woken by a run's output.
    """
    changes = Changes(polls=False)
    try:
        inotify = _follow(directory, logs, changes)
    except OSError:
        yield Changes(polls=True)
        return
    try:
        yield changes
    finally:
        inotify.remove(changes)


def let_go(loop: asyncio.AbstractEventLoop) -> None:
    """Close the inotify descriptor of a closed loop that may still be referenced."""
    if (inotify := _Inotify.of_loop.pop(loop, None)) is not None:
        inotify.close()


def _follow(directory: Path, logs: Iterable[Path], changes: Changes) -> _Inotify:
    if not sys.platform.startswith("linux"):
        raise OSError("inotify needs Linux")
    inotify = _Inotify.of(asyncio.get_running_loop())
    inotify.add(directory, _IN_CLOSE_WRITE | _IN_MOVED_TO, changes)
    for log in logs:
        inotify.add(log, _IN_MODIFY, changes)
    return inotify
