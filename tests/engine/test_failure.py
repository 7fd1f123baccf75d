"""The reason of a failure, from a stored exception, a log, or Metaflow's messages."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nbrunner.engine.failure import Failure, failure_of_run, failure_of_task

pytestmark = pytest.mark.once

WHEN = "2026-11-23 00:02:53.890"


def logged(*texts, task="start/1", pid=9):
    return [f"{WHEN} [17/{task} (pid {pid})] {text}" for text in texts]


def failed(lines, task=None, **options):
    return failure_of_task("start", "1", lambda: lines, task, **options)


def test_a_stored_exception_is_the_better_source():
    exception = SimpleNamespace(
        type="<class 'mine.errors.BadInput'>", exception="x is odd", stacktrace="Traceback ...\n"
    )
    found = failed(logged("ValueError: another"), SimpleNamespace(exception=exception))
    assert (found.exception_type, found.message) == ("BadInput", "x is odd")
    assert found.traceback == "Traceback ..."


def test_the_last_traceback_of_the_last_attempt_counts():
    first = logged("Traceback (most recent call last):", "KeyError: 'first'", "Task failed.", pid=8)
    other = logged("Traceback (most recent call last):", "OSError: no", task="start/11", pid=7)
    last = logged(
        *("Task is starting (retry).", "Traceback (most recent call last):"),
        *('File "/flows/a.py", line 3, in start', "raise ValueError(", "ValueError: two", "lines"),
        "Task failed.",
    )
    found = failed([*first, *last, *other])
    assert (found.exception_type, found.message) == ("ValueError", "two\nlines")
    assert [(each.file, each.line) for each in found.source] == [("/flows/a.py", 3)]


def test_an_error_that_metaflow_tells_without_a_traceback():
    lines = logged("Cannot pickle artifact in file /flows/a.py on line 3:", "the lock", "", "later")
    found = failed(lines, headlines={"Cannot pickle artifact"})
    expected = "Cannot pickle artifact in file /flows/a.py on line 3: the lock"
    assert (found.exception_type, found.message) == ("", expected)


def test_a_task_that_said_nothing_was_killed():
    assert "it was killed (out of memory?) or called exit" in failed(logged("Task failed.")).message


@pytest.mark.parametrize(
    ("stderr", "returncode", "kind", "message"),
    [
        ("Traceback (most recent call last):\nImportError: no x\n", 1, "ImportError", "no x"),
        ("", -9, "Killed", "the run process was killed by signal 9"),
        ("a\n\n  b\nc\nd\n", 1, "MetaflowException", "b\nc\nd"),
    ],
)
def test_a_run_without_a_failed_task(stderr, returncode, kind, message):
    found = failure_of_run(stderr, returncode)
    assert (found.step, found.exception_type, found.message) == ("", kind, message)


def test_a_long_message_is_shown_by_its_first_lines():
    whole = Failure("start", "1", "E", "\n".join(["x" * 2000, *map(str, range(20))]), "")
    short = whole.short.message.splitlines()
    assert short[0] == "x" * 1000 + "…"
    assert short[-1] == "… 13 more lines"
    nine = Failure("start", "1", "E", "\n".join(map(str, range(9))), "")
    assert nine.short.message == nine.message, "one line more fits in place of saying so"
    assert whole.headline.startswith("step start, task 1: E: xxx")
