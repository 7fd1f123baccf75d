"""State directories that are read-only, full, or hold damaged records."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
import time

import platformdirs
import pytest
from support.flows import FLOWS
from support.waiting import async_until

from nbrunner import ExecutingRun, Runner, attach, attach_sweep, sweep
from nbrunner.errors import RunStartError, StateError
from nbrunner.history import History
from nbrunner.launch.run_processes import supervisor_of
from nbrunner.launch.warm.launcher import LAUNCHER
from nbrunner.record import registry, run_directory
from nbrunner.record.retention import DAY_SECONDS
from nbrunner.sweeps import store

pytestmark = [pytest.mark.once, pytest.mark.slow]


@pytest.fixture
def runner(write_flow):
    return Runner(write_flow("slowflow"), show_output=False, pylint=False)


def test_one_that_is_read_only_is_named_with_its_remedy(small_disk, runner, tmp_path, monkeypatch):
    runner.run(seconds=0)
    view = tmp_path / "same-disk"
    view.mkdir()
    subprocess.run(["mount", "--bind", str(small_disk), str(view)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(view)], check=True)
    monkeypatch.setenv("NBRUNNER_STATE_DIR", str(view))
    said = r"same-disk cannot be written; set \$NBRUNNER_STATE_DIR to a writable folder"
    for what in (
        lambda: runner.run(seconds=0),
        lambda: sweep(runner, {"seconds": [0]}),
        attach_sweep,
    ):
        with pytest.raises(StateError, match=said):
            what()
    subprocess.run(["umount", "-l", str(view)], check=True)
    monkeypatch.setenv("NBRUNNER_STATE_DIR", str(small_disk))
    assert runner.run(seconds=0).status == "successful"


def fill(small_disk):
    filler = small_disk / "filler"
    with open(filler, "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"x" * 4096)
    return filler


def before_the_start(monkeypatch, what):
    """Call a function with a run's directory right before its supervisor is started."""
    start = LAUNCHER.start_run

    async def start_run(directory, environment, flow_file):
        what(directory.path)
        return await start(directory, environment, flow_file)

    monkeypatch.setattr(LAUNCHER, "start_run", start_run)


def gated(write_flow, gate):
    """Return a Runner whose runs wait at a pipe before they have their id."""
    os.mkfifo(gate)
    wait = f"\nimport sys\nif 'run' in sys.argv:\n    open({str(gate)!r}).close()\n"
    head, tail = FLOWS["slowflow"].split("\nclass ", 1)
    flow = write_flow("slowflow.py", f"{head}{wait}\nclass {tail}")
    return Runner(flow, show_output=False, pylint=False)


@pytest.mark.parametrize("warm", ["0", "1"])
def test_one_that_is_full_as_a_run_starts_loses_neither_run_nor_handle(
    small_disk, write_flow, tmp_path, monkeypatch, warm
):
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    before_the_start(monkeypatch, lambda path: fill(small_disk))
    runner = gated(write_flow, tmp_path / "gate")

    async def main():
        running = await runner.starter.launch(ExecutingRun, "run", {"seconds": 0})
        await async_until(lambda: supervisor_of(running.directory), "the supervisor")
        (small_disk / "filler").unlink()
        with open(tmp_path / "gate", "w"):
            await runner.starter.wait_for_id(running)
        return await running

    running = asyncio.run(main())
    assert running.status == "successful"
    assert running.warm == (warm == "1"), running.cold_reason


@pytest.mark.parametrize("warm", ["0", "1"])
def test_how_a_run_was_started_need_not_be_known(runner, monkeypatch, warm):
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    before_the_start(monkeypatch, lambda path: unwritable(path, run_directory.START))
    running = runner.run(seconds=0)
    assert (running.status, running.warm, running.cold_reason) == ("successful", False, "")


@pytest.mark.parametrize("warm", ["0", "1"])
def test_a_run_whose_processes_cannot_be_written_down_is_ended(
    write_flow, tmp_path, monkeypatch, warm
):
    # A warm one may have its id before it ends; then it has failed, instead of not starting.
    runner = gated(write_flow, tmp_path / "gate")
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    before_the_start(monkeypatch, lambda path: unwritable(path, run_directory.SUPERVISOR))
    said = "SlowFlow could not be started: its processes cannot be recorded: IsADirectoryErr"
    with pytest.raises(RunStartError, match=said):
        runner.run(seconds=600)


def unwritable(path, name):
    """Put a folder in place of the file, as permissions do not stop root."""
    (path / f".{name}.reserved").unlink()
    (path / f".{name}.reserved").mkdir()


def test_a_full_one_is_named_and_a_sweep_goes_on_when_there_is_room(small_disk, runner):
    done = sweep(runner, {"seconds": [0]})
    filler = fill(small_disk)
    with pytest.raises(StateError, match=r"cannot record a sweep in .*No space left"):
        sweep(runner, {"seconds": [0]})
    with pytest.raises(RunStartError, match=r"No space left .*; its record would be in .*disk"):
        runner.run(seconds=0)
    assert attach_sweep(done.name).counts == {"successful": 1}
    filler.unlink()
    assert sweep(runner, {"seconds": [0]}).counts == {"successful": 1}


