"""Stopping runs: no process is left, whatever their steps have started."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading

import pytest
from support.offspring import KINDS, processes_of
from support.ticking import ticking
from support.waiting import async_until

from nbrunner import Runner, attach

pytestmark = pytest.mark.slow


async def begin(offspring, kind):
    """Start the flow and wait until the children of the named kinds are running."""
    flow = offspring.folder / "childflow.py"
    running = await Runner(flow, pylint=False).async_run(kind=kind)
    await async_until(offspring.ready, "the step's children")
    assert offspring.living() == {"task", *kind.split(",")}
    return running


SUDOFLOW = """\
import subprocess, sys
from metaflow import FlowSpec, step

class SudoFlow(FlowSpec):

    @step
    def start(self):
        child = subprocess.Popen(['sleep', '300'], user=65534, stdout=subprocess.DEVNULL)
        print('child', child.pid, flush=True)
        child.wait()
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    SudoFlow()
"""

STOPS = """
import asyncio, json
from nbrunner import Runner

async def main():
    running = await Runner('sudoflow.py', pylint=False).async_run()
    async for _, line in running.stream_log('stdout'):
        if 'child' in line:
            break
    report = await running.async_stop(interrupt_grace_seconds=0.5, terminate_grace_seconds=0.1)
    print(line.split()[-1], running.status, report.left)
    print(report)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a process of another user")
def test_what_belongs_to_another_user_is_told_and_does_not_keep_the_run(write_flow, tmp_path):
    write_flow("sudoflow.py", SUDOFLOW)
    (tmp_path / "stops.py").write_text(STOPS)
    # Root may signal all processes; this simulates a user, who may not.
    command = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill", sys.executable, "stops.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    pid, *said = first.split()
    os.kill(int(pid), signal.SIGKILL)
    assert said == ["stopped", "1"]
    left = "1 process could not be killed: owned by another user, or blocked"
    assert second.endswith(f"; {left}")


def left(running, offspring):
    return offspring.living(), processes_of(running.directory.path)


@pytest.mark.parametrize("kind", KINDS)
def test_stop_leaves_nothing(offspring, kind):
    running = asyncio.run(begin(offspring, kind))
    report = running.stop(terminate_grace_seconds=0.5)
    assert left(running, offspring) == (set(), [])
    assert (running.status, report.status) == ("stopped", "stopped")
    assert report.returncode == running.returncode != 0
    assert report.signals[0] == "SIGINT"
    assert ("SIGTERM" in report.signals) == (report.terminated > 0)
    assert report.killed == (kind == "stubborn")
    assert ("SIGKILL" in report.signals) == (kind == "stubborn")
    assert 0 < report.seconds < 60


@pytest.mark.alone
@pytest.mark.slow
def test_async_stop_of_all_kinds_leaves_nothing_and_the_loop_free(offspring):
    async def main():
        running = await begin(offspring, ",".join(KINDS))
        async with ticking() as ticks:
            report = await running.async_stop(terminate_grace_seconds=1)
            remaining = left(running, offspring)
        return running.status, report, remaining, ticks.stood_still()

    status, report, remaining, stood_still = asyncio.run(main())
    assert status == "stopped"
    assert remaining == (set(), [])
    assert report.signals == ("SIGINT", "SIGTERM", "SIGKILL")
    assert stood_still < 0.05


@pytest.mark.alone
@pytest.mark.slow
def test_wait_with_timeout_leaves_nothing_prints_nothing_and_the_loop_free(offspring, capfd):
    async def main():
        running = await begin(offspring, ",".join(KINDS))
        capfd.readouterr()
        async with ticking() as ticks:
            same = await running.wait(timeout=0.2)
            remaining = left(running, offspring)
        assert same is running
        assert running.returncode is not None
        return running.status, remaining, ticks.stood_still()

    status, remaining, stood_still = asyncio.run(main())
    assert (status, remaining) == ("timeout", (set(), []))
    assert stood_still < 0.05
    assert tuple(capfd.readouterr()) == ("", "")


def test_a_run_process_that_ignores_sigint_is_terminated(offspring):
    (offspring.folder / "deaf").touch()
    running = asyncio.run(begin(offspring, "plain"))
    report = running.stop(interrupt_grace_seconds=0.3)
    assert left(running, offspring) == (set(), [])
    assert report.signals[:2] == ("SIGINT", "SIGTERM")
    assert report.terminated >= 1
    assert running.returncode == report.returncode != 0


def test_a_disk_that_does_not_answer_ends_nobodys_run(write_flow, monkeypatch):
    """An error while following a run must not stop it."""

    async def times_out(self):
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    async def main():
        running = await Runner(write_flow("slowflow"), pylint=False).async_run(seconds=60)
        with monkeypatch.context() as patch, pytest.raises(TimeoutError, match="timed out"):
            patch.setattr(type(running.watched), "until_over", times_out)
            await running.wait(timeout=60)
        return running, running.status, await running.wait(timeout=0)

    running, status, again = asyncio.run(main())
    assert (status, running.status) == ("running", "timeout")
    assert again is running


def test_stopping_what_has_ended_reports_it_as_it_is(write_flow):
    running = Runner(write_flow("slowflow"), pylint=False, show_output=False).run(seconds=0)
    report = running.stop()
    assert (report.status, report.returncode, report.signals) == ("successful", 0, ())
    assert str(report) == "successful: had already ended"
    assert running.status == "successful"


def test_several_may_stop_a_run_at_once(offspring):
    running = asyncio.run(begin(offspring, "plain"))
    other = attach(running.pathspec)
    reports = []
    threads = [
        threading.Thread(target=lambda handle=handle: reports.append(handle.stop()))
        for handle in (running, running, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left(running, offspring) == (set(), [])
    assert {report.status for report in reports} == {"stopped"}


def test_wait_with_enough_time_lets_the_run_end(write_flow):
    async def main():
        running = await Runner(write_flow("slowflow"), pylint=False).async_run(seconds=0)
        return await running.wait(timeout=60)

    assert asyncio.run(main()).status == "successful"


def test_a_failed_run_says_so_with_its_exit_code(write_flow):
    running = Runner(write_flow("failflow"), pylint=False, show_output=False).run()
    assert (running.status, running.returncode) == ("failed", 1)


def test_a_daemon_of_a_successful_run_lives_on(offspring):
    flow = offspring.folder / "childflow.py"
    running = Runner(flow, pylint=False, show_output=False).run(kind="daemon", then="end")
    assert running.status == "successful"
    assert offspring.living() == {"daemon"}
    offspring.kill()


def test_what_a_failed_run_left_behind_is_ended(offspring):
    flow = offspring.folder / "childflow.py"
    running = Runner(flow, pylint=False, show_output=False).run(kind="daemon,setsid", then="fail")
    assert running.status == "failed"
    assert left(running, offspring) == (set(), [])
