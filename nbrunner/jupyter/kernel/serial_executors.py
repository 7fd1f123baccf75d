"""Executors that run callbacks for messages of the front end one after the other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from nbrunner.jupyter.kernel.front_end import no_cells_context

Work = Callable[[], None]
Submit = Callable[[Work], None]


class InTurn:
    """Runs callbacks at once in the submitting thread, in order and never two at a time.

    Re-entrant and concurrent submissions are queued and run by the thread that is already
    draining the queue.
    """

    def __init__(self) -> None:
        self._works: deque[Work] = deque()
        self._at_it = threading.Lock()

    def __call__(self, work: Work) -> None:
        self._works.append(work)
        self._serve()

    def _serve(self) -> None:
        # Checked again after releasing the lock: a callback may have been queued in between.
        while self._works and self._at_it.acquire(blocking=False):
            try:
                while self._works:
                    self._works.popleft()()
            except BaseException:
                self._at_it.release()
                self._serve()  # one failing callback must not drop the rest of the queue
                raise
            self._at_it.release()


class Aside:
    """Runs callbacks one after the other in a thread that exists only while it is needed.

    For slow callbacks, such as calls of Metaflow's Client, that must block neither the kernel's
    main thread nor the feed. The thread is a daemon, so it does not delay the exit either.

    Parameters
    ----------
    name : str
        Name of the thread.
    """

    def __init__(self, name: str = "nbrunner-aside") -> None:
        self._name = name
        self._works: deque[Work] = deque()
        self._lock = threading.Lock()
        self._busy = False

    def __call__(self, work: Work) -> None:
        with self._lock:
            self._works.append(work)
            if self._busy:
                return
            self._busy = True
        self._start()

    def _start(self) -> None:
        target = no_cells_context().run
        threading.Thread(target=target, args=(self._serve,), name=self._name, daemon=True).start()

    def _serve(self) -> None:
        while True:
            with self._lock:
                if not self._works:
                    self._busy = False
                    return
                work = self._works.popleft()
            try:
                work()
            except BaseException:
                self._start()  # one failing callback must not drop the rest of the queue
                raise
