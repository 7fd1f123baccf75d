"""The failure of a run: step, exception, and the user's own lines in the traceback."""

from __future__ import annotations

import itertools
import linecache
import re
import textwrap
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace

from nbrunner.engine import log_format
from nbrunner.engine.progress import STATES, parse_line
from nbrunner.text.line_origins import Origin, in_origins, is_cell, origin_of
from nbrunner.text.user_code import is_users

_SHORT_LINES, _SHORT_CHARACTERS = 8, 1000
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>.+)$')
_EXCEPTION = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")
_HEADLINE = re.compile(f"^{log_format.HEADLINE}$")
_TRACEBACK = "Traceback (most recent call last):"
_NO_EXCEPTION = (
    "the task's process ended without an exception: it was killed (out of memory?) or called exit"
)


@dataclass(frozen=True)
class SourceLine:
    """A line of the user's own code in a traceback.

    Attributes
    ----------
    file : str
        Path of the file, or name of the cell.
    line : int
        Line number, from 1.
    function : str
        Name of the function.
    text : str
        The source line; empty if the file no longer exists.
    """

    file: str
    line: int
    function: str
    text: str

    @property
    def place(self) -> str:
        """The location: ``/flows/train.py:12``, ``Cell In[3], line 12``."""
        separator = ", line " if is_cell(self.file) else ":"
        return f"{self.file}{separator}{self.line}"


@dataclass(frozen=True)
class Failure:
    """The failure of a run.

    Attributes
    ----------
    step, task_id : str
        The task that failed; empty if the run itself failed.
    exception_type, message : str
        Class and text of the exception. The class is empty if it is unknown: the process was
        killed, or Metaflow reported the error in its own words.
    traceback : str
        The traceback as printed by Python, without indentation if it was read from the log.
        Without an exception: the last output of the task.
    source : tuple of SourceLine
        The user's own lines in the traceback, outermost first.
    """

    step: str
    task_id: str
    exception_type: str
    message: str
    traceback: str
    source: tuple[SourceLine, ...] = ()

    def __str__(self) -> str:
        where = f"step {self.step}, task {self.task_id}: " if self.step else ""
        what = f"{self.exception_type}: {self.message}" if self.exception_type else self.message
        lines = [f"{where}{what}".rstrip(": ")]
        lines += [f"  {each.place}, in {each.function}\n    {each.text}" for each in self.source]
        return "\n".join(lines)

    @property
    def short(self) -> Failure:
        """The failure with a long message truncated to its first lines, for panels."""
        lines = [
            line if len(line) <= _SHORT_CHARACTERS else f"{line[:_SHORT_CHARACTERS]}…"
            for line in self.message.splitlines()
        ]
        more = len(lines) - _SHORT_LINES
        if more > 1:  # the note about one line would take as much room as the line
            lines[_SHORT_LINES:] = [f"… {more:,} more lines"]
        return replace(self, message="\n".join(lines))

    @property
    def headline(self) -> str:
        """What failed in one line, and the innermost line of the user's code in another."""
        first = str(replace(self.short, source=())).partition("\n")[0]
        own = [f"  {each.place}, in {each.function}: {each.text}" for each in self.source[-1:]]
        return "\n".join([first, *own])


def as_written(failure: Failure, file: str, origins: Sequence[Origin]) -> Failure:
    """Return the failure with locations in a generated file replaced by their origins."""

    def own(each: SourceLine) -> SourceLine:
        found = origin_of(origins, each.line) if each.file == file else None
        return replace(each, file=found[0], line=found[1]) if found else each

    return replace(
        failure,
        traceback=in_origins(failure.traceback, file, origins),
        source=tuple(map(own, failure.source)),
    )


def failure_of_task(
    step: str,
    task_id: str,
    log: Callable[[], Iterable[str]],
    task: object | None,
    headlines: Container[str] = (),
) -> Failure:
    """Return the failure of a task.

    Parameters
    ----------
    step, task_id : str
        The task.
    log : callable
        Returns the lines of the run's stdout, which may be many. Called only if the task has
        stored no exception.
    task : metaflow.Task or None
        Task whose stored exception is preferred, since the log has lost the indentation. Tasks
        that were killed, or whose artifacts could not be stored, have none.
    headlines : container of str
        Headlines of the errors that Metaflow reports without a traceback.
    """
    stored = _stored_exception(task)
    if stored is not None:
        kind, message, text = stored
    else:
        text = _logged_traceback(step, task_id, log())
        if _TRACEBACK in text:
            kind, message = _last_exception(text)
        else:
            kind, message = "", _metaflows_words(text, headlines) or _NO_EXCEPTION
    return Failure(step, task_id, kind, message, text, user_lines(text))


