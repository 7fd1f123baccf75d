"""Killing at fifty moments: no line is lost, no process stays, nothing runs twice."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap

import psutil
import pytest
from support.offspring import processes_of
from support.waiting import async_until

from nbrunner import Runner, attach
from nbrunner.launch.run_processes import supervisor_of
from nbrunner.record import registry

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.timeout(400)]

TIMES = 50
LINES = 60

# Numbered lines from two tasks, some written with a pause between their halves.
COUNTFLOW = f"""\
import sys, time
from metaflow import FlowSpec, step

def count(first):
    for number in range(first, first + {LINES // 2}):
        sys.stdout.write(f'number {{number}} ')
        if number % 7 == 0:
            sys.stdout.flush()
            time.sleep(0.01)
        print('whole', flush=True)

class CountFlow(FlowSpec):

    @step
    def start(self):
        count(0)
        self.next(self.end)

    @step
    def end(self):
        count({LINES // 2})

if __name__ == '__main__':
    CountFlow()
"""

STARTER = """
    import asyncio
    from nbrunner import Runner

    async def main():
        running = await Runner('countflow.py', pylint=False).async_run()
        print(running.pathspec, flush=True)
        async for position, line in running.stream_log('stdout'):
            print(line, flush=True)

    asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def warm(monkeypatch, private_state):
    """Start runs warm: the warm interpreter ends with its owner, so more can go wrong."""
    monkeypatch.setenv("NBRUNNER_WARM", "1")


@pytest.fixture
def flow(write_flow):
    return write_flow("countflow.py", COUNTFLOW)


def numbers_of(text: str, stopped: bool = False) -> list[int]:
    """Return the numbers in the lines, which must all have the printed form.

    A stopped task may have written only a part of its last line.
    """
    lines = [line.split("] ")[-1] for line in text.splitlines() if "number " in line]
    if stopped and lines and not lines[-1].endswith(" whole"):
        lines.pop()
    assert all(line.endswith(" whole") for line in lines), lines
    return [int(line.split()[1]) for line in lines]


def test_whoever_started_a_run_is_killed(flow, tmp_path):
    script = tmp_path / "starter.py"
    script.write_text(textwrap.dedent(STARTER))
    pathspecs = set()
    for moment in range(TIMES):
        with subprocess.Popen(
            [sys.executable, script], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        ) as starter:
            assert starter.stdout is not None
            pathspec = starter.stdout.readline().strip()
            for _ in range(moment):  # from at once to nearly its end
                starter.stdout.readline()
            starter.kill()
        pathspecs.add(pathspec)
        running = attach(pathspec)
        asyncio.run(asyncio.wait_for(running.wait(), 60))
        assert running.status == "successful"
        assert numbers_of(running.stdout) == list(range(LINES))
        assert running.progress.tasks.done == 2
        assert processes_of(running.directory.path) == []
    assert len(pathspecs) == TIMES == len(list(registry.directories())), "none is started twice"


def test_whoever_supervises_a_run_is_killed(flow):
    runner = Runner(flow, pylint=False, show_output=False)

    async def one(moment):
        running = await runner.async_run()
        await async_until(
            lambda: running.status != "running" or running.stdout.count("whole") >= moment,
            f"{moment} lines",
        )
        victim = supervisor_of(running.directory)
        if victim.alive():
            psutil.Process(victim.pid).kill()
        if moment % 2:  # half of them are stopped, half run to their end
            await asyncio.wait_for(running.async_stop(), 60)
        await asyncio.wait_for(running.wait(), 60)
        await async_until(lambda: not processes_of(running.directory.path), "the last one's end")
        numbers = numbers_of(running.stdout, stopped=running.status != "successful")
        # An interrupt reaches Metaflow also between reading a line of a task and printing it.
        lost = set(range(len(numbers))) - set(numbers)
        assert len(lost) <= (running.status == "stopped"), lost
        assert numbers == sorted(set(numbers)) and len(numbers) >= moment
        assert running.status in ("lost", "successful", "stopped")
        if running.status == "lost" and not moment % 2:
            assert len(numbers) == LINES and running.run.successful
        return running.status

    async def main():
        return {await one(moment) for moment in range(TIMES)}

    assert asyncio.run(main()) >= {"lost", "stopped"}
