"""Unfinished lines of tasks are shown before they end."""

from __future__ import annotations

import asyncio
import os

import pytest
from support.waiting import async_until

from nbrunner import Runner
from nbrunner.launch.warm import partial_lines
from nbrunner.launch.warm.partial_lines import OpenLines, last_state, task_of
from nbrunner.logs.index import LogSearch, MergedLog
from nbrunner.record.run_directory import OPEN_LINES, RunDirectory

BARFLOW = """\
import os, sys
from metaflow import FlowSpec, step

HERE = os.path.dirname(os.path.abspath(__file__))

class BarFlow(FlowSpec):

    @step
    def start(self):
        print('begun')
        for percent in (10, 20):
            sys.stderr.write(f'\\r{percent}%|### ')
            sys.stderr.flush()
        open(f'{HERE}/first').close()
        sys.stderr.write('\\r100%|##########\\n')
        open(f'{HERE}/second').close()
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    BarFlow()
"""


@pytest.mark.parametrize(
    ("written", "state"),
    [
        (b"\r 10%|#  \r 20%|## ", "20%|##"),
        (b"loading ...", "loading ..."),
        (b"\r50%\r", "50%"),
        (b"", ""),
        (b"caf\xc3", "caf"),
        (b"\r\x1b[3", ""),
        (b"caf\xc3\xa9 \xff", "café \N{REPLACEMENT CHARACTER}"),
    ],
)
def test_what_an_unfinished_line_says_last(written, state):
    assert last_state(written) == state


def test_the_task_of_a_command():
    words = ["python", "flow.py", "--quiet", "step", "fit", "--run-id", "17", "--task-id", "3"]
    assert task_of(words) == "17/fit/3"
    assert task_of(["git", "status"]) == ""
    assert task_of(["python", "flow.py", "kubernetes", "step"]) == ""


class Pipe:
    task = "17/fit/3 (pid 5)"

    def __init__(self, text):
        self.text = text

    def unfinished(self, at_most):
        return self.text


def test_a_line_that_has_ended_is_told_at_once_and_others_are_paced(tmp_path, monkeypatch):
    monkeypatch.setattr(partial_lines, "_PACE_SECONDS", 1000.0)
    directory = RunDirectory(tmp_path)
    told = OpenLines(directory)
    told.tell([Pipe(b"10%")])
    (line,) = directory.read(OPEN_LINES)["lines"]
    assert line.endswith("[17/fit/3 (pid 5)] 10%")
    told.tell([Pipe(b"11%")])
    assert directory.read(OPEN_LINES)["lines"] == [line], "too soon after the last"
    told.tell([Pipe(b"")])
    assert directory.read(OPEN_LINES) == {"lines": []}


@pytest.mark.slow
def test_a_progress_bar_is_one_line_that_changes_while_its_task_goes_on(
    write_flow, tmp_path, monkeypatch
):
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    flow = write_flow("barflow.py", BARFLOW)
    for gate in ("first", "second"):
        os.mkfifo(tmp_path / gate)

    async def main():
        running = await Runner(flow, show_output=False, pylint=False).async_run()
        log = MergedLog(running.directory.log("stdout"), running.directory.log("stderr"))
        search = LogSearch(log)

        def shown(text):
            search.work()
            lines = search.every.window(0, search.every.lines)
            return [line for line in lines if text in line.text]

        (line,) = await async_until(lambda: shown("20%|###"), "the bar")
        assert line.label == "start/1"
        assert shown("begun"), "what was printed before stands above"
        assert not shown("10%|")
        os.close(os.open(tmp_path / "first", os.O_WRONLY))
        (line,) = await async_until(lambda: shown("100%|"), "its end")
        await async_until(lambda: not shown("20%|"), "one line alone")
        os.close(os.open(tmp_path / "second", os.O_WRONLY))
        await running
        assert len(shown("100%|")) == 1
        log.close()
        return running

    running = asyncio.run(main())
    assert running.warm and running.status == "successful"
    assert sum("%|" in line for line in running.stdout.split("\n")) == 1


def test_a_run_that_has_ended_has_no_open_lines(tmp_path):
    RunDirectory(tmp_path).write(OPEN_LINES, {"lines": ["2026-11-25 12:00:00.000 [1/a/2] 5%"]})
    log = MergedLog(tmp_path / "stdout.log", tmp_path / "stderr.log")
    search = LogSearch(log)
    search.work()
    assert [line.text for line in search.every.window(0, 9)] == ["5%"]
    log.ended = True
    search.work()
    assert search.every.lines == 0
