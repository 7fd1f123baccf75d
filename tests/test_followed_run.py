"""Runs that nbrunner did not start, read from what Metaflow stores of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from support.branches import BRANCHES
from support.waiting import until

from nbrunner import (
    BadValueError,
    FollowedRun,
    RunNotFoundError,
    StepProgress,
    attach,
    followed_run,
)

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.usefixtures("metadata_of_this_test")]

FOLLOWING = {
    "start": ["left", "right"],
    "left": ["train"],
    "train": ["choose"],
    "choose": ["join"],
    "right": ["join"],
    "join": ["end"],
    "end": [],
}


@pytest.fixture
def started(tmp_path, private_state):
    """Start the flow by its command line; return its process and pathspec."""
    file = tmp_path / "branchflow.py"
    file.write_text(BRANCHES)
    processes = []

    def start(*arguments):
        told = tmp_path / "run-id"
        command = [sys.executable, str(file), "--no-pylint", "run", "--run-id-file", str(told)]
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        processes.append(process)
        until(lambda: told.exists() and told.read_text(), "the run's id")
        return process, f"BranchFlow/{told.read_text()}"

    yield start
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def step(running, name):
    """Return the progress of a step, read again; of none until the graph is stored."""
    time.sleep(running.refresh())
    return running.progress.steps.get(name, StepProgress())


def test_a_run_of_the_command_line_is_followed_to_its_end(started, tmp_path):
    """E4: graph, states, times and logs of a run that nbrunner did not start."""
    go = tmp_path / "go"
    process, pathspec = started("--rows", "7", "--go", str(go))
    running = attach(pathspec)
    assert isinstance(running, FollowedRun)
    until(lambda: step(running, "train").done == 2, "the foreach")
    assert running.record["flow"]["following"] == FOLLOWING
    assert (running.status, running.progress.steps["right"].running) == ("running", 1)
    assert running.progress.steps["end"].pending == 1
    go.touch()
    lines = []

    async def follow():
        async for _, line in running.stream_log("stdout"):
            lines.append(line)
        return await running.wait(timeout=60)

    asyncio.run(follow())
    process.wait(60)
    assert (running.status, running.silence, running.failure) == ("successful", "", None)
    assert running.parameters["rows"] == 7
    assert running.progress.tasks.done == running.progress.tasks.total == 8
    assert lines[0].partition("] ")[2] == "   begun"
    assert sum("trains" in line for line in lines) == 2
    assert lines[-1].endswith("the end")
    assert running.stderr.count("a warning") == 2
    spans = {span.step: span for span in running.timeline}
    assert spans["right"].end > spans["train"].end
    assert running.elapsed_seconds == pytest.approx(spans["end"].end, abs=1)


def test_a_failed_run_tells_its_failure_once_its_retries_have_failed(started):
    process, pathspec = started("--bad", "True")
    running = attach(pathspec)
    asyncio.run(running.wait(timeout=60))
    process.wait(60)
    assert running.status == "failed"
    failure = running.failure
    assert (failure.step, failure.exception_type) == ("train", "ValueError")
    assert failure.source[-1].text == "raise ValueError('no such kernel')"
    assert "svm" in next(t.input for t in running._tasks.values() if t.state == "failed")


def test_a_run_that_was_killed_is_said_to_be_silent(started, tmp_path, monkeypatch):
    process, pathspec = started("--go", str(tmp_path / "go"))
    running = attach(pathspec)
    until(lambda: step(running, "right").running == 1, "its task")
    process.kill()
    process.wait()
    (tmp_path / "go").touch()  # so that the task ends
    assert running.silence == ""
    monkeypatch.setattr(followed_run, "_SILENT_SECONDS", 0.0)
    assert running.silence.startswith("no sign of life for 0 min")
    with pytest.raises(TimeoutError):
        asyncio.run(running.wait(timeout=0.1))


def test_it_is_read_once_a_second_and_logs_keep_their_order(started, monkeypatch):
    process, pathspec = started()
    process.wait(60)
    running = attach(pathspec)
    reads = []

    def read(_running: FollowedRun) -> int:
        reads.append(1)
        return 1

    monkeypatch.setattr(FollowedRun, "_read", read)
    for _ in range(20):
        running.refresh()
    assert len(reads) <= 1
    order = []
    running._unwritten = [
        (at, stream, "x\n") for at, stream in enumerate(["stdout"] * 2 + ["stderr"])
    ]
    running.write_lines(lambda: order.append((running.stdout[-4:], running.stderr[-2:])))
    assert [each[0] for each in order] == ["x\nx\n", "x\nx\n"]


def test_a_run_that_was_started_elsewhere_cannot_be_stopped_here(started):
    process, pathspec = started()
    process.wait(60)
    with pytest.raises(BadValueError, match="not started by nbrunner"):
        attach(pathspec).stop()
    with pytest.raises(BadValueError, match="expected 'stdout' or 'stderr'"):
        asyncio.run(anext(attach(pathspec).stream_log("output")))
    for unknown in ("BranchFlow/1", "Nothing/7"):
        with pytest.raises(RunNotFoundError, match="no record of a run"):
            attach(unknown)
