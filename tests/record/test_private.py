"""The state directory is private: its folders, its files, and whatever existed before."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from nbrunner import Runner, describe, sweep
from nbrunner.doctor import examine
from nbrunner.errors import StateError
from nbrunner.flow.source import write_flow_file
from nbrunner.launch.warm.launcher import ZYGOTE_LOG
from nbrunner.record import private, registry, run_directory
from nbrunner.sweeps import store

pytestmark = [pytest.mark.once, pytest.mark.slow]

needs_root = pytest.mark.skipif(
    os.getuid() != 0, reason="a file of another user needs the right to make one"
)
SWEEP = {"flow": "F", "file": "f.py", "parameters": [], "parallel": 1, "on_failure": "stop"}


def modes(folder: Path) -> dict[str, str]:
    """Return the files below a folder that are not 0600, and the folders that are not 0700."""
    found = {}
    for path in folder.rglob("*"):
        facts = path.lstat()
        wanted = 0o700 if stat.S_ISDIR(facts.st_mode) else 0o600
        if stat.S_IMODE(facts.st_mode) != wanted:
            found[str(path.relative_to(folder))] = oct(facts.st_mode)
    return found


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o722])
def test_a_state_directory_that_others_can_write_is_refused(
    write_flow, private_state, tmp_path, mode
):
    """B3: nothing is read from it or written to it; the message names the fix."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (private_state / ZYGOTE_LOG).symlink_to(victim)
    flow = write_flow("slowflow")
    private_state.chmod(mode)
    for use in (
        lambda: Runner(flow, show_output=False).run(seconds=0),
        lambda: describe(flow),
        lambda: write_flow_file("F", "x = 1"),
        registry.listing,
        store.find,
    ):
        with pytest.raises(StateError) as refused:
            use()
        message = str(refused.value)
        assert f"{private_state} is not a folder that only this user can write" in message
        assert f"mode {mode:04o}" in message
        ours = mode != 0o1777  # a folder of temporary files belongs to other users too
        assert (f"chmod -R go-w {private_state}" in message) == ours
        assert ("to a folder of its own" in message) == (not ours)
        assert "$NBRUNNER_STATE_DIR" in message
    assert victim.read_text() == "precious"
    assert [each.name for each in private_state.iterdir()] == [ZYGOTE_LOG]
    private_state.chmod(0o700)
    assert Runner(flow, show_output=False, pylint=False).run(seconds=0).status == "successful"


@pytest.mark.parametrize("name", ["runs", "sweeps", "flows", "descriptions"])
@pytest.mark.parametrize("trap", ["writable", "link", "file", "of another user"])
def test_each_folder_in_it_is_looked_at(write_flow, private_state, tmp_path, name, trap):
    """B3: owner, mode and links of every folder in the state directory are checked."""
    folder = private_state / name
    if trap == "link":
        (tmp_path / "theirs").mkdir()
        folder.symlink_to(tmp_path / "theirs")
    elif trap == "file":
        folder.touch()
    else:
        folder.mkdir()
        if trap == "writable":
            folder.chmod(0o770)
        elif os.getuid() == 0:
            os.chown(folder, 12345, -1)
        else:
            pytest.skip("a folder of another user needs the right to make one")
    use = {
        "runs": registry.create,
        "sweeps": lambda: store.create(SWEEP),
        "flows": lambda: write_flow_file("F", "x = 1"),
        "descriptions": lambda: describe(write_flow("slowflow")),
    }[name]
    with pytest.raises(StateError, match=f"{folder} is not a folder that only this user can wri"):
        use()
    assert not any(tmp_path.glob("theirs/*"))


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o277])
@pytest.mark.parametrize("warm", ["0", "1"])
def test_all_that_is_written_is_for_this_user_alone(
    write_flow, private_state, monkeypatch, umask, warm
):
    """B3: files 0600 and folders 0700 whatever the umask, also those that Metaflow writes."""
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(private_state.parent / "store"))
    flow = write_flow("slowflow")
    before = os.umask(umask)
    try:
        runner = Runner(flow, show_output=False, pylint=False)
        assert runner.run(seconds=0).status == "successful"
        running = asyncio.run(runner.async_run(seconds=600))
        running.stop()
        done = sweep(runner, {"seconds": [0]})
        assert done.counts == {"successful": 1}
        done.stop()
        write_flow_file("F", "x = 1")
    finally:
        os.umask(before)
    assert modes(private_state) == {}


