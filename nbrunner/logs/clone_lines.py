"""Separates the lines of cloned tasks that have run together in the log. Pure functions.

A resume clones tasks in threads. Each thread writes time, task and text of a line separately
(``logger``, ``metaflow/cli.py``), so one line of the log may be ``<time> <time> [17/start/1]
[17/train/2] Cloning previously run task 16/start/1``, with the rest in the next line. The
text names the cloned step, which identifies the task in brackets that it belongs to.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from nbrunner.engine import log_format
from nbrunner.text.escapes import COLOURS

_TIME = rf"(?P<time>{log_format.WHEN}) ?+"
_TASK = rf"\[{log_format.TASK}\] ?+"
_CLONED = (
    rf"(?P<text>{log_format.ANY_CLONE}(?:[^/\s]+/){{1,2}}(?P<cloned>[^/\s]+)/[^/\s]+?)"
    rf"(?=\x1b|{log_format.DATE} |\[|\Z)"
)
_part = re.compile(f"{COLOURS}(?:{_TIME}|{_TASK}|{_CLONED}){COLOURS}".encode())
_WORDS = log_format.OF_TASK.encode()


class CloneLines:
    """Separates the lines of cloned tasks, one log line after the other.

    The result for a line does not depend on later lines.
    """

    def __init__(self) -> None:
        self._open: list[tuple[bytes, bytes, bytes]] = []  # tasks still without their text

    def lines(self, line: bytes) -> list[bytes]:
        """Return the lines that a log line consists of; usually the line itself."""
        if _WORDS not in line:
            return [line]
        opened, found = list(self._open), []
        time, at = b"", 0
        while at < len(line):
            part = _part.match(line, at)
            if part is None or part.end() == at:
                return [line]  # not about cloning
            if part["time"]:
                time = part["time"] + b" "
            elif part["run"]:
                opened.append((part["run"], part["step"], part["task"]))
            else:
                found.append(time + _take_prefix(opened, part["cloned"]) + part["text"])
                time = b""
            at = part.end()
        if not found:
            return [line]
        self._open = opened
        return found


def _take_prefix(opened: list[tuple[bytes, bytes, bytes]], step: bytes) -> bytes:
    """Remove the open task that a clone's text belongs to, and return its line prefix.

    If several tasks of the step are open, the task id in the prefix is ``?``.
    """
    waiting = [each for each in opened if each[1] == step]
    if not waiting:
        return b""
    run, _, task = waiting[0]
    opened.remove(waiting[0])
    if len(waiting) == 1:
        return b"[%s/%s/%s] " % (run, step, task)
    opened[:] = [(*each[:2], b"?") if each[1] == step else each for each in opened]
    return b"[%s/%s/?] " % (run, step)


def told_apart(data: bytes) -> bytes:
    """Return lines, each ending in ``\\n``, with the lines of cloned tasks separated."""
    if _WORDS not in data:
        return data
    clones = CloneLines()
    lines = data.split(b"\n")
    rest = lines.pop()
    return b"".join(part + b"\n" for line in lines for part in clones.lines(line)) + rest


async def printed_lines(lines: AsyncIterator[tuple[int, str]]) -> AsyncIterator[str]:
    """Yield the lines of a log without positions, with the lines of cloned tasks separated."""
    clones = CloneLines()
    async for _, line in lines:
        if _WORDS.decode() in line:
            for part in clones.lines(line.encode("utf-8", "replace")):
                yield part.decode("utf-8", "replace")
        else:
            yield line
