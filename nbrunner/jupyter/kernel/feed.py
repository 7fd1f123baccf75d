"""A thread with its own event loop that follows runs and updates widgets at a limited rate.

Tasks on the kernel's event loop do not run while a cell computes; this thread does. All reads from
disk for widgets, and all updates of widgets, happen here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Protocol, TypeVar

from nbrunner.aio.inotify import changes_in
from nbrunner.handles import ExecutingProcess
from nbrunner.jupyter.kernel.front_end import no_cells_context

# Minimum interval between updates of a panel, however much a run prints.
PACE_SECONDS = 0.1

# Maximum interval between updates while a run is active, for the elapsed time.
_TICK_SECONDS = 1.0


_T = TypeVar("_T")


class Shows(Protocol):
    """A panel, or a single widget, that the feed updates."""

    def show(self, over: bool) -> bool:
        """Show the current state of the run; return True if there is more to do at once."""
        ...


class Feed:
    """The feed thread; started on first use, one per kernel."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._following: dict[int, Future[None]] = {}

    def submit(self, work: Callable[[], None]) -> None:
        """Call a function in the feed's thread, after those submitted before."""
        self._started().call_soon_threadsafe(work)

    def start(self, coroutine: Coroutine[object, object, _T]) -> Future[_T]:
        """Run a coroutine on the feed's loop; return its future."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._started())

    def follow(self, running: ExecutingProcess, panel: Shows) -> Future[None]:
        """Update a panel until the run has ended; the future is done after the last update."""
        future: Future[None] = self.start(_follow(running, panel))
        self._following[id(panel)] = future
        future.add_done_callback(lambda _: self._following.pop(id(panel), None))
        return future

    def leave(self, panel: Shows) -> None:
        """Stop updating a panel."""
        future = self._following.pop(id(panel), None)
        if future is not None:
            future.cancel()

    def close(self) -> None:
        """End the thread; runs continue, panels are no longer updated."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                thread = threading.Thread(
                    target=no_cells_context().run,
                    args=(_serve, self._loop),
                    name="nbrunner-feed",
                    daemon=True,
                )
                thread.start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    finally:
        loop.close()


async def _follow(running: ExecutingProcess, panel: Shows) -> None:
    logs = [running.directory.log(stream) for stream in ("stdout", "stderr")]
    with changes_in(running.directory.path, *logs) as changes:
        while True:
            # Checked before reading, so that output written before the end is shown.
            over = running.status != "running"
            more = panel.show(over)
            if over and not more:
                return
            await asyncio.sleep(PACE_SECONDS)
            if not more:
                await changes.wait(_TICK_SECONDS - PACE_SECONDS)


FEED = Feed()