def test_files_of_an_older_version_are_repaired_as_they_are_read(write_flow, private_state):
    """B3: files with other modes become private when they are read."""
    running = Runner(write_flow("slowflow"), show_output=False, pylint=False).run(seconds=0)
    for file in running.directory.path.glob("*.json"):
        file.chmod(0o644)
        assert running.directory.read(file.name) is not None
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("trap", ["link", "hard link", "named pipe", "folder"])
@pytest.mark.parametrize("warm", ["1"])
def test_a_trap_in_place_of_the_log_costs_the_warm_start_alone(
    write_flow, private_state, tmp_path, monkeypatch, trap, warm
):
    """B3: the target is unchanged, and the reason of the cold start names the file."""
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    victim, log = tmp_path / "victim", private_state / ZYGOTE_LOG
    victim.write_bytes(b"precious" * 200_000)
    if trap == "link":
        log.symlink_to(victim)
    elif trap == "hard link":
        os.link(victim, log)
    elif trap == "named pipe":
        os.mkfifo(log)
    else:
        log.mkdir()
    running = Runner(write_flow("slowflow"), show_output=False, pylint=False).run(seconds=0)
    assert (running.status, running.warm) == ("successful", False)
    assert str(log) in running.cold_reason
    assert victim.read_bytes() == b"precious" * 200_000


@pytest.mark.parametrize("name", ["lock", "stop"])
def test_a_link_in_a_sweep_is_not_followed(private_state, tmp_path, name):
    """B3: opening a lock or creating a marker must not change another file."""
    made = store.create(SWEEP)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (private_state / "sweeps" / made.name / name).symlink_to(victim)
    with pytest.raises((StateError, OSError), match=f"{name}.*is a link|is a link.*{name}"):
        if name == "lock":
            with made.driving():
                pass
        else:
            made.ask_to_stop()
    assert victim.read_text() == "precious"


@needs_root
@pytest.mark.parametrize("what", ["the folder", "the file", "a module beside it"])
def test_a_flow_file_of_another_user_is_never_run(private_state, what):
    """B3: nor is one that could import another user's file next to it."""
    file = write_flow_file("F", "x = 1")
    theirs = {"the folder": file.parent, "the file": file}.get(what, file.with_name("metaflow.py"))
    theirs.touch()
    os.chown(theirs, 12345, -1)
    with pytest.raises(StateError, match=r"belongs to another user \(uid 12345\); to fix it: mv"):
        write_flow_file("F", "x = 1")


def test_a_generated_flow_file_that_was_changed_is_written_anew():
    """B3: the content is compared, as a file of the same name may have been changed."""
    file = write_flow_file("F", "x = 1")
    file.write_text("x = 2")
    assert write_flow_file("F", "x = 1").read_text() == "x = 1"


@needs_root
def test_a_description_of_another_user_is_not_used(write_flow, private_state):
    """B3: the owner of each file is checked, not only that of its folder."""
    flow = write_flow("slowflow")
    known = describe(flow)
    (file,) = private_state.glob("descriptions/*.json")
    file.write_text(file.read_text().replace("SlowFlow", "TheirFlow"))
    assert describe(flow).name == "TheirFlow"
    os.chown(file, 12345, -1)
    assert describe(flow) == known
    assert file.stat().st_uid == os.getuid()


