"""Spinning a step: the handle while the task is running, and after it has failed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from pathlib import Path

import psutil
import pytest
from metaflow import Task
from support.waiting import async_until, until

from nbrunner import ExecutingTask, Runner, RunStartError, attach, to_the_end
from nbrunner.errors import FlowFailedError
from nbrunner.history import History
from nbrunner.jupyter.html.run import picture
from nbrunner.record import registry, run_directory

pytestmark = pytest.mark.slow

# A run succeeds; a spun task does what a file next to it says.
SPUNFLOW = """\
import os
import sys
import time
from metaflow import FlowSpec, step, timeout

class SpunFlow(FlowSpec):

    @step
    def start(self):
        self.number = 4
        self.next(self.work)

    @step
    def work(self):
        self.square = self.number**2
        print('at work', self.square)
        print('beside', file=sys.stderr)
        self.do()
        self.next(self.end)

    @timeout(seconds=2)
    @step
    def end(self):
        self.do()

    def do(self):
        if not os.path.exists('do'):
            return
        what = open('do').read()
        if what == 'wait':
            while not os.path.exists('go'):
                time.sleep(0.01)
        if what == 'raise':
            raise ValueError('no square today')
        if what == 'sleep':
            time.sleep(600)
        if what == 'exit':
            sys.exit(7)

if __name__ == '__main__':
    SpunFlow()
