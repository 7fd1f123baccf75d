"""Blocking calls of coroutines.

The coroutine runs on its own event loop in a worker thread. The calling thread waits and
prints the coroutine's output. This works whether or not the calling thread already runs an
event loop (a notebook cell does), output appears where the caller's own output does, and
Ctrl-C interrupts plain Python code instead of an event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import operator
import queue
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import TypeVar

from nbrunner.aio.inotify import let_go

T = TypeVar("T")


class Output:
    """A queue of text from the coroutine to the caller's stdout and stderr."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()

    def write(self, stream: str, text: str) -> None:
        """Queue a text for the calling thread to write to ``"stdout"`` or ``"stderr"``."""
        self._queue.put((stream, text))

    def close(self) -> None:
        """End `pump` once the queued text is written."""
        self._queue.put(None)

    def pump(self) -> None:
        """Write queued text in the calling thread until the queue is closed."""
        while (item := self._queue.get()) is not None:
            # Write everything queued at once, so that a lot of output takes few writes.
            items = [item]
            closed = False
            while not self._queue.empty() and not closed:
                following = self._queue.get()
                if following is None:
                    closed = True
                else:
                    items.append(following)
            for stream, group in itertools.groupby(items, key=operator.itemgetter(0)):
                file = sys.stdout if stream == "stdout" else sys.stderr
                file.write("".join(text for _, text in group))
                file.flush()
            if closed:
                return


@contextlib.contextmanager
def _loop_of_its_own() -> Iterator[asyncio.Runner]:
    """Create an event loop and close all of its resources at the end of the block.

    The traceback of an exception keeps the loop referenced as long as the exception lives.
    """
    # Not asyncio.run(): nest-asyncio replaces it with a version that leaves loops open.
    runner = asyncio.Runner()
    loop = runner.get_loop()
    try:
        with runner:
            yield runner
    finally:
        let_go(loop)


def drive(make: Callable[[Output], Coroutine[object, object, T]]) -> T:
    """Run a coroutine on its own event loop in a thread and return its result.

    Parameters
    ----------
    make : callable
        Function that takes an `Output` and returns the coroutine.

    Raises
    ------
    KeyboardInterrupt
        The caller was interrupted. The coroutine has been cancelled and has ended; a second
        interrupt does not wait for that.
    """
    output = Output()
    task: Future[asyncio.Task[T]] = Future()
    result: Future[T] = Future()

    interrupted = threading.Event()

    async def main() -> T:
        current = asyncio.current_task()
        assert current is not None
        task.set_result(current)
        if interrupted.is_set():  # before the coroutine started
            raise asyncio.CancelledError
        return await make(output)

    def work() -> None:
        try:
            with _loop_of_its_own() as runner:
                result.set_result(runner.run(main()))
        except BaseException as error:  # reraised in the calling thread
            result.set_exception(error)
        finally:
            output.close()

    worker = threading.Thread(target=work, name="nbrunner-blocking", daemon=True)
    try:
        worker.start()  # inside the try: an interrupt may arrive while the thread starts
        output.pump()
        worker.join()
    except BaseException:  # an interrupt, or a broken stdout
        interrupted.set()
        if task.done():
            running = task.result()
            with contextlib.suppress(RuntimeError):  # it has just ended and its loop is closed
                running.get_loop().call_soon_threadsafe(running.cancel)
            worker.join()
        raise
    return result.result()
