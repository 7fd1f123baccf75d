"""Interleaved lines of a resume, separated."""

from __future__ import annotations

import itertools
import random

import pytest

from nbrunner.logs.clone_lines import CloneLines, told_apart
from nbrunner.logs.index import LogSearch, MergedLog

TIMES = [f"2026-11-25 19:38:14.{number}" for number in (230, 239, 241)]

RESULTS = "Cloning results of a previously run task"
SKIPPING = "Skipping cloning of previously run task"


def cloning(step, task, words="Cloning previously run task"):
    return f"{words} 16/{step}/{task}"


def apart(text):
    return told_apart(text.encode()).decode()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (  # the row: the task of one line, the text of the other
            f"{TIMES[0]} {TIMES[1]} [17/start/1] [17/measure/4] {cloning('start', 1)}\n"
            f"{cloning('measure', 3)}\n",
            [
                f"{TIMES[1]} [17/start/1] {cloning('start', 1)}",
                f"[17/measure/4] {cloning('measure', 3)}",
            ],
        ),
        (
            f"{TIMES[0]} [17/start/1] {TIMES[1]} [17/measure/4] {cloning('measure', 3)}\n"
            f"{cloning('start', 1)}\n",
            [
                f"{TIMES[1]} [17/measure/4] {cloning('measure', 3)}",
                f"[17/start/1] {cloning('start', 1)}",
            ],
        ),
        (  # two texts in one line
            f"{TIMES[0]} [17/start/1] {cloning('start', 1)}{TIMES[1]} [17/b/2] {cloning('b', 3)}\n",
            [
                f"{TIMES[0]} [17/start/1] {cloning('start', 1)}",
                f"{TIMES[1]} [17/b/2] {cloning('b', 3)}",
            ],
        ),
        (  # two tasks of one step cannot be told apart
            f"{TIMES[0]} [17/work/5] [17/work/6] {cloning('work', 4)}\n"
            f"{TIMES[1]} {cloning('work', 3)}\n",
            [
                f"{TIMES[0]} [17/work/?] {cloning('work', 4)}",
                f"{TIMES[1]} [17/work/?] {cloning('work', 3)}",
            ],
        ),
        (
            f"{TIMES[0]} [17/a/1] [17/b/2] {cloning('b', 2, RESULTS)}\n"
            f"{TIMES[1]} {cloning('a', 1, SKIPPING)}\n",
            [
                f"{TIMES[0]} [17/b/2] {cloning('b', 2, RESULTS)}",
                f"{TIMES[1]} [17/a/1] {cloning('a', 1, SKIPPING)}",
            ],
        ),
    ],
)
def test_lines_that_ran_into_each_other(written, shown):
    """E18: each clone becomes a line of its own, with its task in brackets."""
    assert apart(written) == "".join(f"{line}\n" for line in shown)


@pytest.mark.parametrize(
    "line",
    [
        f"{TIMES[0]} [17/start/1] {cloning('start', 1)}",
        f"{TIMES[0]} [17/start/1 (pid 9)] {TIMES[1]} [17/b/2] {cloning('b', 3)}",
        f"{TIMES[0]} [17/start/1 (pid 9)] {cloning('b', 3)}",
        f"words of a flow: {cloning('b', 3)}",
        f"{TIMES[0]} Cloning SlowFlow/16",
        f"{cloning('b', 3)} and more",
    ],
)
def test_other_lines_stay_as_they_are(line):
    """E18: single lines, and the output of tasks, are unchanged."""
    assert apart(f"{line}\n") == f"{line}\n"
    assert CloneLines().lines(line.encode()) == [line.encode()]


def written_by_threads(choose):
    """Return the output of threads that clone a task each, and each line by itself."""
    tasks = [(step, f"{number}") for number, step in enumerate("abcd"[: choose.randrange(1, 5)])]
    pieces = {
        step: [f"{choose.choice(TIMES)} ", f"[17/{step}/{task}] ", f"{cloning(step, task)}\n"]
        for step, task in tasks
    }
    text = ""
    while any(pieces.values()):
        step = choose.choice([step for step, left in pieces.items() if left])
        text += pieces[step].pop(0)
    return text, {f"[17/{step}/{task}] {cloning(step, task)}" for step, task in tasks}


def test_however_threads_take_turns():
    """E18: however the pieces of lines mix, each text is shown after its own task."""
    choose = random.Random(18)
    for _ in range(400):
        text, expected = written_by_threads(choose)
        lines = apart(text).splitlines()
        assert {line[line.find("[") :] for line in lines} == expected
        assert len(lines) == len(expected)
        assert all(line[:1] == "[" or line[:23] in TIMES for line in lines)
        # A line does not change when more is written after it.
        for first in range(text.count("\n")):
            part = "".join(itertools.islice(text.splitlines(keepends=True), first))
            assert apart(text).startswith(apart(part))


def test_the_log_view_shows_and_finds_one_line_for_each(tmp_path):
    """E18: the log view counts, filters and searches separated lines."""
    (tmp_path / "stderr.log").touch()
    (tmp_path / "stdout.log").write_text(
        f"{TIMES[0]} Cloning SlowFlow/16\n"
        f"{TIMES[0]} {TIMES[1]} [17/start/1] [17/work/4] {cloning('start', 1)}\n"
        f"{cloning('work', 3)}\n"
        f"{TIMES[2]} [17/a/5] {cloning('a', 2)}{TIMES[2]} [17/work/6] {cloning('work', 5)}\n"
        f"{TIMES[2]} Workflow starting (run-id 17):\n"
    )
    log = MergedLog(tmp_path / "stdout.log", tmp_path / "stderr.log")
    log.refresh()

    def texts(**chosen):
        search = LogSearch(log)
        search.choose(**chosen)
        search.work()
        view = search.found or search.shown
        assert view.lines == len(view.window(0, 100))
        return [(line.label, line.text) for line in view.window(0, 100)]

    assert len(texts()) == 6
    assert texts(step="work") == [("work/4", cloning("work", 3)), ("work/6", cloning("work", 5))]
    assert texts(query="task 16/a/2") == [("a/5", cloning("a", 2))]
    log.close()
