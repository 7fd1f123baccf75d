"""Stopping runs without a record, and lost runs: none of their processes survives."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from support.offspring import lives, processes_of
from support.waiting import async_until, until, whole

from nbrunner import Runner, attach
from nbrunner.cli import all_running
from nbrunner.history import History
from nbrunner.launch.run_processes import run_process_of, supervisor_of
from nbrunner.record import run_directory

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).with_name("nbrunner")


async def begin(offspring, kind="plain,setsid"):
    runner = Runner(offspring.folder / "childflow.py", pylint=False)
    running = await runner.async_run(kind=kind)
    await async_until(offspring.ready, "the step's children")
    return running


def family_of(running) -> list[psutil.Process]:
    """Return all processes of a run whose supervisor is alive."""
    supervisor = psutil.Process(supervisor_of(running.directory).pid)
    return [supervisor, *supervisor.children(recursive=True)]


def living(family) -> list[psutil.Process]:
    return [each for each in family if lives(each.pid)]


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


# Functions that delete files of an active run, given its directory.
DELETIONS: dict[str, Callable[..., object]] = {
    "record": shutil.rmtree,
    "state": lambda path: shutil.rmtree(path.parents[1], ignore_errors=True),
    "files": empty,
    "identities": lambda path: (path / run_directory.SUPERVISOR).unlink(),
}


@pytest.mark.parametrize("deleted", DELETIONS)
def test_a_stop_ends_a_run_whatever_became_of_its_files(offspring, deleted):
    """B1: the handle finds the run's processes without its record."""

    async def main():
        running = await begin(offspring)
        family = family_of(running)
        DELETIONS[deleted](running.directory.path)
        assert running.status == "running"
        began = time.monotonic()
        report = await running.async_stop()
        return running, report, living(family), time.monotonic() - began

    running, report, left, seconds = asyncio.run(main())
    assert (left, offspring.living()) == ([], set())
    assert (running.status, report.status) == ("stopped", "stopped")
    assert report.signals[0] == "SIGINT"
    assert report.left == 0
    assert seconds < 13, "the time that a stop may take"


@pytest.mark.parametrize("deleted", ["record", "identities"])
def test_a_wait_that_times_out_ends_a_run_without_its_record(offspring, deleted):
    """B1: `wait(timeout=...)` ends in time even if the record is deleted."""

    async def main():
        running = await begin(offspring)
        family = family_of(running)
        DELETIONS[deleted](running.directory.path)
        began = time.monotonic()
        await running.wait(timeout=1)
        return running.status, living(family), time.monotonic() - began

    status, left, seconds = asyncio.run(main())
    assert (status, left, offspring.living()) == ("timeout", [], set())
    assert 1 <= seconds < 14


def test_a_handle_of_attach_ends_a_run_whose_record_is_deleted_since(offspring):
    """B1: a handle reads the identities when it is made, and keeps its time limits."""
    (offspring.folder / "deaf").touch()

    async def main():
        running = attach((await begin(offspring, "stubborn")).pathspec)
        family = family_of(running)
        delete(running.directory.path)
        report = await running.async_stop(interrupt_grace_seconds=0.5, terminate_grace_seconds=0.5)
        return running, report, living(family)

    running, report, left = asyncio.run(main())
    assert (left, offspring.living()) == ([], set())
    assert (running.status, running.returncode) == ("stopped", None)
    assert report.signals == ("SIGINT", "SIGTERM", "SIGKILL")
    assert report.seconds < 5


def delete(folder):
    """Delete a folder atomically, so that no new file can appear in it."""
    shutil.rmtree(folder.rename(folder.with_name("deleted")))


def test_a_run_that_ends_by_itself_without_its_record_leaves_nothing(write_flow):
    """B1: its supervisor cannot record the end, but ends too."""

    async def main():
        running = await Runner(write_flow("slowflow"), pylint=False).async_run(seconds=1)
        family = family_of(running)
        delete(running.directory.path)
        await asyncio.wait_for(running.wait(), 60)
        await async_until(lambda: not living(family), "the end of all processes")
        return running

    running = asyncio.run(main())
    assert running.status == "lost"
    assert not running.directory.path.exists()
    assert str(running.stop()) == "lost: had already ended"


