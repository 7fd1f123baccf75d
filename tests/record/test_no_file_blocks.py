"""Pipes, folders or devices in place of a record's files: nothing blocks, and they are named."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest
from support.many_records import write_record

from nbrunner import attach, cli
from nbrunner.errors import StateError
from nbrunner.history import History
from nbrunner.launch.interrupt import Interrupt
from nbrunner.launch.run_state import RunState
from nbrunner.logs.merged import MergedLog
from nbrunner.logs.reader import last_lines, lines_of, tail
from nbrunner.record import registry, run_directory
from nbrunner.record.run_directory import RunDirectory

# A read that blocks fails by this: none of them takes a tenth of a second.
pytestmark = [pytest.mark.once, pytest.mark.timeout(30)]


def link_to_itself(path):
    path.symlink_to(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(path.parent)  # a socket's path has at most 107 bytes
        try:
            server.bind(path.name)
        finally:
            os.chdir(here)


KINDS = {
    "a named pipe": os.mkfifo,
    "a socket": make_socket,
    "a folder": os.mkdir,
    "a link to itself": link_to_itself,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.fixture(params=KINDS)
def put(request):
    """Return a function that replaces a file by something else."""

    def put_there(path):
        path.unlink(missing_ok=True)
        KINDS[request.param](path)

    return put_there


@pytest.fixture
def runs():
    return registry.runs_directory()


@pytest.mark.parametrize("name", ["stdout.log", "stderr.log"])
def test_a_log_that_is_none_is_named_and_the_other_runs_are_listed(runs, put, capsys, name):
    """B2: `list`, the history, a resume's origin and `stop all` continue without it."""
    whole, broken = write_record(runs, 1), write_record(runs, 2)
    (broken / run_directory.RECORD).write_text('{"subcommand": "resume", "started": 1.0}')
    put(broken / name)
    cli.list_runs("", (), "", 1)
    out, err = capsys.readouterr()
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["ManyFlow/999999"]
    assert err.startswith(f"1 record could not be read: {broken / name}: is ")
    assert [run.recorded for run in History().page().runs] == [whole.name]
    assert attach("ManyFlow/999998").origin == ""
    cli.stop_named(["all"])
    assert capsys.readouterr().out == f"{cli.NO_RUN}\n"


def test_what_reads_a_log_says_what_is_there_instead(runs, put, capsys):
    folder = write_record(runs, 1)
    for stream in run_directory.STREAMS:
        put(folder / f"{stream}.log")
    running = attach(folder.name)
    out, err = (folder / f"{stream}.log" for stream in run_directory.STREAMS)

    async def stream_log():
        return [line async for line in running.stream_log("stdout")]

    reads = (
        lambda: running.stdout,
        lambda: running.stderr,
        lambda: running.progress,
        lambda: running.timeline,
        lambda: asyncio.run(stream_log()),
        lambda: list(lines_of(out)),
        lambda: tail(out, 5),
        lambda: last_lines([out, err], 5),
        lambda: MergedLog(out, err).refresh(),
        lambda: cli.print_log(folder.name, "stdout", follow=False),
    )
    for read in reads:
        with pytest.raises(
            StateError, match=r"\.log cannot be read as a log: it is .*; to fix it:"
        ):
            read()


def test_a_stop_and_a_spin_do_without_logs(runs, put):
    folder = write_record(runs, 1, exit=None, attributes=None)
    (folder / run_directory.RECORD).write_text('{"subcommand": "spin", "started": 1.0}')
    for stream in run_directory.STREAMS:
        put(folder / f"{stream}.log")
    run = RunState(RunDirectory(folder))
    assert (run.attributes, run.status) == ({}, "lost")
    interrupt = Interrupt(run.directory)
    interrupt._stdout.begin()
    assert not interrupt._stdout.has_found()


FILES = (
    *(run_directory.RECORD, run_directory.START, run_directory.SUPERVISOR),
    *(run_directory.ATTRIBUTES, run_directory.OPEN_LINES, run_directory.TASK_STARTS),
    *(run_directory.STOP, run_directory.STOPPING, run_directory.EXIT),
)


@pytest.mark.parametrize("name", FILES)
def test_any_other_file_of_a_record(runs, put, name, capsys):
    """B2: it counts as missing, and the other runs are listed."""
    whole, broken = write_record(runs, 1), write_record(runs, 2)
    put(broken / name)
    directory = RunDirectory(broken)
    assert directory.read(name) is None
    assert str(broken / name) in directory.damaged[name] or name == run_directory.ATTRIBUTES
    cli.list_runs("", (), "", 1)
    assert "ManyFlow/999999" in capsys.readouterr().out
    assert whole.name in [run.recorded for run in History().page().runs]
    run = RunState(directory)
    assert run.status in ("successful", "lost")
    assert not directory.on_full_disk()


def test_a_pipe_in_place_of_the_probe_for_room_blocks_nothing(runs):
    directory = RunDirectory(write_record(runs, 1))
    os.mkfifo(directory.path / f".probe.{os.getpid()}")
    assert not directory.on_full_disk()
