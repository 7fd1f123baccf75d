"""Sweeps on disk: finding their runs among thousands of records, and stopping them."""

from __future__ import annotations

import asyncio
import json
import os
import time
from functools import partial

import pytest
from support.many_records import write_record

from nbrunner import ExecutingRun, Runner, attach_sweep, cli, sweep
from nbrunner.record import registry, run_directory, schema
from nbrunner.sweeps import store
from nbrunner.sweeps.store import SweepDirectory, SweepStoppedError

pytestmark = [pytest.mark.once, pytest.mark.slow]

CONTENT: schema.Sweep = {
    "flow": "ManyFlow",
    "file": "/nowhere/many.py",
    "parameters": [{"number": number} for number in range(4)],
    "parallel": 1,
    "on_failure": "continue",
}


@pytest.fixture
def runs():
    return registry.runs_directory()


def swept(runs, number, name, index):
    """Write the record of a run that belongs to a sweep."""
    folder = write_record(runs, number)
    record = json.loads((folder / run_directory.RECORD).read_text())
    record["sweep"] = {"name": name, "index": index}
    (folder / run_directory.RECORD).write_text(json.dumps(record))
    return folder


@pytest.mark.alone
@pytest.mark.timeout(300)
def test_of_ten_thousand_records_a_sweep_finds_its_own_at_once(runs):
    """B10: 0.1 s of CPU."""
    for number in range(10_000):
        write_record(runs, number)
    made = store.create(CONTENT)
    directory = registry.create()
    directory.write(run_directory.RECORD, {"started": 1.0, **made.note(2, directory)})
    began = time.process_time()
    for _time in range(10):
        assert made.runs().keys() == {2}
    assert time.process_time() - began < 1
    assert attach_sweep().statuses[2] in ("lost", "running")


def test_the_file_of_its_runs_changes_no_answer(runs):
    """B10: with it, without it (older nbrunner), or with torn lines."""
    made, other = store.create(CONTENT), store.create(CONTENT)
    one, three = swept(runs, 1, made.name, 1), swept(runs, 3, made.name, 3)
    theirs, gone = swept(runs, 5, other.name, 0), "20250101-120000-123456-0123abcd"
    wanted = {1: one.name, 3: three.name}
    file = made.path / "records"
    whole = f"1\t{one.name}\n3\t{three.name}\n"
    for content in (
        whole,
        whole * 2,
        f"3\t{gone}\n2\t{gone}\n{whole}",
        f"{whole}x\t{one.name}\n\n2\t../{theirs.name}\n2\t\n-2\t{one.name}\n",
        f"{whole}0\t{theirs.name[:9]}",
        None,
    ):
        file.unlink(missing_ok=True)
        if content is not None:
            file.write_text(content)
        assert {i: each.name for i, each in made.runs().items()} == wanted, content
    file.mkdir()
    assert {i: each.name for i, each in made.runs().items()} == wanted, "a folder in its place"


def test_a_sweep_of_an_older_nbrunner_that_is_continued_forgets_none_of_its_runs(runs):
    """B10: a new run created a file with that run alone, so that the others ran again."""
    made = store.create(CONTENT)
    names = {index: swept(runs, index, made.name, index).name for index in (0, 2)}
    (made.path / "records").unlink()
    for index in (1, 3):
        directory = run_directory.RunDirectory(write_record(runs, 10 + index))
        made.note(index, directory)
        names[index] = directory.name
    assert {index: each.name for index, each in made.runs().items()} == names


def test_the_latest_record_of_a_place_counts(runs):
    made = store.create(CONTENT)
    for number in (7, 6):
        directory = run_directory.RunDirectory(write_record(runs, number))
        made.note(1, directory)
    assert made.runs()[1].name == directory.name


def test_a_sweep_that_was_stopped_notes_no_further_run(runs):
    made = store.create(CONTENT)
    made.ask_to_stop()
    with pytest.raises(SweepStoppedError):
        made.note(0, registry.create())
    assert made.runs() == {}


# -- a stop while a run is about to start ----------------------------------------------------


@pytest.fixture
def runner(write_flow):
    return Runner(write_flow("slowflow"), show_output=False, pylint=False)


def at(monkeypatch, moment, act):
    """Call a function once, at a given moment of a sweep's next start."""
    owner, name = moment
    original = getattr(owner, name)
    done: list[int] = []

    def before(*arguments, **named):
        if not done:
            done.append(act())
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, before)
    return done


MOMENTS = {
    "before its directory": (registry, "create"),
    "before it is noted": (SweepDirectory, "note"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_no_run_of_a_sweep_slips_through_while_all_are_stopped(runner, monkeypatch, moment):
    """A `stop all` after the sweep has decided to start its next run still prevents it."""
    at(monkeypatch, MOMENTS[moment], store.stop_living)
    made = sweep(runner, {"seconds": [60, 61]}, parallel=1)
    assert made.statuses == ["not started", "not started"]
    assert made.errors == {}
    assert list(registry.directories()) == []


def test_a_run_whose_record_is_not_written_yet_is_stopped(runner, capsys, monkeypatch):
    """The directory of a run exists before its record, and `stop all` finds it."""
    made = store.create({**CONTENT, "flow": "SlowFlow", "file": runner.flow_file})
    original = SweepDirectory.note
    seen: list[object] = []

    def note(self, index, directory):
        content = original(self, index, directory)
        store.stop_living()  # too late for the sweep to notice
        seen.extend(each.directory.name for each in cli.all_running())
        directory.write(run_directory.STOP, {"reason": "stopped"})
        return content

    monkeypatch.setattr(SweepDirectory, "note", note)

    async def main():
        running = await runner.starter.launch(
            ExecutingRun, "run", {"seconds": 600}, partial(made.note, 0)
        )
        return await asyncio.wait_for(running.wait(), 60)

    running = asyncio.run(main())
    assert seen == [running.directory.name]
    assert running.status == "stopped"


def test_what_a_killed_start_has_left_is_nothing_to_stop(runs, capsys):
    (runs / "20250101-120000-123456-0123abcd").mkdir(mode=0o700)
    old = registry.create()
    for each in (old.path, runs / "20250101-120000-123456-0123abcd"):
        os.utime(each, (1, 1))
    cli.stop_named(["all"])
    assert capsys.readouterr().out == f"{cli.NO_RUN}\n"