# -- lost runs ----------------------------------------------------------------------------


@pytest.fixture
def gated(tmp_path, write_flow):
    write_flow("gatedflow")
    os.mkfifo(tmp_path / "gate")
    return tmp_path


async def lose(folder):
    """Kill supervisor and run process of a run; return its handle and its remaining task."""
    running = await Runner(folder / "gatedflow.py", pylint=False).async_run()
    task = int(await async_until(lambda: whole(folder / "task"), "the task"))
    for who in (supervisor_of, run_process_of):
        who(running.directory).send(signal.SIGKILL)
    await asyncio.wait_for(running.wait(), 60)
    assert (running.status, lives(task)) == ("lost", True)
    return running, task


def test_stop_all_reaches_the_task_of_a_lost_run_and_the_list_tells_of_it(gated):
    """B4: a run whose supervisor and run process were killed together can still be stopped."""
    running, task = asyncio.run(lose(gated))
    # The fork server of a warm run ends by itself.
    until(lambda: len(processes_of(running.directory.path)) == 1, "the end of all others")
    assert [each.pathspec for each in all_running()] == [running.pathspec]
    listed = subprocess.run([COMMAND, "list"], capture_output=True, text=True, check=True)
    assert "lost, 1 process still running  " in listed.stdout
    (row,) = History().page(status="lost").runs
    assert (row.left, row.status) == (1, "lost")
    stopped = subprocess.run([COMMAND, "stop", "all"], capture_output=True, text=True, check=True)
    assert stopped.stdout.startswith(f"{running.pathspec}: lost after SIGTERM in ")
    assert not lives(task)
    assert processes_of(running.directory.path) == []
    assert attach(running.pathspec).status == "lost"
    assert all_running() == []
    again = subprocess.run([COMMAND, "stop", "all"], capture_output=True, text=True, check=True)
    assert again.stdout == "No run is active\n"


def test_a_lost_run_that_was_stopped_and_deleted_leaves_nothing(gated):
    """B4 and B1: both at once; only the handle identifies the processes."""

    async def main():
        running, task = await lose(gated)
        delete(running.directory.path)
        return running, task, await running.async_stop()

    running, task, report = asyncio.run(main())
    assert not lives(task)
    assert (report.status, running.status) == ("lost", "lost")
    assert report.terminated >= 1


def test_stopping_what_a_lost_run_left_does_not_make_it_a_stopped_one(offspring):
    """B4: the run was successful before the stop was requested."""

    async def main():
        flow = offspring.folder / "childflow.py"
        running = await Runner(flow, pylint=False).async_run(kind="plain", then="end")
        supervisor_of(running.directory).send(signal.SIGKILL)
        await asyncio.wait_for(running.wait(), 60)
        before = running.status, offspring.living()
        return running, before, await running.async_stop()

    running, before, report = asyncio.run(main())
    assert running.run.successful
    assert before == ("lost", {"plain"})
    assert offspring.living() == set()
    assert (running.status, report.status) == ("lost", "lost")
    assert report.signals == ("SIGTERM",)
    assert attach(running.pathspec).status == "lost"


def test_a_run_that_ends_well_while_its_supervisor_hangs_is_not_a_stopped_one(write_flow):
    """B4: a stop that comes after the run process ended says nothing about its end."""

    async def main():
        running = await Runner(write_flow("slowflow"), pylint=False).async_run(seconds=1)
        supervisor_of(running.directory).send(signal.SIGSTOP)
        process = run_process_of(running.directory)
        await async_until(lambda: not process.alive(), "the end of the run process")
        assert running.status == "running"
        return running, await running.async_stop(0.1, 0.1)

    running, report = asyncio.run(main())
    assert running.run.successful
    assert (running.status, report.status) == ("lost", "lost")
    assert processes_of(running.directory.path) == []