@pytest.fixture
def without_a_home(tmp_path, monkeypatch):
    """Make the usual state folder impossible; return the folder for temporary files."""
    (tmp_path / "home").touch()
    monkeypatch.setattr(platformdirs, "user_state_dir", lambda name: str(tmp_path / "home" / name))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.delenv("NBRUNNER_STATE_DIR")
    return temporary


def test_without_a_home_it_is_among_the_temporary_files(without_a_home):
    for _time in range(2):
        folder = registry.state_directory()
        assert folder == without_a_home / f"nbrunner-{os.getuid()}"
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("trap", ["link", "writable", "file", "of another user"])
def test_a_trap_among_the_temporary_files_is_refused(without_a_home, tmp_path, trap):
    name = without_a_home / f"nbrunner-{os.getuid()}"
    if trap == "link":
        (tmp_path / "victim").mkdir()
        name.symlink_to(tmp_path / "victim")
    elif trap == "file":
        name.touch(mode=0o600)
    else:
        name.mkdir(mode=0o700)
        if trap == "writable":
            name.chmod(0o770)
        elif os.getuid() == 0:
            os.chown(name, 12345, -1)
        else:
            pytest.skip("a folder of another user needs the right to make one")
    with pytest.raises(StateError, match=rf"{name} is not a folder that only this user can"):
        registry.state_directory()


def test_one_that_the_user_chose_may_be_a_link(tmp_path, monkeypatch):
    (tmp_path / "large-disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "large-disk")
    monkeypatch.setenv("NBRUNNER_STATE_DIR", str(tmp_path / "link"))
    assert registry.state_directory() == tmp_path / "link"


@pytest.mark.parametrize("warm", ["0", "1"])
def test_a_relative_one_is_the_same_wherever_a_run_starts(write_flow, tmp_path, monkeypatch, warm):
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    monkeypatch.setenv("NBRUNNER_STATE_DIR", f"kept-{warm}")
    (tmp_path / "elsewhere").mkdir()
    flow = write_flow("slowflow")
    with contextlib.chdir(tmp_path):
        running = Runner(flow, show_output=False, pylint=False, cwd="elsewhere").run(seconds=0)
    assert running.status == "successful"
    assert running.directory.path.parent == tmp_path / f"kept-{warm}" / "runs"
    with contextlib.chdir(tmp_path / "elsewhere"):
        assert attach(running.pathspec).status == "successful"


def test_a_relative_one_in_a_directory_that_is_gone(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    with contextlib.chdir(tmp_path):
        os.chdir("gone")
        (tmp_path / "gone").rmdir()
        monkeypatch.setenv("NBRUNNER_STATE_DIR", "never-asked-for")
        with pytest.raises(StateError, match=r"is gone: .*set \$NBRUNNER_STATE_DIR to an absolute"):
            registry.state_directory()


@pytest.mark.usefixtures("metadata_of_this_test")
@pytest.mark.parametrize("content", ["", '{"flow": ', "[]", "\0" * 400])
def test_damaged_records_hinder_nobody_else(runner, content):
    broken, whole = runner.run(seconds=0), runner.run(seconds=0)
    (broken.directory.path / run_directory.RECORD).write_text(content)
    handle = attach(broken.pathspec)
    assert (handle.status, handle.parameters) == ("successful", {})
    assert "Done!" in handle.stdout
    assert handle.run.successful
    page = History("SlowFlow").page(0)
    assert [each.pathspec for each in page.runs] == [whole.pathspec, broken.pathspec]
    assert attach(whole.pathspec).parameters == {"seconds": 0}


@pytest.mark.parametrize("content", ["", '{"flow": ', "[]"])
def test_a_damaged_sweep_is_named_and_its_runs_are_there(runner, content):
    done = sweep(runner, {"seconds": [0, 0]})
    (done._directory.path / "sweep.json").write_text(content)
    with pytest.raises(StateError, match=rf"the record of sweep {done.name} in .* is damaged"):
        attach_sweep(done.name)
    assert attach(done[1].pathspec).status == "successful"


def test_a_sweep_is_kept_as_long_as_any_of_its_runs(runner):
    old, empty = sweep(runner, {"seconds": [0]}), sweep(runner, {"seconds": [0]})
    before = time.time() - 31 * DAY_SECONDS
    for each in (old, empty):
        os.utime(each._directory.path, (before, before))
    empty[0].directory.delete()
    new = sweep(runner, {"seconds": [0]})
    names = {each.name for each in old._directory.path.parent.iterdir()}
    assert names == {old.name, new.name}
    assert store.find().name == new.name


@pytest.mark.parametrize(
    "file", ["my_sweep/sweep.json", "20250101-120000-123456-0123abcd/result.csv"]
)
def test_a_folder_among_the_sweeps_that_is_somebody_elses_stays(private_state, file):
    foreign = private_state / "sweeps" / file
    foreign.parent.mkdir(parents=True)
    foreign.write_text("{}")
    before = time.time() - 31 * DAY_SECONDS
    os.utime(foreign.parent, (before, before))
    left = private_state / "sweeps" / registry.new_name()
    left.mkdir()
    (left / "lock").touch()
    os.utime(left, (before, before))
    created = store.create(
        {"flow": "F", "file": "f.py", "parameters": [], "parallel": 1, "on_failure": "stop"}
    )
    assert foreign.exists()
    assert not left.exists(), "of a sweep of ours that was never written down"
    assert store.find().name == created.name
