"""Ten thousand records: active runs are listed, and one is found, without reading all."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from support.many_records import write_record
from support.waiting import until

from nbrunner import Runner, attach, cli
from nbrunner.errors import RunNotFoundError
from nbrunner.history import History
from nbrunner.launch.run_processes import goes_on, supervisor_of
from nbrunner.record import registry, retention, run_directory, run_index
from nbrunner.record.retention import DAY_SECONDS
from nbrunner.record.run_directory import RunDirectory

pytestmark = [pytest.mark.once, pytest.mark.slow]

MANY = 10_000
MOST_SECONDS = 0.1


def cpu_seconds(do):
    """Return the CPU seconds of a call: the best of three, because of other load."""
    taken = []
    for _time in range(3):
        began = time.process_time()
        do()
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.fixture
def runs():
    return registry.runs_directory()


@pytest.mark.alone
@pytest.mark.timeout(300)
def test_of_ten_thousand_one_is_found_and_the_living_are_listed_at_once(runs, capsys):
    """B10: each takes 0.1 s of CPU once there is an index."""
    for number in range(MANY):
        write_record(runs, number)
    lost = write_record(runs, MANY, exit=None)
    oldest = f"ManyFlow/{10**6 - MANY + 1}"
    assert attach(oldest).parameters == {"number": MANY - 1}

    def missing():
        with pytest.raises(RunNotFoundError):
            attach("ManyFlow/17")

    figures = {
        "attach": cpu_seconds(lambda: attach(oldest)),
        "attach by id": cpu_seconds(lambda: attach(oldest.partition("/")[2])),
        "attach to none": cpu_seconds(missing),
        "list": cpu_seconds(lambda: cli.list_runs("", (), "", 1)),
        "list --status running": cpu_seconds(lambda: cli.list_runs("", (), "running", 1)),
        "list --status lost": cpu_seconds(lambda: cli.list_runs("", (), "lost", 1)),
        "list --page 500": cpu_seconds(lambda: cli.list_runs("", (), "", 500)),
        "stop all": cpu_seconds(lambda: cli.stop_named(["all"])),
        "forms": cpu_seconds(lambda: next(registry.of_flow("OtherFlow"), None)),
    }
    assert {name: each for name, each in figures.items() if each > MOST_SECONDS} == {}, figures
    capsys.readouterr()
    cli.list_runs("", (), "lost", 1)
    assert capsys.readouterr().out.splitlines()[1].split()[1] == f"ManyFlow/{10**6 - MANY}"
    assert [each.name for each in registry.unended()] == [lost.name]


def test_the_index_changes_no_answer(runs):
    """B10: with it, without it, and with lines that are damaged or of deleted records."""
    folders = [write_record(runs, number) for number in range(6)]
    write_record(runs, 6, attributes=None)
    write_record(runs, 7, exit=None)
    shutil.rmtree(folders[5])

    def answers():
        found = {}
        for number in range(8):
            try:
                found[number] = attach(f"ManyFlow/{10**6 - number}").directory.name
            except RunNotFoundError:
                found[number] = ""
        return (
            found,
            [run.pathspec for run in History().page().runs],
            [run.pathspec for run in History().page(status="lost").runs],
            [each.name for each in registry.unended()],
        )

    index = runs / run_index.INDEX
    wanted = answers()
    whole = index.read_bytes()
    assert len(whole.splitlines()) == 6
    lines = whole.splitlines(keepends=True)
    torn = [line[:at] + rest for line, rest in itertools.pairwise(lines) for at in (9, 40)]
    for content in (
        b"",
        whole * 2,
        whole[:-7],
        whole.replace(b"99999", b"99998"),
        b"".join(torn),
        b"\0" * 400 + whole,
        b"\xff\n\n\t\t\t\n" + whole,
        b"20250101-120000-123456-0123abcd\tManyFlow\t999999\t00000000\n",
    ):
        index.write_bytes(content)
        assert answers() == wanted, content
        assert answers() == wanted, "with what was added"
    index.unlink()
    index.mkdir()
    assert answers() == wanted, "an index that cannot be had"


def test_a_run_is_in_the_index_once_it_has_ended(write_flow, runs, monkeypatch):
    """B10: its supervisor adds it; an active run is among the others."""
    for warm in ("0", "1"):
        monkeypatch.setenv("NBRUNNER_WARM", warm)
        runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
        running = asyncio.run(runner.async_run(seconds=600))
        assert [each.name for each in registry.unended()] == [running.directory.name]
        assert running.directory.name not in run_index.read(runs)
        running.stop()
        until(lambda: running.directory.name in run_index.read(runs), "its line")  # noqa: B023
        assert "/".join(run_index.read(runs)[running.directory.name]) == running.pathspec
        assert registry.unended() == []


def test_a_killed_supervisor_leaves_a_run_that_is_found_and_stopped(write_flow, runs):
    """B10: after kill -9 only the line of the index is missing."""
    runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
    running = asyncio.run(runner.async_run(seconds=600))
    psutil.Process(supervisor_of(running.directory).pid).send_signal(signal.SIGKILL)
    until(lambda: not supervisor_of(running.directory).alive(), "its end")
    assert [each.directory.name for each in cli.all_running()] == [running.directory.name]
    assert attach(running.pathspec).stop().status == "stopped"
    assert run_index.read(runs) == {}
    assert registry.unended() == []
    assert "/".join(run_index.read(runs)[running.directory.name]) == running.pathspec


def test_many_add_at_the_same_time(runs):
    """B10: no line is lost or torn when several processes and threads append."""
    script = (
        "import sys; from pathlib import Path; from nbrunner.record import run_index\n"
        "for n in range(200):\n"
        "    run_index.add(Path(sys.argv[1]), {f'{sys.argv[2]}-{n}': ('F', str(n))})"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(runs), str(number)])
        for number in range(4)
    ]
    threads = [
        threading.Thread(target=run_index.add, args=(runs, {f"t-{n}": ("F", str(n))}))
        for n in range(20)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [each.wait() for each in processes] == [0] * 4
    assert len(run_index.read(runs)) == 4 * 200 + 20


def test_several_readers_make_the_index_of_old_records_together(runs):
    """B10: the records of an older version are added to it."""
    for number in range(300):
        write_record(runs, number)
    script = "from nbrunner import attach; print(attach('ManyFlow/999701').directory.name)"
    processes = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    names = {each.communicate()[0].strip() for each in processes}
    assert names == {attach("ManyFlow/999701").directory.name}
    assert len(run_index.read(runs)) == 300


def test_what_expires_leaves_the_index(runs):
    """B10: the index does not grow forever, and a deleted record is not found."""
    folders = [write_record(runs, number) for number in range(4)]
    registry.listing()
    before = time.time() - 31 * DAY_SECONDS
    for folder in folders[2:]:
        for path in (*folder.iterdir(), folder):
            os.utime(path, (before, before))
    assert set(retention.expire(runs, goes_on)) == {each.name for each in folders[2:]}
    assert set(run_index.read(runs)) == {each.name for each in folders[:2]}
    with pytest.raises(RunNotFoundError):
        attach("ManyFlow/999997")
    RunDirectory(folders[1]).delete()
    assert [run.pathspec for run in History().page().runs] == ["ManyFlow/1000000"]


def test_names_that_no_line_can_hold_are_found_by_their_records(runs):
    """B10: such as names with tabs, which a later Metaflow might use."""
    names = {"flow_name": "ManyFlow", "run_id": "a\tb\nc"}
    folder = write_record(runs, 1, attributes=names)
    for _time in range(2):
        assert attach("ManyFlow/a\tb\nc").directory.name == folder.name
    assert run_index.read(runs) == {}
    (runs / folder.name / run_directory.ATTRIBUTES).unlink()
    assert registry.listing().ended == {folder.name: ("", "")}
