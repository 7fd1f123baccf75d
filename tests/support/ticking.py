"""Measures how long an event loop was blocked, compared with the load of the machine."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator

_TICK_SECONDS = 0.002

# Another process that ticks in the same way: its longest gap is due to the machine.
_CONTROL = """\
import sys, threading, time
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
longest, last = 0.0, time.perf_counter()
print(flush=True)
while not over.wait(0.002):
    now = time.perf_counter()
    longest, last = max(longest, now - last), now
print(longest)
"""


class Ticks:
    """The measurements; complete when the block of `ticking` has ended.

    Attributes
    ----------
    longest_seconds : float
        The longest time between two iterations of the loop.
    machine_seconds : float
        The same for a process that had nothing else to do.
    """

    longest_seconds = 0.0
    machine_seconds = 0.0

    def stood_still(self) -> float:
        """Return the blocked seconds that are not due to the machine."""
        return max(0.0, self.longest_seconds - self.machine_seconds)


@contextlib.asynccontextmanager
async def ticking() -> AsyncIterator[Ticks]:
    """Measure the running loop while the block runs."""
    ticks = Ticks()

    async def tick() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = time.perf_counter()
            ticks.longest_seconds = max(ticks.longest_seconds, now - last)
            last = now

    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _CONTROL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as control:
        control.stdout.readline()
        task = asyncio.ensure_future(tick())
        await asyncio.sleep(0)
        try:
            yield ticks
        finally:
            task.cancel()
            await asyncio.wait((task,))
            answer, _ = control.communicate()
            ticks.machine_seconds = float(answer)
