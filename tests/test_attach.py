"""A run outlives the process that started it, and another process attaches to it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from support.scripts import run_script

from nbrunner import ExecutingRun, ExecutingTask, FollowedRun, Runner, attach

pytestmark = pytest.mark.slow

# Prints `count` lines, then waits for the file named `go`, then prints as many again.
CHATTY = """\
import pathlib, time
from metaflow import FlowSpec, Parameter, step

class ChattyFlow(FlowSpec):

    count = Parameter('count', default=20)
    go = Parameter('go', default='')

    @step
    def start(self):
        for i in range(self.count):
            print('before', i, flush=True)
        while self.go and not pathlib.Path(self.go).exists():
            time.sleep(0.02)
        for i in range(self.count):
            print('after', i, flush=True)
        self.result = 42
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    ChattyFlow()
"""

START = """
    import asyncio, json, sys
    from nbrunner import Runner

    async def main(go):
        runner = Runner('chatty.py', pylint=False)
        running = await runner.async_run(go=go)
        async for position, line in running.stream_log('stdout'):
            if line.endswith('before 0'):  # Metaflow may hold the next ones back
                break
        print(json.dumps([running.pathspec, position, line]))

    asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def chatty(write_flow, tmp_path):
    """ChattyFlow in the test's folder, and the file that lets it continue."""
    write_flow("chatty", CHATTY)
    return tmp_path / "go"


def told(lines: list[str]) -> list[str]:
    return [line.rsplit("] ")[-1] for line in lines if "before" in line or "after" in line]


def test_another_process_goes_on_exactly_behind_a_line(chatty, tmp_path):
    pathspec, position, line = json.loads(run_script(tmp_path, START, str(chatty))[-1])
    running = attach(pathspec)
    assert isinstance(running, ExecutingRun)
    assert (running.status, running.pathspec) == ("running", pathspec)
    assert running.parameters == {"go": str(chatty)}
    assert running.progress.steps["start"].running == 1
    chatty.touch()

    async def rest():
        return [line async for _, line in running.stream_log("stdout", position=position)]

    lines = asyncio.run(rest())
    head, _, tail = running.stdout.partition(f"{line}\n")
    assert tail.splitlines() == lines, "no line lost, none doubled"
    assert told(lines)[:2] == ["before 1", "before 2"]
    assert told([*head.splitlines(), line, *lines]) == [
        f"{word} {i}" for word in ("before", "after") for i in range(20)
    ]


def test_every_position_goes_on_exactly(chatty):
    running = Runner(chatty.with_name("chatty.py"), show_output=False, pylint=False).run(count=5)

    async def read(handle, position=None):
        return [item async for item in handle.stream_log("stdout", position=position)]

    async def main():
        whole = await read(running)
        for index, (position, _) in enumerate(whole):
            assert await read(attach(running.pathspec), position) == whole[index + 1 :]
        return whole

    whole = asyncio.run(main())
    assert [line for _, line in whole] == running.stdout.splitlines()
    assert whole[-1][0] == running.directory.log("stdout").stat().st_size


def test_attached_gives_status_logs_and_results(chatty, tmp_path):
    pathspec, _, _ = json.loads(run_script(tmp_path, START, str(chatty))[-1])
    chatty.touch()
    by_id = attach(pathspec.partition("/")[2])
    asyncio.run(by_id.wait())
    for running in (by_id, attach(pathspec), attach(by_id.directory.name)):
        assert (running.status, running.returncode) == ("successful", 0)
        assert "executing ChattyFlow" in running.stderr
        assert running.stdout.count("after") == 20
        assert running.run.pathspec == pathspec
        assert running.run.data.result == 42
        assert running.failure is None
        assert running.command[-1].startswith("--go=")
        assert repr(running) == f"<ExecutingRun {pathspec}: successful>"


def test_a_run_goes_on_when_its_starter_is_killed(chatty, tmp_path):
    script = tmp_path / "starter.py"
    script.write_text(
        "import time, asyncio\nfrom nbrunner import Runner\n"
        f"running = asyncio.run(Runner('chatty.py').async_run(go={str(chatty)!r}))\n"
        "print(running.pathspec, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, str(script)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as starter:
        pathspec = starter.stdout.readline().strip()
        os.kill(starter.pid, signal.SIGKILL)
    running = attach(pathspec)
    assert running.status == "running"
    chatty.touch()
    asyncio.run(running.wait())
    assert (running.status, running.run.data.result) == ("successful", 42)


def test_an_attached_run_can_be_stopped(chatty, tmp_path):
    pathspec, _, _ = json.loads(run_script(tmp_path, START, str(chatty))[-1])
    report = attach(pathspec).stop()
    assert (report.status, report.signals[0]) == ("stopped", "SIGINT")
    assert attach(pathspec).status == "stopped"
    assert not [each for each in psutil.process_iter(["cmdline"]) if _runs(each, tmp_path)]


def _runs(process, folder) -> bool:
    return any(str(folder / "chatty.py") in word for word in process.info["cmdline"] or ())


@pytest.mark.usefixtures("metadata_of_this_test")
def test_cleanup_of_a_living_run_waits_for_its_end(chatty):
    runner = Runner(chatty.with_name("chatty.py"), show_output=False, pylint=False)

    async def main():
        running = await runner.async_run(go=str(chatty))
        runner.cleanup()
        assert running.status == "running", "it is left alone"
        assert "before 0" in [line.rsplit("] ")[-1] async for line in _until(running, "before 0")]
        other = attach(running.pathspec)
        chatty.touch()
        await running
        return running, other

    running, _other = asyncio.run(main())
    assert (running.status, running.run.data.result) == ("successful", 42)
    assert not running.directory.path.exists()
    assert isinstance(attach(running.pathspec), FollowedRun), "Metaflow still has it"


async def _until(running, word):
    async for _, line in running.stream_log("stdout"):
        yield line
        if line.endswith(word):
            return


def test_a_spun_task_is_attached_as_a_task(chatty, tmp_path):
    runner = Runner(chatty.with_name("chatty.py"), show_output=False, pylint=False, cwd=tmp_path)
    running = runner.run(count=1)
    task = runner.spin(running.run["start"].task.pathspec, persist=True)
    attached = attach(task.directory.name)
    assert isinstance(attached, ExecutingTask)
    assert (attached.status, attached.task.data.result) == ("successful", 42)