"""


@pytest.fixture(autouse=True)
def here(tmp_path):
    """The folder where runs leave their files."""
    with contextlib.chdir(tmp_path):
        yield


@pytest.fixture
def runner(write_flow):
    return Runner(write_flow("spunflow.py", SPUNFLOW), show_output=False, pylint=False)


@pytest.fixture
def origin(runner):
    """Return a function from the name of a step to the pathspec of its latest task."""
    run = runner.run().run
    return lambda step: run[step].task.pathspec


def do(what):
    Path("do").write_text(what)


def go():
    Path("go").touch()


# -- while it runs -------------------------------------------------------------------------


def test_the_handle_is_there_while_the_task_runs(runner, origin):
    """C3: async_spin returns once the task has started, with its ids."""
    do("wait")

    async def main():
        spun = await runner.async_spin(origin("work"), persist=True)
        assert isinstance(spun, ExecutingTask)
        assert spun.status == "running"
        names = spun.attributes
        assert (names["flow_name"], names["step_name"]) == ("SpunFlow", "work")
        counts = spun.progress
        assert list(counts.steps) == ["work"], "no other step has a task to come"
        assert (counts.tasks.running, counts.tasks.total) == (1, 1)
        assert spun.task.pathspec == f"{spun.pathspec}/work/{names['task_id']}"
        lines = spun.stream_log("stdout")
        async for _, line in lines:
            if line.endswith("at work 16"):
                break
        await lines.aclose()  # type: ignore[attr-defined]
        # Another process finds it too.
        found = attach(spun.pathspec)
        assert isinstance(found, ExecutingTask)
        assert (found.directory.name, found.status) == (spun.directory.name, "running")
        go()
        assert (await spun.wait()).status == "successful"
        return spun, names

    spun, names = asyncio.run(main())
    assert spun.progress.tasks.done == 1
    assert [each.state for each in spun.timeline] == ["done"]
    assert spun.task["square"].data == 16
    told_by_metaflow = spun.directory.read(run_directory.ATTRIBUTES)
    assert told_by_metaflow == names
    assert attach(spun.pathspec).task["square"].data == 16


def test_a_spin_that_has_started_may_take_longer_than_the_time_to_start(
    runner, origin, monkeypatch
):
    """C1: file_read_timeout does not apply after the task has started."""
    do("wait")
    until_started = to_the_end.until_started

    async def then_go(*arguments):
        await until_started(*arguments)
        go()

    monkeypatch.setattr(to_the_end, "until_started", then_go)
    runner.file_read_timeout = 30
    spun = runner.spin(origin("work"))
    assert (spun.status, spun.progress.tasks.done) == ("successful", 1)


def test_a_spin_that_does_not_start_in_time_is_ended(runner, origin):
    """C1: file_read_timeout applies until the task has started."""
    runner.describe()
    runner.file_read_timeout = 0.001
    with pytest.raises(RunStartError, match=r"did not start within 0\.001 s"):
        runner.spin(origin("work"))


def test_a_spin_is_stopped(runner, origin):
    """C3: a running spin is stopped, by this handle and by another that attaches to it."""
    do("wait")

    async def main():
        first, second = [await runner.async_spin(origin("work")) for _ in range(2)]
        processes = psutil.Process(first.watched.supervisor.pid).children(recursive=True)
        assert processes
        report = await first.async_stop()
        assert (report.status, first.status) == ("stopped", "stopped")
        assert (await attach(second.pathspec).async_stop()).status == "stopped"
        assert second.status == "stopped"
        _gone, alive = psutil.wait_procs(processes, timeout=20)
        assert not alive
        third = await runner.async_spin(origin("work"))
        assert (await third.wait(timeout=0.1)).status == "timeout"

    asyncio.run(main())


def test_cancelling_a_spin_that_starts_ends_it(runner, origin):
    """C3: a spin whose start was cancelled is not listed."""

    async def main():
        spinning = asyncio.ensure_future(runner.async_spin(origin("work")))
        await async_until(lambda: len(list(registry.directories())) == 2, "the record")
        spinning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await spinning

    asyncio.run(main())
    until(lambda: len(list(registry.directories())) == 1, "its record is deleted")


def test_a_cell_is_given_the_handle_while_the_task_runs(runner, origin):
    """C3: `launch` and `wait_for_id`, which a magic calls, return while the task is running."""
    do("wait")

    async def main():
        spun = await runner.starter.launch(ExecutingTask, "spin", {"pathspec": origin("work")})
        await runner.starter.wait_for_id(spun)
        assert spun.status == "running"
        assert spun.pathspec in picture(spun, log_lines=0)["text/plain"]
        go()
        await spun.wait()

    asyncio.run(main())


# -- failed --------------------------------------------------------------------------------


@pytest.mark.parametrize("persist", [False, True])
def test_a_spin_that_fails_leaves_its_handle_failure_and_log(runner, origin, persist):
    """C2: a failed spin is a handle with status, failure and log."""
    do("raise")
    spun = runner.spin(origin("work"), persist=persist)
    assert (spun.status, spun.returncode) == ("failed", 1)
    failure = spun.failure
    assert (failure.step, failure.task_id) == ("work", spun.attributes["task_id"])
    assert (failure.exception_type, failure.message) == ("ValueError", "no square today")
    assert [each.text for each in failure.source] == [
        "self.do()",
        "raise ValueError('no square today')",
    ]
    assert "at work 16" in spun.stdout
    assert spun.progress.tasks.failed == 1
    assert not spun.task.successful
    assert "no square today" in picture(spun, log_lines=5)["text/plain"]
    found = attach(spun.pathspec)
    assert (found.status, found.failure) == ("failed", failure)
    (row,) = History().page(query="spin").runs
    assert (row.pathspec, row.status) == (spun.pathspec, "failed")


def test_a_with_block_over_a_failed_spin_raises(runner, origin):
    """C2: as with Metaflow's Runner; the reason is complete."""
    do("sleep")
    with (
        pytest.raises(FlowFailedError, match="Step end timed out after 0 hours, 0 minutes, 2 sec"),
        runner.spin(origin("end")),
    ):
        pytest.fail("the block is not entered")
    Path("do").unlink()
    with runner.spin(origin("end")) as spun:
        assert spun.status == "successful"
    do("sleep")

    async def main():
        async with await runner.async_spin(origin("end"), skip_decorators=True) as spun:
            assert spun.status == "running"
            await spun.async_stop()

    asyncio.run(main())


