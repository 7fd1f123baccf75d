"""The output pipes of a run's tasks, read so that no line waits for the next one.

Metaflow's runtime reads one line for each poll event of a pipe, through a buffer that
poll knows nothing of: of two lines printed together the second shows up with the next
output only. And it reads with a blocking ``readline``, so half a line holds up the whole
run. Here what is buffered counts as readable, and half a line does not.

It also strips each line before it writes it to the run's log: see `TaskLine`.
"""

from __future__ import annotations

import os
import select
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any

from nbrunner.engine import log_format
from nbrunner.engine.progress import is_metaflows
from nbrunner.launch.warm.partial_lines import OpenLines
from nbrunner.text.escapes import without_escapes

_CHUNK_BYTES = 64 * 1024

_STATES_BEGIN = (log_format.TASK_BEGINS.encode(), log_format.FOREACH_BEGINS.encode())

_pipes: weakref.WeakValueDictionary[int, PipeLines] = weakref.WeakValueDictionary()


class TaskLine(bytes):
    """A line that a task printed, as Metaflow's runtime takes it.

    The runtime stores it as it is, and writes ``line.strip()`` to the run's log
    (``Worker.emit_log``, ``metaflow/runtime.py``). What that returns keeps the indentation, and
    a blank stands behind text that the runtime itself might have written of the task: so
    whoever follows the log takes no task's words for Metaflow's.
    """

    __slots__ = ()

    def strip(self, characters: bytes | None = None, /) -> bytes:  # type: ignore[override]
        """Return the line for the run's log: indented with blanks and tabs as it was printed."""
        if characters is not None:
            return super().strip(characters)
        text = self.rstrip()
        before = text[: len(text) - len(text.lstrip())]
        text = text[max(before.rfind(each) for each in (b"\r", b"\n", b"\v", b"\f")) + 1 :]
        words = without_escapes(text)  # as whoever reads the log compares it
        is_ambiguous = words.startswith(_STATES_BEGIN) and is_metaflows(
            words.decode("utf-8", "replace")
        )
        return text + b" " if is_ambiguous else text


class PipeLines:
    """The reading end of a pipe, with the few methods that Metaflow's runtime uses.

    Parameters
    ----------
    descriptor : int
        Taken over: closed when the runtime lets go of this object.
    task : str
        Whose pipe it is, as lines of the log name it; empty if it is no task's.
    """

    def __init__(self, descriptor: int, task: str = "") -> None:
        self.task = task
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._partial: list[bytes] = []
        os.set_blocking(descriptor, False)
        _pipes[descriptor] = self
        # Not at exit: the runtime may still be reading then, and the kernel closes it too.
        self._closing = weakref.finalize(self, os.close, descriptor)
        self._closing.atexit = False

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
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
        """Return how many lines can be read without looking into the pipe."""
        return len(self._lines)

    def fill(self) -> bool:
        """Take what the pipe holds, up to a chunk; return whether it held anything."""
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
        """Return the next line; of an empty pipe what stands there without a line end."""
        while not self._lines and self.fill():
            pass
        if self._lines:
            return TaskLine(self._lines.popleft())
        rest = b"".join(self._partial)
        self._partial = []
        return TaskLine(rest)


class LinePoll:
    """Stands in for ``metaflow.procpoll.LinuxProcPoll``: an event for every line there is."""

    def __init__(self, event: type[Any], open_lines: OpenLines | None = None) -> None:
        self._event = event
        self._open_lines = open_lines
        self._poll = select.poll()

    def add(self, descriptor: int) -> None:
        self._poll.register(descriptor, select.POLLIN | select.POLLERR | select.POLLHUP)

    def remove(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)

    def poll(self, timeout: float) -> Iterator[Any]:
        """Yield events, each good for one ``readline``."""
        for descriptor, events in self._poll.poll(timeout):
            ended = bool(events & (select.POLLHUP | select.POLLERR))
            pipe = _pipes.get(descriptor)
            if pipe is None:
                readable = bool(events & select.POLLIN)
                yield self._event(descriptor, can_read=readable, is_terminated=ended)
                continue
            pipe.fill()
            # Counted first: nobody reads the lines of a pipe that the runtime has let go.
            for _ in range(pipe.whole_lines()):
                yield self._event(descriptor, can_read=True)
            if ended:
                # The runtime reads on by itself until nothing is left.
                yield self._event(descriptor, is_terminated=True)
        if self._open_lines is not None:
            self._open_lines.tell(list(_pipes.values()))
