"""Panels of a lost run show its remaining processes, and can stop them."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from support.offspring import lives, processes_of
from support.waiting import until, whole

from nbrunner import Runner
from nbrunner.jupyter.panels.history_panel import HistoryPanel
from nbrunner.jupyter.panels.run_panel import RunPanel
from nbrunner.launch.run_processes import run_process_of, supervisor_of

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.usefixtures("feed")]


@pytest.fixture
def lost(tmp_path, write_flow):
    """A run whose supervisor and run process were killed together, and its remaining task."""
    os.mkfifo(tmp_path / "gate")
    running = asyncio.run(Runner(write_flow("gatedflow"), pylint=False).async_run())
    task = int(until(lambda: whole(tmp_path / "task"), "the task"))
    for who in (supervisor_of, run_process_of):
        who(running.directory).send(signal.SIGKILL)
    until(lambda: len(processes_of(running.directory.path)) == 1, "the end of all but the task")
    yield running, task
    running.stop()


def names(actions):
    return [each["name"] for each in actions]


def test_the_panel_of_a_lost_run_offers_to_stop_what_it_has_left(lost):
    """B4: Stop ends the task; the run stays lost."""
    running, task = lost
    panel = RunPanel(running)
    until(lambda: panel.header.detail == "1 process still running", "what is told of it")
    assert panel.header.status == "lost"
    assert names(panel.header.actions) == ["stop", "resume"]
    panel._act("stop")
    until(lambda: not lives(task), "the end of the task")
    until(lambda: names(panel.header.actions) == ["resume"], "the end of Stop")
    assert (panel.header.status, panel.header.detail) == ("lost", "")
    assert panel.header.warning == ""
    panel.close()


def test_the_history_offers_to_stop_what_a_lost_run_has_left(lost):
    """B4: the row shows this in its text, and has its own Stop button."""
    running, task = lost
    panel = HistoryPanel()
    (row,) = until(lambda: panel.table.rows, "the row")
    assert names(row["actions"]) == ["open", "stop", "resume"]
    assert "lost, 1 process still running" in panel.own_picture()["text/plain"]
    panel._act("stop", running.pathspec)
    until(lambda: not lives(task), "the end of the task")
    until(lambda: [names(row["actions"]) for row in panel.table.rows] == [["open", "resume"]])
    panel.close()
