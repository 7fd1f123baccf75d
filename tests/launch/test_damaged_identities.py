"""Runs whose files do not identify their processes: any process can still stop them."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.waiting import async_until

from nbrunner import Runner, attach
from nbrunner.cli import all_running
from nbrunner.launch.processes import descendants
from nbrunner.launch.run_processes import supervisor_of
from nbrunner.record import run_directory

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).with_name("nbrunner")

WHO = (run_directory.SUPERVISOR, run_directory.START)

# The content of the files that identify the run's processes; None if they are deleted.
DAMAGES = {
    "one is cut short": {run_directory.SUPERVISOR: b'{"supervisor": {"pid": 12'},
    "one is empty": {run_directory.SUPERVISOR: b""},
    "one is of another kind": {run_directory.SUPERVISOR: b'{"supervisor": "me"}'},
    "one is deleted": {run_directory.SUPERVISOR: None},
    "both are cut short": dict.fromkeys(WHO, b'{"supervisor": {"pid": 12'),
    "both are deleted": dict.fromkeys(WHO),
}


def damage(directory, files):
    for name, content in files.items():
        (directory.path / name).unlink(missing_ok=True)
        if content is not None:
            (directory.path / name).write_bytes(content)


async def begin(write_flow):
    runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
    running = await runner.async_run(seconds=600)
    await async_until(lambda: "Task is starting" in running.stdout, "its task")
    return running


def family_of(running):
    """Return all processes of a run, as identified by its files now."""
    supervisor = supervisor_of(running.directory)
    return [supervisor, *descendants(supervisor.pid)]


@pytest.mark.parametrize("warm", ["0", "1"])
@pytest.mark.parametrize("damaged", DAMAGES)
def test_stop_all_ends_a_run_and_says_so(write_flow, monkeypatch, damaged, warm):
    """B1: another process has only the files, and searches for the processes itself."""
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    running = asyncio.run(begin(write_flow))
    family = family_of(running)
    assert running.warm == (warm == "1"), running.cold_reason
    damage(running.directory, DAMAGES[damaged])
    assert [each.pathspec for each in all_running()] == [running.pathspec]
    began = time.monotonic()
    done = subprocess.run([COMMAND, "stop", "all"], capture_output=True, text=True, check=True)
    seconds = time.monotonic() - began
    assert done.stdout.startswith(f"{running.pathspec}: stopped after SIGINT"), done
    assert [each for each in family if each.alive()] == []
    assert seconds < 14, "the time that a stop may take"
    assert (running.status, attach(running.pathspec).status) == ("stopped", "stopped")


@pytest.mark.parametrize("warm", ["0", "1"])
@pytest.mark.parametrize("damaged", ["one is cut short", "both are deleted"])
def test_stop_all_ends_a_run_whose_supervisor_is_killed_as_well(
    write_flow, monkeypatch, damaged, warm
):
    """B1, B4: the run has no supervisor, and no file names its processes."""
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    running = asyncio.run(begin(write_flow))
    family = family_of(running)
    damage(running.directory, DAMAGES[damaged])
    running.watched.supervisor.send(signal.SIGKILL)
    done = subprocess.run([COMMAND, "stop", "all"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{running.pathspec}: "), done
    assert " after SIG" in done.stdout
    assert [each for each in family if each.alive()] == []


def test_the_two_files_name_the_same_supervisor(write_flow):
    running = asyncio.run(begin(write_flow))
    files = [json.loads((running.directory.path / name).read_text()) for name in WHO]
    assert files[0]["supervisor"] == files[1]["supervisor"]
    running.stop()
