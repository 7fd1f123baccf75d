"""The blocking face of the API: one function that drives a coroutine to its end.

The coroutine runs on an event loop of its own in a worker thread; the calling thread
prints what it hands over and waits. So it works whether or not the caller's thread runs a
loop already (a notebook cell does), what is printed lands where the caller's prints land,
and Ctrl-C reaches plain Python code instead of the inside of an event loop.
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
from typing import Any, TypeVar

from nbrunner.aio.inotify import let_go

T = TypeVar("T")


class Output:
    """Text on its way from the coroutine to the caller's stdout and stderr."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()

    def write(self, stream: str, text: str) -> None:
        """Have the calling thread write a text to its ``"stdout"`` or ``"stderr"``."""
        self._queue.put((stream, text))

    def close(self) -> None:
        self._queue.put(None)

    def pump(self) -> None:
        """Write, in the calling thread, all that comes, until it is closed."""
        while (item := self._queue.get()) is not None:
            # What came meanwhile leaves together: a flood costs few writes.
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
    """Give an event loop, and leave nothing open of it.

    The traceback of an error holds the loop for as long as somebody holds the error.
    """
    # Not asyncio.run(), which nest-asyncio has replaced by one that leaves loops open.
    runner = asyncio.Runner()
    loop = runner.get_loop()
    try:
        with runner:
            yield runner
    finally:
        let_go(loop)


def drive(make: Callable[[Output], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end and return its result.

    Parameters
    ----------
    make : callable
        Given an `Output`, returns the coroutine.

    Raises
    ------
    KeyboardInterrupt
        The caller was interrupted: the coroutine has been cancelled and has ended. At a
        second interrupt it is not waited for.
    """
    output = Output()
    task: Future[asyncio.Task[T]] = Future()
    result: Future[T] = Future()

    interrupted = threading.Event()

    async def main() -> T:
        current = asyncio.current_task()
        assert current is not None
        task.set_result(current)
        if interrupted.is_set():  # before it had begun
            raise asyncio.CancelledError
        return await make(output)

    def work() -> None:
        try:
            with _loop_of_its_own() as runner:
                result.set_result(runner.run(main()))
        except BaseException as error:  # handed to the caller, whatever it is
            result.set_exception(error)
        finally:
            output.close()

    worker = threading.Thread(target=work, name="nbrunner-blocking", daemon=True)
    try:
        worker.start()  # in here, as an interrupt may come while the thread is starting
        output.pump()
        worker.join()
    except BaseException:  # an interrupt, or the caller's stdout is broken
        interrupted.set()
        if task.done():
            running = task.result()
            with contextlib.suppress(RuntimeError):  # it has just ended, and its loop is closed
                running.get_loop().call_soon_threadsafe(running.cancel)
            worker.join()
        raise
    return result.result()
