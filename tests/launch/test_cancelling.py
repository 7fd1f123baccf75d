"""The effect of a cancelled task, or of a caller that has ended, on runs."""

from __future__ import annotations

import asyncio
import threading

import psutil
import pytest
from support.offspring import lives, processes_of
from support.waiting import async_until

from nbrunner import Runner
from nbrunner.errors import RunStartError
from nbrunner.launch.run_state import RunState
from nbrunner.launch.wait_started import until_started
from nbrunner.record import registry, run_directory

pytestmark = pytest.mark.slow

# The run never gets its id: Metaflow does not even start.
HANGFLOW = """\
import os, signal, sys
from metaflow import FlowSpec, step

class HangFlow(FlowSpec):

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    signal.pause()
"""


def runs_alive():
    """Return the processes of every run that the state directory records."""
    return [each for directory in registry.directories() for each in processes_of(directory.path)]


def children():
    """Return this process's children, except the warm interpreter, which should stay."""
    return [
        each
        for each in psutil.Process().children(recursive=True)
        if each.status() != psutil.STATUS_ZOMBIE
        and "nbrunner.launch.warm.zygote" not in str(_words(each))
    ]


def _words(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def recorded():
    return {directory.name for directory in registry.directories()}


def test_a_start_that_takes_too_long_is_ended(write_flow):
    runner = Runner(write_flow("hangflow.py", HANGFLOW), pylint=False)

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(runner.async_run(), 1.5)
        return runs_alive()

    assert asyncio.run(main()) == []


@pytest.mark.parametrize("stop", ["timeout", "stopped"])
def test_a_start_that_another_handle_ended_without_its_supervisor_is_told(stop):
    """B4: the exit code of such a run is unknown."""
    directory = registry.create()
    directory.write(run_directory.RECORD, {"command": ["python", "flow.py"], "started": 1.0})
    ended = {"returncode": None, "ended": 2.0, "error": None, "stop": stop}
    directory.write(run_directory.EXIT, ended)
    with pytest.raises(RunStartError, match="was stopped before Metaflow started the run"):
        asyncio.run(until_started(RunState(directory), 5.0))


@pytest.mark.parametrize("error", [OSError, ValueError])
def test_a_start_whose_output_cannot_be_shown_is_ended(write_flow, monkeypatch, error):
    """B4: the caller gets the error and no handle of the run."""

    async def broken(_lines):
        await async_until(runs_alive, "the processes")
        raise error("it cannot be read")
        yield

    monkeypatch.setattr("nbrunner.to_the_end.printed_lines", broken)
    with pytest.raises(error, match="it cannot be read"):
        Runner(write_flow("hangflow.py", HANGFLOW), pylint=False).run()
    assert runs_alive() == []
    assert recorded() == set()


def test_a_cancelled_start_is_ended_and_the_next_run_undisturbed(write_flow):
    hang = Runner(write_flow("hangflow.py", HANGFLOW), pylint=False)
    slow = Runner(write_flow("slowflow"), pylint=False)

    async def main():
        beside = await slow.async_run(seconds=2)
        for _ in range(4):
            before = recorded()
            task = asyncio.ensure_future(hang.async_run())
            await async_until(
                lambda before=before: recorded() > before,  # type: ignore[misc]
                "the run directory",
            )
            task.cancel()
            await asyncio.wait((task,))
            assert task.cancelled()
            following = await slow.async_run(seconds=0)
            assert (await following).status == "successful"
            assert following.run.data.secs == 0
        assert (await beside).status == "successful"
        return beside.stdout.count("seconds passed"), runs_alive()

    assert asyncio.run(main()) == (2, [])


@pytest.mark.slow
def test_cancelling_at_any_moment_of_a_start_leaves_nothing(write_flow):
    runner = Runner(write_flow("slowflow"), pylint=False)
    before = set(children())  # a server that other tests share, for one

    async def main():
        stages = []
        for moment in range(24):
            task = asyncio.ensure_future(runner.async_run(seconds=300))
            if moment < 12:  # while the flow is described and the process started
                for _ in range(moment):
                    await asyncio.sleep(0)
            else:
                await asyncio.wait((task,), timeout=(moment - 12) * 0.05)
            task.cancel()
            await asyncio.wait((task,))
            if not task.cancelled():  # it had its id already: then it is the caller's
                await task.result().async_stop()
            stages.append(task.cancelled())
        return stages, runs_alive()

    stages, alive = asyncio.run(main())
    assert True in stages
    assert alive == []
    leftover = psutil.wait_procs(set(children()) - before, timeout=5)[1]
    assert leftover == []


def test_cancelling_wait_leaves_the_run_alone(write_flow):
    async def main():
        running = await Runner(write_flow("slowflow"), pylint=False).async_run(seconds=2)
        for waiting in (running.wait(), running.wait(stream="stdout"), running.wait(timeout=60)):
            task = asyncio.ensure_future(waiting)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait((task,))
            assert task.cancelled()
            assert running.status == "running"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(running.wait(), 0.05)
        return (await running).status

    assert asyncio.run(main()) == "successful"


def test_a_run_outlives_the_loop_and_the_thread_that_started_it(write_flow):
    handles = []
    runner = Runner(write_flow("slowflow"), pylint=False)
    thread = threading.Thread(
        target=lambda: handles.append(asyncio.run(runner.async_run(seconds=1)))
    )
    thread.start()
    thread.join()
    (running,) = handles
    assert running.status == "running"

    async def wait():
        return (await running).status

    assert asyncio.run(wait()) == "successful"


def test_a_cancelled_stop_still_ends_the_run(write_flow):
    async def main():
        running = await Runner(write_flow("slowflow"), pylint=False).async_run(seconds=300)
        stopping = asyncio.ensure_future(running.async_stop())
        await asyncio.sleep(0)
        stopping.cancel()
        await asyncio.wait((stopping,))
        return running.status, processes_of(running.directory.path)

    assert asyncio.run(main()) == ("stopped", [])


BREEDFLOW = """\
import os, subprocess, signal
from metaflow import FlowSpec, step

HERE = os.path.dirname(os.path.abspath(__file__))
child = subprocess.Popen(["sleep", "300"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
with open(f"{HERE}/.child", "w") as file:
    file.write(f"{child.pid}\\n")
os.rename(f"{HERE}/.child", f"{HERE}/child")
signal.pause()

class BreedFlow(FlowSpec):

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    BreedFlow()
"""


def test_what_a_flow_starts_while_it_is_described_ends_with_a_cancelled_start(write_flow):
    flow = write_flow("breedflow.py", BREEDFLOW)

    async def main():
        starting = asyncio.ensure_future(Runner(flow, show_output=False).async_run())
        await async_until(lambda: (flow.parent / "child").exists(), "the flow's child")
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(main())
    assert not lives(int((flow.parent / "child").read_text()))
