"""The output pipes of a run's tasks, read so that no line waits for the next one.

Metaflow's runtime reads one line per poll event of a pipe, through a buffer that poll does not
see: of two lines printed together, the second appears only with the next output. Its
``readline`` blocks, so an unfinished line blocks the whole run. Here buffered lines count as
readable, and an unfinished line does not.

The runtime also strips each line before it writes it to the run's log; see `TaskLine`.
"""

from __future__ import annotations

import os
import select
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from nbrunner.engine import log_format
from nbrunner.engine.progress import is_metaflows
from nbrunner.launch.warm.partial_lines import OpenLines
from nbrunner.text.escapes import without_escapes

_CHUNK_BYTES = 64 * 1024

_STATES_BEGIN = (log_format.TASK_BEGINS.encode(), log_format.FOREACH_BEGINS.encode())

_pipes: weakref.WeakValueDictionary[int, PipeLines] = weakref.WeakValueDictionary()


class TaskLine(bytes):
    """A line of a task's output, for Metaflow's runtime.

    The runtime stores the line unchanged, and writes ``line.strip()`` to the run's log
    (``Worker.emit_log``, ``metaflow/runtime.py``). Here `strip` keeps the indentation, and appends
    a blank to text that equals a message of the runtime about the task: readers of the log then
    do not mistake it for one.
    """

    __slots__ = ()

    def strip(self, characters: bytes | None = None, /) -> bytes:  # type: ignore[override]
        """Return the line for the run's log, with its indentation of blanks and tabs."""
        if characters is not None:
            return super().strip(characters)
        text = self.rstrip()
        before = text[: len(text) - len(text.lstrip())]
        text = text[max(before.rfind(each) for each in (b"\r", b"\n", b"\v", b"\f")) + 1 :]
        words = without_escapes(text)  # as readers of the log compare it
        is_ambiguous = words.startswith(_STATES_BEGIN) and is_metaflows(
            words.decode("utf-8", "replace")
        )
        return text + b" " if is_ambiguous else text


class PipeLines:
    """The reading end of a pipe, with the few methods that Metaflow's runtime uses.

    Parameters
    ----------
    descriptor : int
        The descriptor, which this object owns: it is closed with it.
    task : str
        The name of the task in lines of the log; empty if the pipe is not a task's.
    """

    def __init__(self, descriptor: int, task: str = "") -> None:
        self.task = task
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._partial: list[bytes] = []
        os.set_blocking(descriptor, False)
        _pipes[descriptor] = self
        # Not at exit: the runtime may still be reading, and the kernel closes it anyway.
        self._closing = weakref.finalize(self, os.close, descriptor)
        self._closing.atexit = False

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def close(self) -> None:
        """Close the descriptor."""
        self._closing()

    def unfinished(self, at_most: int) -> bytes:
        """Return the unterminated tail, cut to its last `at_most` bytes."""
        last: list[bytes] = []
        for piece in reversed(self._partial):
            last.insert(0, piece)
            if sum(map(len, last)) >= at_most:
                break
        return b"".join(last)

    def whole_lines(self) -> int:
        """Return the number of buffered lines."""
        return len(self._lines)

    def fill(self) -> bool:
        """Read from the pipe, at most one chunk; return whether there was any data."""
        try:
            data = os.read(self._descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if b"\n" not in data:
            self._partial.append(data)
            return bool(data)
        lines = data.split(b"\n")
        self._lines.append(b"".join([*self._partial, lines[0], b"\n"]))
        self._partial = [lines[-1]] if lines[-1] else []
        self._lines.extend(line + b"\n" for line in lines[1:-1])
        return True

    def readline(self) -> bytes:
        """Return the next line, or the unterminated rest if the pipe is empty."""
        while not self._lines and self.fill():
            pass
        if self._lines:
            return TaskLine(self._lines.popleft())
        rest = b"".join(self._partial)
        self._partial = []
        return TaskLine(rest)


class LinePoll:
    """Replaces ``metaflow.procpoll.LinuxProcPoll``: gives one event per available line."""

    def __init__(
        self,
        event: type[Any],
        open_lines: OpenLines | None = None,
        each_time: Callable[[], None] = lambda: None,
    ) -> None:
        self._event = event
        self._each_time = each_time  # called before each wait
        self._open_lines = open_lines
        self._poll = select.poll()

    def add(self, descriptor: int) -> None:
        """Watch a descriptor."""
        self._poll.register(descriptor, select.POLLIN | select.POLLERR | select.POLLHUP)

    def remove(self, descriptor: int) -> None:
        """Stop watching a descriptor."""
        self._poll.unregister(descriptor)

    def poll(self, timeout: float) -> Iterator[Any]:
        """Yield events, each for one ``readline``.

        Parameters
        ----------
        timeout : float
            How long to wait for the first event, in milliseconds.
        """
        self._each_time()
        for descriptor, events in self._poll.poll(timeout):
            ended = bool(events & (select.POLLHUP | select.POLLERR))
            pipe = _pipes.get(descriptor)
            if pipe is None:
                readable = bool(events & select.POLLIN)
                yield self._event(descriptor, can_read=readable, is_terminated=ended)
                continue
            pipe.fill()
            # Counted first: the lines of a pipe that the runtime has closed are not read.
            for _ in range(pipe.whole_lines()):
                yield self._event(descriptor, can_read=True)
            if ended:
                # The runtime then reads until the pipe is empty.
                yield self._event(descriptor, is_terminated=True)
        if self._open_lines is not None:
            self._open_lines.tell(list(_pipes.values()))
