"""Records that are too old, or too many, are deleted; those of living runs never."""

from __future__ import annotations

import os
import time

import pytest

from nbrunner import Runner, attach
from nbrunner.errors import RunNotFoundError
from nbrunner.record import expiry, rundir
from nbrunner.record.expiry import DAY_SECONDS, expire


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


def record(runs, name, age_days=0.0, size=1000, ended=True, content=b"{}"):
    folder = runs / name
    folder.mkdir()
    (folder / "stdout.log").write_bytes(b"x" * size)
    (folder / rundir.RECORD).write_bytes(content)
    if ended:
        (folder / rundir.EXIT).write_text("{}")
    when = time.time() - age_days * DAY_SECONDS
    for file in (*folder.iterdir(), folder):
        os.utime(file, (when, when))
    return folder


def test_what_is_too_old_goes(runs):
    record(runs, "old", age_days=31)
    record(runs, "new", age_days=29)
    assert expire(runs) == ["old"]
    assert [each.name for each in runs.iterdir()] == ["new"]


def test_of_too_many_the_oldest_go(runs):
    for age in (1, 2, 3):
        record(runs, f"age-{age}", age_days=age, size=100_000)
    assert expire(runs, max_total_bytes=150_000) == ["age-3", "age-2"]


def test_living_runs_stay_however_old_their_last_word(runs):
    record(runs, "quiet", age_days=0.9, ended=False)
    record(runs, "lost", age_days=40, ended=False)
    assert expire(runs, max_age_seconds=0.5 * DAY_SECONDS) == ["lost"]


def test_a_damaged_record_is_no_hindrance(runs):
    record(runs, "broken", age_days=40, content=b"\xff{")
    (runs / "a file").write_text("")
    assert expire(runs) == ["broken"]


def test_nothing_there(tmp_path):
    assert expire(tmp_path / "no such folder") == []


def test_the_supervisor_keeps_what_its_run_was_told(write_flow, private_state, monkeypatch):
    runner = Runner(write_flow("failflow"), show_output=False, pylint=False)
    first = runner.run(fail=False)
    # As if ten minutes had passed since records were last looked through.
    (private_state / "runs" / ".expired").unlink()
    monkeypatch.setattr(expiry.KEEP, "max_total_bytes", 1)
    second = runner.run(fail=False)
    assert second.record["keep"]["max_total_bytes"] == 1
    with pytest.raises(RunNotFoundError, match="or its record has expired"):
        attach(first.pathspec)