def test_a_timeout_of_a_spun_step_is_told(runner, origin):
    """C2: the failure of a step that exceeds its @timeout names the timeout."""
    do("sleep")
    said = "Step end timed out after 0 hours, 0 minutes, 2 seconds"
    assert runner.spin(origin("end")).failure.message.startswith(f"@timeout: {said}")


def test_a_spun_task_that_is_killed_or_exits_has_failed(runner, origin):
    """C2: a task that ends without an exception also has a handle."""
    do("exit")
    assert runner.spin(origin("work")).status == "failed"
    do("wait")

    async def main():
        spun = await runner.async_spin(origin("work"))
        line = next(line for line in spun.stdout.splitlines() if "Task is starting" in line)
        os.kill(int(line.partition("(pid ")[2].partition(")")[0]), signal.SIGKILL)
        return await spun.wait()

    spun = asyncio.run(main())
    assert spun.status == "failed"
    assert "without an exception" in spun.failure.message


@pytest.mark.parametrize("pathspec", ["nowhere", "SpunFlow/1/work/2", "work/too/many/words/here"])
def test_a_spin_without_a_task_has_not_started(runner, pathspec):
    """C2: a spin that fails before its task starts raises an error, and leaves nothing."""
    with pytest.raises(RunStartError, match="ended with exit code 1"):
        runner.spin(pathspec)
    assert not list(registry.directories())


def test_a_failed_spin_is_listed_though_nobody_followed_it(runner, origin):
    """C2: its supervisor records its ids if its starter did not."""
    do("raise")

    async def main():
        spun = await runner.starter.launch(ExecutingTask, "spin", {"pathspec": origin("work")})
        await async_until(lambda: spun.directory.exists(run_directory.EXIT), "its end")
        await async_until(lambda: spun.directory.read(run_directory.ATTRIBUTES), "its ids")
        return spun

    spun = asyncio.run(main())
    run_id = spun.directory.read(run_directory.ATTRIBUTES)["run_id"]
    assert attach(run_id).directory.name == spun.directory.name


# -- where its results are -----------------------------------------------------------------


@pytest.mark.parametrize("place", ["configured", "relative", "above"])
def test_the_task_is_found_wherever_spins_are_kept(runner, origin, tmp_path, place):
    """C2: Metaflow's Client finds failed and successful tasks."""
    task = origin("work")
    root = tmp_path if place == "above" else tmp_path / "kept"
    (root / ".metaflow_spin").mkdir(parents=True)
    env = {"METAFLOW_DATASTORE_SYSROOT_SPIN": "kept" if place == "relative" else str(root)}
    if place == "above":
        env = {}
        (tmp_path / "deep").mkdir()
        os.chdir(tmp_path / "deep")
    other = Runner(runner.flow_file, show_output=False, pylint=False, env=env)
    for what in ("raise", "pass"):
        do(what)
        spun = other.spin(task, persist=True)
        assert spun.status == ("failed" if what == "raise" else "successful"), spun.stdout
        assert isinstance(spun.task, Task)
        assert spun.task.successful == (what == "pass")
        _, _, where = spun.attributes["metadata"].partition("@")
        assert Path(where).resolve() == root


def test_a_line_of_the_flow_file_is_not_taken_for_the_task(write_flow):
    """C1: only the line that the run process prints counts, not similar text."""
    text = SPUNFLOW.replace(
        "class Spun", "print('x [1/work/9 (pid 1)] Task is starting.')\n\nclass Spun"
    )
    runner = Runner(write_flow("spunflow.py", text), show_output=False, pylint=False)
    run = runner.run().run
    spun = runner.spin(run["work"].task.pathspec)
    assert spun.attributes["run_id"] != "1"
    assert spun.status == "successful"


def test_many_spins_at_once_have_handles_of_their_own(runner, origin):
    """C3: concurrent spins, from several threads."""
    task = origin("work")
    found = []

    def spin():
        found.append(runner.spin(task))

    threads = [threading.Thread(target=spin) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.status for each in found] == ["successful"] * 3
    assert len({each.pathspec for each in found}) == 3
