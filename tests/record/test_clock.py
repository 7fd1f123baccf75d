"""Times of records after the clock has been set: no wrong time has a lasting effect."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from nbrunner import Runner, attach
from nbrunner.launch.processes import moment_of_boot_clock
from nbrunner.launch.run_processes import goes_on
from nbrunner.launch.run_state import RunState
from nbrunner.record import registry, retention, run_directory
from nbrunner.record.retention import DAY_SECONDS

pytestmark = [pytest.mark.once, pytest.mark.slow]

YEAR = 365 * DAY_SECONDS


def starting(**times):
    """Return the status of a run whose supervisor has not recorded its identity."""
    directory = registry.create()
    directory.write(
        run_directory.RECORD, {"started": time.time(), **moment_of_boot_clock(), **times}
    )
    return RunState(directory).status


def boot_clock(seconds):
    moment = moment_of_boot_clock()
    return moment | {"boot_seconds": moment["boot_seconds"] + seconds}


@pytest.mark.parametrize("set_back", [-YEAR, -3600, 0, 3600, YEAR])
def test_a_start_is_timed_by_a_clock_that_nobody_sets(set_back):
    """B14: the time limit of a start does not depend on the time of day."""
    assert starting(started=time.time() + set_back) == "running"
    for age in (-31, -3600, -1e6):
        moment = boot_clock(age)
        moment["boot_seconds"] = max(0.0, moment["boot_seconds"])
        assert starting(started=time.time() + set_back, **moment) == "lost"
    assert starting(started=time.time() + set_back, boot="an earlier one") == "lost"


@pytest.mark.parametrize(
    ("ago", "status"),
    [(5, "running"), (60, "lost"), (-5, "running"), (-60, "lost"), (-YEAR, "lost")],
)
def test_a_start_in_the_future_is_lost_soon(ago, status):
    """B14: the record of an older version has only the time of day."""
    directory = registry.create()
    directory.write(run_directory.RECORD, {"started": time.time() - ago})
    assert RunState(directory).status == status


def test_records_of_the_future_age_from_now_on(tmp_path):
    """B14: they expire after the usual time, neither at once nor never."""
    runs = tmp_path / "runs"
    runs.mkdir()
    folder = runs / registry.new_name()
    folder.mkdir()
    (folder / run_directory.RECORD).write_text("{}")
    (folder / run_directory.EXIT).write_text("{}")
    ahead = time.time() + 10 * YEAR
    for path in (*folder.iterdir(), folder):
        os.utime(path, (ahead, ahead))
    assert retention.expire(runs, goes_on) == []
    assert all(path.stat().st_mtime <= time.time() for path in (*folder.iterdir(), folder))
    assert retention.expire(runs, goes_on, max_age_seconds=-1.0) == [folder.name]


def test_a_stamp_of_the_future_does_not_keep_records_for_good(tmp_path):
    """B14: old records are still deleted."""
    runs = tmp_path / "runs"
    runs.mkdir()
    stamp = runs / ".expired"
    stamp.touch()
    assert not _looked_through(runs, stamp)
    ahead = time.time() + YEAR
    os.utime(stamp, (ahead, ahead))
    assert _looked_through(runs, stamp)


def _looked_through(runs, stamp):
    before = stamp.stat().st_mtime
    retention.expire_if_due(runs, goes_on, {})
    return stamp.stat().st_mtime != before


def test_limits_of_a_newer_version_do_not_hinder(tmp_path):
    """B2, B14: a supervisor ignores limits that it does not know."""
    (tmp_path / "runs").mkdir()
    newer: Any = {"max_runs": 5}
    assert retention.expire_if_due(tmp_path / "runs", goes_on, newer) == []


def test_a_run_whose_clock_was_ahead_is_followed_to_its_end(write_flow):
    """B14: by any handle."""
    runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
    running = runner.run(seconds=0)
    assert {"boot", "boot_seconds"} <= running.record.keys()
    running.directory.write(run_directory.RECORD, running.record | {"started": time.time() + YEAR})
    again = attach(running.pathspec)
    assert (again.status, again.elapsed_seconds) == ("successful", 0.0)
