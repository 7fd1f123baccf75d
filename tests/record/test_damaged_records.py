"""An unreadable record is named; all others are listed, found and stopped."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import psutil
import pytest
from support.many_records import write_record
from support.waiting import until

from nbrunner import Runner, attach, cli
from nbrunner.history import History
from nbrunner.launch.processes import moment_of_boot_clock
from nbrunner.launch.run_processes import supervisor_of
from nbrunner.record import registry, run_directory, run_index
from nbrunner.record.schema import parse

pytestmark = [pytest.mark.once, pytest.mark.slow]

COMMAND = Path(sys.executable).with_name("nbrunner")

DAMAGES = {
    "no exit code": (run_directory.EXIT, b"{}"),
    "a newer word": (
        run_directory.EXIT, b'{"returncode": 1, "ended": 1, "error": null, "stop": "paused"}',
    ),
    "NaN": (run_directory.EXIT, b'{"returncode": NaN, "ended": 1, "error": null, "stop": null}'),
    "a flow that is none": (run_directory.RECORD, b'{"flow": "x"}'),
    "nested deeply": (run_directory.RECORD, b"[" * 100_000),
    "no identity": (run_directory.SUPERVISOR, b'{"supervisor": {"pid": "x"}}'),
    "a number that no float holds": (
        run_directory.RECORD, b'{"started": 1.0, "boot_seconds": 1%s}' % (b"0" * 400),
    ),
    "no file": (run_directory.EXIT, None),
}  # fmt: skip


def damage(folder, name, content):
    (folder / name).unlink(missing_ok=True)
    if content is None:
        (folder / name).mkdir()
    else:
        (folder / name).write_bytes(content)


@pytest.fixture
def runs():
    return registry.runs_directory()


@pytest.mark.parametrize("damaged", DAMAGES)
@pytest.mark.parametrize("indexed", [True, False])
def test_it_is_named_and_left_out(runs, capsys, damaged, indexed):
    """B2: `list`, `list --flow`, the history and `stop all` continue without it."""
    whole, broken = write_record(runs, 1), write_record(runs, 2)
    if indexed:
        registry.listing()
    damage(broken, *DAMAGES[damaged])
    for flow in ("", "ManyFlow"):
        cli.list_runs(flow, (), "", 1)
        out, err = capsys.readouterr()
        assert [line.split()[1] for line in out.splitlines()[1:]] == ["ManyFlow/999999"]
        assert err.startswith(f"1 record could not be read: {broken / DAMAGES[damaged][0]}: ")
    assert [run.recorded for run in History().page().runs] == [whole.name]
    assert attach("ManyFlow/999999").status == "successful"
    assert attach("ManyFlow/999998").status in ("successful", "lost")
    cli.stop_named(["all"])
    out, err = capsys.readouterr()
    assert out == "No run is active\n"
    ended = indexed or DAMAGES[damaged][0] != run_directory.EXIT  # then it is not even checked
    assert (str(broken) in err) == (not ended)
    assert [each.name for each in registry.of_flow("ManyFlow")] == [whole.name, broken.name]


def test_many_are_counted_and_the_first_are_named(runs, capsys):
    """B2: a folder full of damaged records is reported in one line."""
    write_record(runs, 0)
    for number in range(1, 6):
        damage(write_record(runs, number), run_directory.EXIT, b"{}")
    cli.list_runs("", (), "", 1)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert err.startswith("5 records could not be read: ")
    assert err.endswith("; and 2 more\n")
    assert len(err.splitlines()) == 1


def test_a_page_shows_the_same_runs_whatever_is_damaged_before_it(runs):
    """B2: no run is shown twice, or left out, at the end of a page."""
    folders = [write_record(runs, number) for number in range(45)]
    for number in (3, 21):
        damage(folders[number], run_directory.EXIT, b"{}")
    history = History()
    seen = [run.recorded for number in range(3) for run in history.page(number).runs]
    assert seen == [each.name for number, each in enumerate(folders) if number not in (3, 21)]


@pytest.mark.skipif(os.getuid() != 0, reason="a folder of another user needs the right to make one")
def test_the_folder_of_another_user_is_left_out(runs, capsys):
    """B2, B3: another user's folder among the records is neither read nor followed."""
    whole, theirs = write_record(runs, 1), write_record(runs, 2)
    os.chown(theirs, 12345, -1)
    (runs / f"{theirs.name[:-1]}f").symlink_to(whole)
    cli.list_runs("", (), "", 1)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "2 records could not be read" in err
    assert f"{theirs}: belongs to another user" in err
    assert "is a link" in err
    with pytest.raises(LookupError):
        attach("ManyFlow/999998")
    assert [each.name for each in registry.directories()] == [whole.name]


@pytest.mark.parametrize("warm", ["0", "1"])
@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"interrupt_grace_seconds": 1e999999}'])
def test_a_living_run_is_stopped_by_a_damaged_request(write_flow, monkeypatch, warm, content):
    """B2: an unreadable stop request stops the run with the default grace periods."""
    monkeypatch.setenv("NBRUNNER_WARM", warm)

    async def main():
        runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
        running = await runner.async_run(seconds=600)
        damage(running.directory.path, run_directory.STOP, content)
        psutil.Process(supervisor_of(running.directory).pid).terminate()
        return await running

    running = asyncio.run(main())
    assert running.status == "stopped"
    assert running.watched.exit_record["signals"][0] == "SIGINT"


