"""The child processes of this process, which are all reaped."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nbrunner.aio.inotify import WAKE_SECONDS
from nbrunner.late_module import LateModule
from nbrunner.launch.processes import LINUX, ProcessIdentity, identify

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = LateModule("asyncio")  # a warm interpreter is started before it is imported


class Children:
    """The child processes of this process; each is reaped, even if nothing refers to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._living: dict[int, subprocess.Popen[bytes]] = {}

    def start(
        self,
        command: list[str],
        environment: Mapping[str, str],
        output: int,
        cwd: str | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> ProcessIdentity:
        """Start a command in its own session, out of reach of our interrupts."""
        self.reap()
        process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        # Identified before it is reaped: until then its pid cannot be reused.
        identity = identify(process.pid) or ProcessIdentity(process.pid, "ended")
        with self._lock:
            self._living[process.pid] = process
        return identity

    def reap(self) -> None:
        """Reap all children that have ended."""
        with self._lock:
            for pid, process in list(self._living.items()):
                if process.poll() is not None:
                    del self._living[pid]


CHILDREN = Children()


async def ended(process: ProcessIdentity) -> None:
    """Wait on the running loop until a process has ended, and reap it if it is our child."""
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