def failure_of_run(stderr: str, returncode: int | None) -> Failure:
    """Return the failure of a run without a failed task, from Metaflow's message."""
    start = stderr.rfind(_TRACEBACK)
    if start >= 0:
        text = stderr[start:].rstrip()
        kind, message = _last_exception(text)
        return Failure("", "", kind, message, text, user_lines(text))
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    if returncode is not None and returncode < 0:
        return Failure("", "", "Killed", f"the run process was killed by signal {-returncode}", "")
    return Failure("", "", "MetaflowException", "\n".join(lines[-3:]), "")


def _stored_exception(task: object | None) -> tuple[str, str, str] | None:
    """Return (type, message, traceback) that Metaflow has stored with the task, or None."""
    exception = getattr(task, "exception", None)
    stacktrace = getattr(exception, "stacktrace", None)
    if not exception or not stacktrace:
        return None
    # Metaflow stores the str of the exception class: "<class 'ValueError'>".
    kind = re.sub(r"^<class '(?:builtins\.)?(.*)'>$", r"\1", str(exception.type))
    return kind.rsplit(".", 1)[-1], str(exception.exception), str(stacktrace).rstrip()


def _logged_traceback(step: str, task_id: str, log: Iterable[str]) -> str:
    """Return the last traceback of a task in the log, or else the last output of the task."""
    lines: list[str] = []
    pid, is_over = None, False
    own = f"/{step}/{task_id} ("  # much faster to search for than parsing each line
    for line in log:
        parsed = parse_line(line) if own in line else None
        if parsed and (parsed.step, parsed.task_id) == (step, task_id):
            state = STATES.get(parsed.text)
            if parsed.text == _TRACEBACK or parsed.pid != pid or (is_over and state == "running"):
                lines = []  # keep the lines of this attempt only
            pid, is_over = parsed.pid, state == "failed"
            if parsed.text not in STATES:
                lines.append(parsed.text)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines[-200:])


def _metaflows_words(text: str, headlines: Container[str]) -> str:
    """Return an error reported by Metaflow, a headline and a paragraph; empty if there is none."""
    lines = text.splitlines()
    for number in reversed(range(len(lines))):
        match = _HEADLINE.match(lines[number].strip())
        if match and match["headline"] in headlines:
            below = itertools.takewhile(str.strip, lines[number + 1 :])
            # Metaflow indents the paragraph, and warm runs preserve that.
            return f"{match[0]} " + textwrap.dedent("\n".join(below))
    return ""


def _last_exception(text: str) -> tuple[str, str]:
    """Return (type, message) from the end of a traceback."""
    lines = text.splitlines()
    frames = [index for index, line in enumerate(lines) if _FRAME.match(line)]
    # The last frame is followed by its source line, carets and the exception.
    for index in range((frames[-1] + 2) if frames else 0, len(lines)):
        match = _EXCEPTION.match(lines[index])
        if match and not set(lines[index]) <= {"^", "~", " "}:
            rest = [match["message"] or "", *lines[index + 1 :]]
            return match["type"], "\n".join(rest).strip()
    return "", lines[-1] if lines else ""


def user_lines(text: str) -> tuple[SourceLine, ...]:
    """Return the lines of a traceback in the user's code, not in Metaflow, Python or packages.

    Consecutive frames at the same line, such as of a function and its comprehension, are merged.
    """
    found: list[SourceLine] = []
    for line in text.splitlines():
        match = _FRAME.match(line)
        if match and is_users(match["file"]):
            number = int(match["line"])
            if found and (found[-1].file, found[-1].line) == (match["file"], number):
                continue
            linecache.checkcache(match["file"])
            source = linecache.getline(match["file"], number).strip()
            found.append(SourceLine(match["file"], number, match["function"], source))
    return tuple(found)
