"""The warm interpreter: when it starts, whom it serves, what it costs, when it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from support.offspring import lives
from support.waiting import until

from nbrunner import Runner
from nbrunner.launch.warm import LAUNCHER


@pytest.fixture(autouse=True)
def _warm(monkeypatch):
    monkeypatch.setenv("NBRUNNER_WARM", "1")


def zygotes() -> list[psutil.Process]:
    """Return the living warm interpreters of this process."""
    return [
        each
        for each in psutil.Process().children()
        if "nbrunner.launch.zygote" in " ".join(each.cmdline())
        and each.status() != psutil.STATUS_ZOMBIE
    ]


def test_it_starts_with_the_first_runner_and_serves_all(write_flow):
    flow = write_flow("slowflow")
    assert zygotes() == []
    runner = Runner(flow, show_output=False, pylint=False)
    (first,) = zygotes()
    assert runner.run(seconds=0).warm

    async def several():
        started = [Runner(flow, pylint=False).async_run(seconds=0) for _ in range(3)]
        return [await running.wait() for running in await asyncio.gather(*started)]

    assert [each.warm for each in asyncio.run(several())] == [True] * 3
    assert zygotes() == [first]


def test_to_construct_a_runner_does_not_wait_for_it(write_flow):
    flow = write_flow("slowflow")
    began = time.perf_counter()
    Runner(flow)
    assert time.perf_counter() - began < 0.5 * _seconds_of_import()


def _seconds_of_import() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import metaflow"], check=True)
    return time.perf_counter() - began


def test_other_surroundings_have_an_interpreter_of_their_own_and_no_more_than_three(write_flow):
    flow = write_flow("slowflow")
    for number in range(5):
        runner = Runner(
            flow, show_output=False, pylint=False, env={"METAFLOW_TEST_NUMBER": str(number)}
        )
        assert runner.run(seconds=0).warm
    until(lambda: len(zygotes()) == 3, "the end of those used least lately")


def test_idle_it_uses_no_cpu_and_has_no_thread(write_flow):
    assert Runner(write_flow("slowflow"), show_output=False, pylint=False).run(seconds=0).warm
    (zygote,) = zygotes()
    before = zygote.cpu_times()
    switches = zygote.num_ctx_switches()
    time.sleep(1)  # the stretch of time that is measured
    assert zygote.cpu_times() == before
    assert zygote.num_ctx_switches() == switches
    assert zygote.num_threads() == 1


OWNER = """\
import os, sys
from nbrunner import Runner
from nbrunner.launch.warm import LAUNCHER
running = Runner("slowflow.py", show_output=False, pylint=False).run(seconds=0)
assert running.warm, running.cold_reason
print(LAUNCHER._zygotes[0].process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_it_ends_with_its_owner(end, write_flow, tmp_path):
    write_flow("slowflow")
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        pid = int(owner.stdout.readline())
        assert lives(pid)
        if end == "kill":
            os.kill(owner.pid, signal.SIGKILL)
        owner.stdin.close()
        owner.wait(30)
    until(lambda: not lives(pid), "the end of the warm interpreter")


def test_closed_it_ends_and_a_run_goes_on(write_flow):
    async def main():
        running = await Runner(write_flow("slowflow"), pylint=False).async_run(seconds=1)
        (zygote,) = zygotes()
        LAUNCHER.close()
        until(lambda: not lives(zygote.pid), "the end of the warm interpreter")
        return await running.wait()

    assert asyncio.run(main()).status == "successful"


PRELOADED = """\
import sys
HAD = 'colorsys' in sys.modules
from metaflow import FlowSpec, step

class HadFlow(FlowSpec):

    @step
    def start(self):
        self.had = HAD
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    HadFlow()
"""


@pytest.mark.parametrize("by", ["variable", "trait", "nothing"])
def test_preload_imports_into_the_warm_interpreter(by, write_flow, monkeypatch):
    if by == "variable":
        monkeypatch.setenv("NBRUNNER_PRELOAD", "colorsys, textwrap")
    if by == "trait":
        monkeypatch.setattr(LAUNCHER, "preload", ("colorsys",))
    runner = Runner(write_flow("hadflow.py", PRELOADED), show_output=False, pylint=False)
    assert runner.run().run.data.had == (by != "nothing")


def test_a_module_that_cannot_be_preloaded_makes_starts_cold(write_flow, monkeypatch):
    monkeypatch.setenv("NBRUNNER_PRELOAD", "no_such_module_anywhere")
    runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
    for _ in range(2):
        running = runner.run(seconds=0)
        assert (running.status, running.warm) == ("successful", False)
    assert "warm interpreter" in running.cold_reason
