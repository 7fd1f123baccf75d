"""An interrupt that Python drops, and one that already takes effect."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import pytest
from support.waiting import async_until

from nbrunner import ExecutingTask, Runner, attach
from nbrunner.launch import stop
from nbrunner.launch.interrupt import _DROPPED
from nbrunner.launch.run_processes import supervisor_of
from nbrunner.record import run_directory

# The run process waits in a destructor once its task is running; the task ignores
# interrupts, so that only the run process can react to them.
DROPPING = """\
import os, signal, sys, time
from metaflow import FlowSpec, step

class Held:
    def __del__(self):
        open("dropping", "w").close()
        signal.pause()

def look(signum, frame):
    if os.path.exists("task"):
        signal.setitimer(signal.ITIMER_REAL, 0)
        Held()

class DroppingFlow(FlowSpec):

    @step
    def start(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        open("task", "w").close()
        while True:
            time.sleep(60)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    if "run" in sys.argv:
        signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    DroppingFlow()
"""

# Its end takes longer than the detection of a dropped interrupt.
TIDYING = """\
import atexit, sys, time
from metaflow import FlowSpec, step

def tidy():
    time.sleep(4)
    open("tidy", "w").close()

class TidyingFlow(FlowSpec):

    @step
    def start(self):
        open("task", "w").close()
        while True:
            time.sleep(60)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    if {"run", "spin"} & set(sys.argv):
        atexit.register(tidy)
    TidyingFlow()
"""


@pytest.fixture(autouse=True)
def here(tmp_path):
    """The folder where runs leave their files."""
    with contextlib.chdir(tmp_path):
        yield


async def _begun(flow, mark, without_supervisor=False):
    """Run a flow until it has left a file; return its handle."""
    running = await Runner(flow, pylint=False).async_run()
    await async_until(Path(mark).exists, mark)
    if without_supervisor:
        assert supervisor_of(running.directory).send(signal.SIGKILL)
    return running


async def _stopped(*arguments):
    running = await _begun(*arguments)
    return running, await running.async_stop(interrupt_grace_seconds=60)


@pytest.mark.slow
@pytest.mark.parametrize("without_supervisor", [False, True])
def test_an_interrupt_that_a_destructor_swallows_is_sent_once_more(write_flow, without_supervisor):
    flow = write_flow("dropping.py", DROPPING)
    running, report = asyncio.run(_stopped(flow, "dropping", without_supervisor))
    assert "Exception ignored in" in running.stderr, "the first one was not dropped"
    assert "Workflow interrupted" in running.stdout
    assert (report.status, report.signals) == ("stopped", ("SIGINT",))
    assert report.seconds < 50


@pytest.mark.slow
@pytest.mark.parametrize("without_supervisor", [False, True])
def test_a_run_that_has_heard_is_not_disturbed_again(write_flow, without_supervisor):
    flow = write_flow("tidying.py", TIDYING)
    running, report = asyncio.run(_stopped(flow, "task", without_supervisor))
    assert (report.status, report.signals) == ("stopped", ("SIGINT",))
    assert Path("tidy").exists(), running.stderr


@pytest.mark.slow
def test_a_run_that_has_heard_in_silence_is_not_disturbed_again(write_flow):
    flow = write_flow("tidying.py", TIDYING)
    asyncio.run(_begun(flow, "task")).stop()
    for file in ("task", "tidy"):
        Path(file).unlink()

    async def spun():
        running = await Runner(flow, pylint=False).starter.launch(
            ExecutingTask, "spin", {"pathspec": "start"}
        )
        await async_until(Path("task").exists, "task")
        await running.async_stop(interrupt_grace_seconds=60)
        return running

    running = asyncio.run(spun())
    assert "Workflow interrupted" not in running.stdout
    assert Path("tidy").exists(), running.stderr


@pytest.mark.slow
def test_a_second_stop_in_more_of_a_hurry_leaves_the_first_its_time(write_flow, monkeypatch):
    monkeypatch.setattr(stop, "_SUPERVISOR_GRACE_SECONDS", 0.1)

    async def main():
        running = await _begun(write_flow("tidying.py", TIDYING), "task")
        first = asyncio.ensure_future(running.async_stop(interrupt_grace_seconds=60))
        await async_until((running.directory.path / run_directory.STOP).exists, "the request")
        second = await attach(running.pathspec).async_stop(0.1, 0.1)
        return second, await first

    for report in asyncio.run(main()):
        assert report.signals == ("SIGINT",)
        assert report.returncode not in (None, -signal.SIGTERM, -signal.SIGKILL)
    assert Path("tidy").exists()


IGNORED = "Exception ignored in: <function Held.__del__ at 0x7ff920acf060>\nTraceback (most recent "
PRINTED = {
    "carets": (f'{IGNORED}call last):\n  File "a.py", line 4, in x\n    f()\n    ^^^\n', True),
    "no carets": (f'{IGNORED}call last):\n  File "a.py", line 4, in x\n    f()\n', True),
    "an empty line": (f'{IGNORED}call last):\n  File "a.py", line 4, in x\n    def x():\n\n', True),
    "no source": (f'{IGNORED}call last):\n  File "<string>", line 4, in x\n', True),
    "printed by another": (f"{IGNORED}call last):\nValueError: 1\n", False),
    "raised": ('Traceback (most recent call last):\n  File "a.py", line 4, in x\n', False),
}


@pytest.mark.parametrize("kind", PRINTED)
def test_what_python_prints_of_a_dropped_interrupt_is_known(kind):
    """An interrupt at the start of a destructor was lost, and the run got SIGTERM after 10 s."""
    printed, is_dropped = PRINTED[kind]
    data = f"    The graph looks good!\n{printed}KeyboardInterrupt: \n".encode()
    assert (_DROPPED.search(data) is not None) == is_dropped
