"""Killing supervisor or run process with SIGKILL, and full disks: nothing hangs."""

from __future__ import annotations

import asyncio
import os
from functools import partial

import psutil
import pytest
from support.flows import FLOWS
from support.offspring import CHILDFLOW, Offspring, lives, processes_of
from support.waiting import async_until, until, whole

from nbrunner import Runner, RunStartError, attach
from nbrunner.launch.run_processes import run_process_of, supervisor_of
from nbrunner.record import registry

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path, write_flow):
    write_flow("gatedflow")
    os.mkfifo(tmp_path / "gate")
    return tmp_path


async def begin(folder):
    """Start the flow and return its handle and its task's pid."""
    running = await Runner(folder / "gatedflow.py", pylint=False).async_run()
    task = await async_until(lambda: whole(folder / "task"), "the task")
    return running, int(task)


def open_gate(folder):
    os.close(os.open(folder / "gate", os.O_WRONLY))


def kill(identity):
    psutil.Process(identity.pid).kill()


def test_without_its_supervisor_a_run_goes_on_and_is_then_lost(folder):
    async def main():
        running, _task = await begin(folder)
        kill(supervisor_of(running.directory))
        waiting = asyncio.ensure_future(running.wait())
        reading = asyncio.ensure_future(_lines(running))
        for _ in range(3):
            assert running.status == attach(running.pathspec).status == "running"
            await asyncio.sleep(0.05)
        open_gate(folder)
        await asyncio.wait_for(waiting, 60)
        lines = await asyncio.wait_for(reading, 60)
        return running, lines

    running, lines = asyncio.run(main())
    assert (running.status, running.returncode) == ("lost", None)
    assert lines[-1].endswith("Done!")
    assert running.run.successful
    until(lambda: processes_of(running.directory.path) == [], "the end of the task server")


async def _lines(running):
    return [line async for _, line in running.stream_log("stdout")]


def test_without_its_supervisor_a_run_can_be_stopped(folder):
    async def main():
        running, task = await begin(folder)
        kill(supervisor_of(running.directory))
        report = await asyncio.wait_for(running.async_stop(), 60)
        return running, task, report

    running, task, report = asyncio.run(main())
    assert not lives(task)
    assert processes_of(running.directory.path) == []
    assert (running.status, report.status) == ("stopped", "stopped")
    assert report.signals[0] == "SIGINT"


def test_stop_without_supervisor_ends_children_of_every_kind(tmp_path):
    (tmp_path / "childflow.py").write_text(CHILDFLOW)
    family = Offspring(tmp_path)

    async def main():
        runner = Runner(tmp_path / "childflow.py", pylint=False)
        running = await runner.async_run(kind="plain,setsid,stubborn,daemon")
        await async_until(family.ready, "the step's children")
        kill(supervisor_of(running.directory))
        await running.async_stop(interrupt_grace_seconds=1, terminate_grace_seconds=0.5)
        return running.status, family.living()

    try:
        assert asyncio.run(main()) == ("stopped", set())
    finally:
        family.kill()


def test_a_killed_run_process_is_a_failed_run_and_its_task_is_ended(folder):
    async def main():
        running, task = await begin(folder)
        kill(run_process_of(running.directory))
        await asyncio.wait_for(running.wait(), 60)
        return running, task

    running, task = asyncio.run(main())
    assert (running.status, running.returncode) == ("failed", -9)
    assert not lives(task)
    assert "signal 9" in str(running.failure)
    assert processes_of(running.directory.path) == []


def test_with_supervisor_and_run_process_killed_stop_still_ends_the_task(folder):
    async def main():
        running, task = await begin(folder)
        kill(supervisor_of(running.directory))
        kill(run_process_of(running.directory))
        await asyncio.wait_for(running.wait(), 60)
        lost = running.status
        await asyncio.wait_for(running.async_stop(), 60)
        return lost, task

    lost, task = asyncio.run(main())
    assert lost == "lost"
    assert not lives(task)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["supervisor", "run"])
def test_killed_at_any_moment_of_its_start_nobody_hangs(write_flow, victim):
    runner = Runner(write_flow("slowflow"), pylint=False)

    async def main():
        outcomes = set()
        for moment in range(10):
            before = set(registry.directories())
            start = asyncio.ensure_future(runner.async_run(seconds=300))
            directory = await async_until(partial(new_directory, before), "a record")
            who = {"supervisor": supervisor_of, "run": run_process_of}[victim]
            identity = await async_until(partial(who, directory), victim)
            await asyncio.wait((start,), timeout=moment * 0.03)
            kill(identity)
            try:
                running = await asyncio.wait_for(start, 60)
            except RunStartError as error:
                assert "lost" in str(error) or "signal 9" in str(error)
                outcomes.add("not started")
            else:
                await asyncio.wait_for(running.async_stop(interrupt_grace_seconds=1), 60)
                outcomes.add(running.status)
            assert processes_of(directory.path) == []
        return outcomes

    outcomes = asyncio.run(main())
    assert outcomes <= {"not started", "stopped", "lost" if victim == "supervisor" else "failed"}


# As if the supervisor were killed between the start of the run process and its record.
UNRECORDED = """\
import os, signal, sys, time
if 'run' in sys.argv:
    import glob
    (record,) = glob.glob(os.environ["NBRUNNER_STATE_DIR"] + "/**/supervisor.json", recursive=True)
    open("run.pid", "w").write(str(os.getpid()))
    os.unlink(record)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(300)
"""


def test_a_start_whose_supervisor_dies_before_it_names_the_run_process_leaves_nothing(
    tmp_path, write_flow
):
    flow = write_flow("slowflow.py", UNRECORDED + FLOWS["slowflow"])
    with pytest.raises(RunStartError, match="its supervisor died"):
        Runner(flow, pylint=False, show_output=False, cwd=str(tmp_path)).run(seconds=0)
    assert not lives(int((tmp_path / "run.pid").read_text()))


def new_directory(before):
    names = {each.name for each in before}
    return next((each for each in registry.directories() if each.name not in names), None)


def test_a_disk_that_is_full_before_the_start_is_told(small_disk, write_flow):
    flood = "import os, sys\nif 'run' in sys.argv:\n    os.write(1, b'flood' * 1_000_000)\n"
    flow = write_flow("slowflow.py", flood + FLOWS["slowflow"])
    with pytest.raises(RunStartError, match=r"exit code 1 .*the disk of its logs, .*, is full"):
        Runner(flow, pylint=False, show_output=False).run(seconds=0)


def test_on_a_full_disk_a_run_whose_supervisor_is_gone_is_stopped_all_the_same(
    small_disk, write_flow
):
    runner = Runner(write_flow("slowflow"), pylint=False, show_output=False)
    running = asyncio.run(runner.async_run(seconds=60))
    kill(supervisor_of(running.directory))
    with pytest.raises(OSError, match="No space left"), open(small_disk / "rest", "wb") as rest:
        rest.write(b"x" * 8_000_000)
    report = running.stop(terminate_grace_seconds=1)
    assert report.status == running.status == "stopped"
    assert processes_of(running.directory.path) == []


def test_a_disk_that_fills_up_makes_a_failed_run(small_disk, write_flow):
    text = FLOWS["slowflow"].replace("i in range(self.secs)", "i in range(30_000)")
    flow = write_flow("slowflow.py", text.replace("time.sleep(1)", "print('flood ' * 30)"))
    running = Runner(flow, pylint=False, show_output=False).run()
    assert running.status == "failed"
    assert running.returncode != 0
    assert "flood" in running.stdout
    assert running.failure is not None
    assert processes_of(running.directory.path) == []