def test_the_living_are_stopped_beside_one_that_is_damaged(write_flow, runs):
    """B2: `nbrunner stop all` names the damaged one and ends the others."""
    broken = write_record(runs, 5)
    damage(broken, run_directory.SUPERVISOR, b"[]")
    damage(broken, run_directory.EXIT, b"null")
    runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
    running = asyncio.run(runner.async_run(seconds=600))
    done = subprocess.run([COMMAND, "stop", "all"], capture_output=True, text=True)
    assert done.returncode == 0, done
    assert done.stdout.startswith(f"{running.pathspec}: stopped")
    assert f"1 record could not be read: {broken / run_directory.SUPERVISOR}" in done.stderr
    assert running.status == "stopped"


@pytest.mark.parametrize("warm", ["0", "1"])
def test_what_a_run_writes_is_what_the_schema_says(write_flow, monkeypatch, warm):
    """B2: no record of a healthy run counts as damaged."""
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    runner = Runner(write_flow("failflow"), show_output=False, pylint=False)
    for running in (runner.run(fail=True), runner.resume()):
        for file in running.directory.path.glob("*.json"):
            parse(file.name, file.read_bytes())
        assert running.directory.damage() == ""
    until(lambda: not registry.unended(), "the index")


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"command": 7}', b"{}"])
def test_a_record_that_is_damaged_as_its_run_starts(write_flow, monkeypatch, content):
    """B2: the supervisor reports why it starts nothing."""
    from nbrunner.errors import RunStartError
    from nbrunner.launch.warm.launcher import LAUNCHER

    start = LAUNCHER.start_run

    async def start_run(directory, environment, flow_file):
        damage(directory.path, run_directory.RECORD, content)
        return await start(directory, environment, flow_file)

    monkeypatch.setattr(LAUNCHER, "start_run", start_run)
    with pytest.raises(RunStartError, match=r"could not be started: ValueError: .*recorded|record"):
        Runner(write_flow("slowflow"), show_output=False, pylint=False).run(seconds=0)


def test_a_damaged_description_is_asked_for_anew(write_flow, private_state):
    """B2: the same for the cached description of a flow."""
    runner = Runner(write_flow("slowflow"))
    known = runner.describe()
    (file,) = private_state.glob("descriptions/*.json")
    answer = json.loads(file.read_text())
    for content in (b"[" * 100_000, json.dumps(answer | {"description": {"name": 1}}).encode()):
        file.write_bytes(content)
        assert runner.describe() == known
    shutil.rmtree(file.parent)
    assert runner.describe() == known


@pytest.mark.parametrize("started", ["x", "", "a/b/c", "/", "٣/٣", "a" * 100_000])
def test_an_identity_that_no_process_can_have(runs, capsys, started):
    """B2: `list` and `stop all` check whether processes of a session are alive."""
    boot = moment_of_boot_clock()["boot"]
    for number, each in enumerate((started, f"{boot}/{started}", f"{boot}/{'9' * 5000}")):
        gone = {"pid": 4_000_000, "started": each}
        write_record(runs, number, exit=None, supervisor={"supervisor": gone, "run": gone})
    cli.list_runs("", (), "", 1)
    out, err = capsys.readouterr()
    assert ([line.split()[0] for line in out.splitlines()[1:]], err) == (["lost"] * 3, "")
    cli.stop_named(["all"])
    assert capsys.readouterr().out == "No run is active\n"


def test_half_a_character_is_listed_by_its_code(runs, capsys):
    """B2: JSON may contain characters that cannot be encoded."""
    write_record(runs, 1, attributes={"flow_name": "Many\ud800", "run_id": "1\udfff"})
    cli.list_runs("", (), "", 1)
    assert "Many<U+D800>/1<U+DFFF>" in capsys.readouterr().out


@pytest.mark.parametrize("line", [b"", b"a", b"a\tb", b"\t\t\t\t"])
def test_a_line_of_the_index_with_other_fields_than_ours(runs, capsys, line):
    """B2: its checksum is valid, as if a newer nbrunner had written it."""
    whole = write_record(runs, 1)
    (runs / run_index.INDEX).write_bytes(b"%s\t%08x\n" % (line, zlib.crc32(line)))
    assert [each for each in registry.listing().ended] == [whole.name]


@pytest.mark.parametrize("warm", ["0", "1"])
def test_a_request_with_a_number_that_no_float_holds_stops_with_the_usual_grace(
    write_flow, monkeypatch, warm
):
    """B2: the request must not end the supervisor itself."""
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
    running = asyncio.run(runner.async_run(seconds=600))
    content = b'{"interrupt_grace_seconds": 1%s}' % (b"0" * 400)
    damage(running.directory.path, run_directory.STOP, content)
    supervisor_of(running.directory).send(signal.SIGUSR1)
    asyncio.run(running.wait())
    assert (running.status, running.watched.exit_record["signals"][0]) == ("stopped", "SIGINT")
