"""Records that are too old or too large are deleted, but never those of active runs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.waiting import until

from nbrunner import Runner, attach
from nbrunner.errors import RunNotFoundError
from nbrunner.launch.processes import MARKER
from nbrunner.launch.run_processes import goes_on, supervisor_of
from nbrunner.record import registry, retention, run_directory
from nbrunner.record.retention import DAY_SECONDS, disk_usage, expire_if_due

pytestmark = pytest.mark.once


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


def record(runs, age_days=0.0, size=1000, ended=True, content=b"{}"):
    folder = runs / registry.new_name()
    folder.mkdir()
    (folder / "stdout.log").write_bytes(b"x" * size)
    (folder / run_directory.RECORD).write_bytes(content)
    if ended:
        (folder / run_directory.EXIT).write_text("{}")
    age(folder, age_days)
    return folder


def expire(runs, **limits):
    return retention.expire(runs, goes_on, **limits)


def age(folder, days):
    """Set the times of a folder and its files to an earlier time."""
    when = time.time() - days * DAY_SECONDS
    for file in (*folder.iterdir(), folder):
        os.utime(file, (when, when))


def test_what_is_too_old_goes(runs):
    old = record(runs, age_days=31)
    new = record(runs, age_days=29)
    assert expire(runs) == [old.name]
    assert list(runs.iterdir()) == [new]


def test_of_too_many_the_oldest_go(runs):
    _one, two, three = (record(runs, age_days=age, size=100_000) for age in (1, 2, 3))
    assert expire(runs, max_total_bytes=150_000) == [three.name, two.name]


def test_a_large_log_of_a_living_run_costs_no_other_its_record(runs):
    record(runs, age_days=1)
    record(runs, size=1_000_000, ended=False)
    assert expire(runs, max_total_bytes=100_000) == []


def test_a_run_that_has_just_ended_is_not_deleted_for_its_size(runs):
    earlier, _just_ended = record(runs, age_days=0.01), record(runs, size=1_000_000)
    keep = {"max_age_seconds": DAY_SECONDS, "max_total_bytes": 100_000}
    assert expire_if_due(runs, goes_on, keep) == [earlier.name]
    assert len(expire(runs, **keep)) == 1, "but on request"


def test_living_runs_stay_however_old_their_last_word(runs):
    record(runs, age_days=0.9, ended=False)
    lost = record(runs, age_days=40, ended=False)
    assert expire(runs, max_age_seconds=0.5 * DAY_SECONDS) == [lost.name]


@pytest.mark.slow
@pytest.mark.parametrize("killed", [(), (supervisor_of,)])
def test_a_run_that_goes_on_stays_however_long_it_is_quiet(write_flow, private_state, killed):
    async def main():
        runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
        running = await runner.async_run(seconds=600)
        for who in killed:
            psutil.Process(who(running.directory).pid).kill()
        age(running.directory.path, days=40)
        deleted = expire(private_state / "runs", max_total_bytes=0)
        status = running.status
        await running.async_stop()
        return running, deleted, status

    running, deleted, status = asyncio.run(main())
    assert (deleted, status) == ([], "running")
    assert expire(private_state / "runs", max_total_bytes=0) == [running.directory.name]


def test_a_run_whose_processes_are_all_gone_is_lost(runs):
    gone = {"pid": os.getpid(), "started": "in another life"}
    lost = record(runs, ended=False)
    (lost / run_directory.SUPERVISOR).write_text(json.dumps({"supervisor": gone, "run": gone}))
    age(lost, days=2)
    assert expire(runs, max_age_seconds=DAY_SECONDS) == [lost.name]


def test_a_run_that_is_just_starting_stays(runs):
    bare = runs / registry.new_name()
    bare.mkdir()
    record(runs, ended=False)
    assert expire(runs, max_total_bytes=0) == []


def test_a_damaged_record_is_no_hindrance(runs):
    broken = record(runs, age_days=40, content=b"\xff{")
    (runs / "a file").write_text("")
    assert expire(runs) == [broken.name]


@pytest.mark.parametrize(
    "files",
    [
        [],
        ["stdout.log", "stderr.log"],
        ["stdout.log", "stderr.log", ".record.json.17.17"],
        ["supervisor.log", "exit.json", ".expired"],
    ],
)
def test_what_is_left_of_a_record_goes_too(runs, files):
    folder = runs / registry.new_name()
    folder.mkdir()
    for name in files:
        (folder / name).touch()
    age(folder, days=40)
    assert expire(runs) == [folder.name]


@pytest.mark.parametrize(
    "file",
    [
        "exp_old/events.out.tfevents",
        "exp_old/record.json",
        "20250101-120000/record.json",
        "20250101-120000-123456-0123abcd/model.pt",
        "20250101-120000-123456-0123abcd/logs/stdout.log",
    ],
)
def test_folders_of_somebody_else_are_neither_counted_nor_deleted(runs, file):
    (runs / file).parent.mkdir(parents=True)
    (runs / file).write_bytes(b"x" * 100_000)
    age((runs / file).parent, days=40)
    age(runs / Path(file).parts[0], days=40)
    ours = record(runs, age_days=1)
    assert expire(runs, max_total_bytes=50_000) == []
    assert disk_usage(runs)[1] == 1
    assert (runs / file).exists()
    assert ours.exists()


def test_a_link_is_not_followed(runs, tmp_path):
    elsewhere = record(tmp_path, age_days=40)
    (runs / elsewhere.name).symlink_to(elsewhere)
    assert expire(runs) == []
    assert (elsewhere / run_directory.RECORD).exists()


def test_nothing_there(tmp_path):
    assert expire(tmp_path / "no such folder") == []


@pytest.mark.slow
def test_the_supervisor_keeps_what_its_run_was_told(write_flow, private_state, monkeypatch):
    runner = Runner(write_flow("failflow"), show_output=False, pylint=False)
    first = runner.run(fail=False)
    age(first.directory.path, days=0.01)
    # As if ten minutes had passed since old records were last deleted.
    stamp = private_state / "runs" / ".expired"
    until(stamp.exists, "the look through them")
    stamp.unlink()
    monkeypatch.setattr(retention.KEEP, "max_total_bytes", 1)
    second = runner.run(fail=False)
    assert second.record["keep"]["max_total_bytes"] == 1
    until(lambda: not first.directory.path.exists(), "the next look")
    with pytest.raises(RunNotFoundError, match="or its record has expired"):
        attach(first.pathspec)


GRAND = "import os, time; os.setsid() if {away} else None; print('up', flush=True); time.sleep(600)"


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("away", [False, True])
def test_a_record_stays_while_any_process_of_its_run_lives(runs, ended, away):
    """B4: this includes tasks of a lost run, and a daemon left by a step of an ended run."""
    gone = {"pid": 4_000_000, "started": "an earlier boot/1"}
    folder = record(runs, ended=ended)
    (folder / run_directory.SUPERVISOR).write_text(json.dumps({"supervisor": gone, "run": gone}))
    command = [sys.executable, "-c", GRAND.format(away=away)]
    environment = os.environ | {MARKER: str(folder)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as task:
        task.stdout.readline()
        age(folder, days=40)
        assert expire(runs, max_total_bytes=0) == []
        task.kill()
    assert expire(runs, max_total_bytes=0) == [folder.name]
