"""Runs whose logs have filled their disk."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from support.waiting import async_until

from nbrunner import Runner, attach, cli
from nbrunner.history import History
from nbrunner.jupyter.html.run import picture
from nbrunner.jupyter.panels.history_panel import history_picture
from nbrunner.launch.run_processes import run_process_of
from nbrunner.record.run_directory import RunDirectory

pytestmark = [pytest.mark.slow, pytest.mark.once]

FLOODFLOW = """\
import atexit, os, sys, time
from metaflow import FlowSpec, Parameter, step

def fill(disk):
    with open(f"{disk}/filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass

if "run" in sys.argv and "at its end" in str(sys.argv):
    atexit.register(fill, sys.argv[-1].removeprefix("--disk="))

class FloodFlow(FlowSpec):
    how = Parameter("how", default="")
    disk = Parameter("disk")

    @step
    def start(self):
        if "prints" in self.how:
            for number in range(6000):
                print("x" * 1000, file=sys.stderr if "stderr" in self.how else sys.stdout)
        if "fills" in self.how:
            fill(self.disk)
        if "waits" in self.how:
            time.sleep(600)
        if "stores" in self.how:
            self.big = os.urandom(6_000_000)
        if "raises" in self.how:
            raise ValueError("of its own")
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    FloodFlow()
"""


@pytest.fixture(params=["0", "1"], ids=["cold", "warm"])
def flood(request, small_disk, write_flow, monkeypatch):
    """Return a function that runs a flow which fills the disk of its logs in a named way."""
    monkeypatch.setenv("NBRUNNER_WARM", request.param)
    flow = write_flow("floodflow.py", FLOODFLOW)

    async def begin(how):
        runner = Runner(flow, show_output=False, pylint=False)
        running = await runner.async_run(how=how, disk=str(small_disk))
        assert running.warm == (request.param == "1"), running.cold_reason
        return running

    return begin


def run(flood, how):
    async def main():
        return await (await flood(how))

    return asyncio.run(main())


def told(running):
    return f"the disk of its logs, {running.directory.path}, was full"


@pytest.mark.parametrize("how", ["prints", "prints to stderr", "prints and raises"])
def test_the_failure_of_a_run_whose_log_fills_the_disk_says_so(flood, small_disk, how):
    """B5: the failure of a run that prints more than fits on the disk names the full disk."""
    running = run(flood, how)
    failure = running.failure
    assert (running.status, failure.exception_type) == ("failed", "")
    assert failure.message.startswith(told(running))
    assert told(running) in str(failure)
    # Also later, when there is space again, and in another process.
    os.truncate(running.directory.log("stdout"), 1000)
    assert attach(running.pathspec).failure.message == failure.message
    shown = picture(running, 0)
    assert told(running) in shown["text/plain"]
    assert "was full" in shown["text/html"]


def test_the_lists_of_runs_say_which_ran_out_of_disk(flood, small_disk, capsys):
    """B5: the list of runs and the table of past runs note that the disk was full."""
    full = run(flood, "prints")
    os.truncate(full.directory.log("stdout"), 1000)
    well = run(flood, "")
    page = History().page()
    notes = {run.pathspec: run.note for run in page.runs}
    assert notes == {full.pathspec: "log disk full", well.pathspec: ""}
    assert "log disk full" in history_picture("FloodFlow", page)["text/html"]
    cli.list_runs("", [], "", 1)
    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines()}
    assert lines[full.pathspec].endswith("log disk full")
    assert "log disk full" not in lines[well.pathspec]


def test_an_exception_that_is_known_stays_the_reason(flood):
    """B5: a stored exception of the task comes first, the full disk second."""
    failure = run(flood, "raises, and is full at its end").failure
    assert (failure.step, failure.exception_type) == ("start", "ValueError")
    assert failure.message.startswith("of its own\n(the disk of its logs, ")


def test_a_run_process_that_is_killed_on_a_full_disk(flood):
    """B5: the signal that ended the run is reported, and the full disk."""

    async def main():
        running = await flood("fills, waits")
        await async_until(lambda: running.directory.on_full_disk(), "a full disk")
        run_process_of(running.directory).send(signal.SIGKILL)
        return await running

    failure = asyncio.run(main()).failure
    assert failure.exception_type == "Killed"
    assert failure.message.startswith(
        "the run process was killed by signal 9\n(the disk of its logs, "
    )


def test_a_datastore_on_the_same_disk(flood, small_disk, monkeypatch):
    """B5: if an artifact fills the disk of datastore and logs, the failure names the disk."""
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(small_disk / "metaflow"))
    running = run(flood, "fills, stores")
    assert running.status == "failed"
    assert told(running) in running.failure.message


def test_a_run_that_fails_beside_free_space_is_not_told_of_the_disk(flood):
    """B5: the disk is named only if it was full when the run ended."""
    running = run(flood, "raises")
    assert running.failure.message == "of its own"
    assert not History().page().runs[0].note


def test_whether_a_disk_is_full_is_found_out_by_writing(small_disk, tmp_path):
    """B5: a full disk is distinguished from one with space, and from a deleted directory."""
    directory = RunDirectory(small_disk)
    assert not directory.on_full_disk()
    with pytest.raises(OSError, match="No space left"), open(small_disk / "rest", "wb") as rest:
        rest.write(b"x" * 8_000_000)
    assert directory.on_full_disk()
    assert not RunDirectory(tmp_path).on_full_disk()
    assert not RunDirectory(small_disk / "gone").on_full_disk()
    assert {each.name for each in small_disk.iterdir()} == {"rest"}