@needs_root
def test_a_record_file_of_another_user_counts_as_damaged(private_state):
    """B3: the file is named."""
    directory = registry.create()
    directory.write(run_directory.EXIT, {"returncode": 0, "ended": 1, "error": None, "stop": None})
    os.chown(directory.path / run_directory.EXIT, 12345, -1)
    assert directory.read(run_directory.EXIT) is None
    assert "exit.json: belongs to another user (uid 12345)" in directory.damage()


def test_nothing_is_truncated_before_it_is_known_whose_it_is(tmp_path):
    """B3: the owner is checked before a file is truncated."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.link(victim, tmp_path / "name")
    with pytest.raises(private.NotPrivateError, match="hard links"):
        private.open_file(tmp_path / "name", os.O_WRONLY | os.O_TRUNC)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("below", ["", "runs"])
@pytest.mark.parametrize("trap", ["file", "dangling link"])
def test_nobody_is_told_to_move_what_stands_at_a_chosen_place(tmp_path, monkeypatch, trap, below):
    """With NBRUNNER_STATE_DIR=/etc/passwd the advice was `mv /etc/passwd /etc/passwd.old`."""
    chosen = tmp_path / "chosen"
    place = chosen / below if below else chosen
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(tmp_path / "gone") if trap == "dangling link" else place.touch()
    monkeypatch.setenv("NBRUNNER_STATE_DIR", str(chosen))
    with pytest.raises(StateError, match=f"{place} is not a folder") as refused:
        registry.runs_directory()
    message = str(refused.value)
    assert "mv " not in message
    assert "rm " not in message
    assert "set $NBRUNNER_STATE_DIR to another folder, or unset it for /" in message


def test_what_stands_at_the_usual_place_may_be_moved(tmp_path, monkeypatch):
    import platformdirs

    usual = tmp_path / "usual"
    usual.mkdir()
    (usual / "runs").touch()
    monkeypatch.setattr(platformdirs, "user_state_dir", lambda name: str(usual))
    monkeypatch.delenv("NBRUNNER_STATE_DIR")
    with pytest.raises(StateError, match=f"mv {usual}/runs {usual}/runs.old"):
        registry.runs_directory()


def test_the_usual_place_open_to_others_is_not_left_for_another(tmp_path, monkeypatch):
    """B3: its records would seem to be lost."""
    import platformdirs

    usual = tmp_path / "usual"
    usual.mkdir()
    usual.chmod(0o777)
    monkeypatch.setattr(platformdirs, "user_state_dir", lambda name: str(usual))
    monkeypatch.delenv("NBRUNNER_STATE_DIR")
    with pytest.raises(StateError, match=f"{usual} is not a folder that only this user"):
        registry.state_directory()


PLACES = {
    "temporary files": lambda path: path.chmod(0o1777),
    "a home": lambda path: os.environ.update(HOME=str(path)),
    "above a home": lambda path: os.environ.update(HOME=str(path / "me")),
    "a project": lambda path: (path / "train.py").touch(),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_folder_that_others_use_is_not_to_be_changed(private_state, monkeypatch, place):
    """B3: it is refused as a state directory; the advice is a folder in it, not chmod."""
    monkeypatch.setenv("HOME", os.environ.get("HOME", "/"))  # put back at the end
    private_state.chmod(0o777)
    PLACES[place](private_state)
    before = sorted(private_state.iterdir())
    with pytest.raises(StateError) as refused:
        registry.runs_directory()
    message = str(refused.value)
    assert "chmod" not in message
    assert message.endswith(
        f"set $NBRUNNER_STATE_DIR to a folder of its own, such as {private_state / 'nbrunner'}"
    )
    found = next(each for each in examine() if each.name == "state directory")
    assert "to a folder of its own" in found.what
    assert "chmod" not in str(found)
    assert sorted(private_state.iterdir()) == before
    monkeypatch.setenv("NBRUNNER_STATE_DIR", str(private_state / "nbrunner"))
    assert registry.runs_directory() == private_state / "nbrunner" / "runs"
