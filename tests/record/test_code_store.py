"""The code of runs: stored once for each content, kept as long as a run needs it."""

from __future__ import annotations

import os
import stat
import time

import pytest
from support.flows import FLOWS

from nbrunner import Runner, attach
from nbrunner.record import code_store, registry, retention


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "code"


@pytest.mark.once
def test_one_content_is_stored_once_and_read_by_every_path(folder):
    noted = code_store.store(folder, {"/a.py": b"x = 1\n", "/b.py": b"x = 1\n", "/c.py": b"\xff"})
    assert len(list(folder.iterdir())) == 2
    assert code_store.read(folder, noted) == {
        "/a.py": "x = 1\n",
        "/b.py": "x = 1\n",
        "/c.py": "\ufffd",
    }
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.once
def test_a_damaged_or_deleted_content_is_left_out(folder):
    noted = code_store.store(folder, {"/a.py": b"a", "/b.py": b"b", "/c.py": b"c"})
    (folder / noted["/a.py"]).write_text("changed")
    (folder / noted["/b.py"]).unlink()
    assert code_store.read(folder, noted) == {"/c.py": "c"}


def aged(folder, seconds):
    then = time.time() - seconds
    for file in folder.iterdir():
        os.utime(file, (then, then))


@pytest.mark.once
def test_contents_expire_by_their_latest_use_unless_an_active_run_needs_them(folder):
    files = {"/used.py": b"1", "/ended.py": b"2", "/needed.py": b"3", "/old.py": b"4"}
    noted = code_store.store(folder, files)
    aged(folder, 100)
    (folder / ".0123abcd").write_text("its writer was killed")
    (folder / "notes.txt").write_text("not ours")
    aged(folder, 100)
    code_store.store(folder, {"/used.py": b"1"})
    code_store.touch(folder, {"/ended.py": noted["/ended.py"]})
    code_store.expire(folder, 50, {noted["/needed.py"]})
    kept = {noted[name] for name in ("/used.py", "/ended.py", "/needed.py")}
    assert {file.name for file in folder.iterdir()} == {*kept, "notes.txt"}


@pytest.mark.slow
def test_a_run_keeps_the_code_it_was_started_with(tmp_path, write_flow):
    text = "import helper\n" + FLOWS["slowflow"]
    flow = write_flow("slowflow.py", text)
    (tmp_path / "helper.py").write_text("FIRST = 1\n")
    first = Runner(flow, pylint=False, show_output=False).run(seconds=0)
    flow.write_text(f"# edited\n{text}")
    (tmp_path / "helper.py").unlink()
    (tmp_path / "helper.py").write_text("SECOND = 2\n")
    second = Runner(flow, pylint=False, show_output=False).run(seconds=0)
    helper = str(tmp_path / "helper.py")
    assert attach(first.pathspec).code == {str(flow): text, helper: "FIRST = 1\n"}
    assert second.code == {str(flow): f"# edited\n{text}", helper: "SECOND = 2\n"}


@pytest.mark.slow
def test_the_code_of_an_active_run_stays_however_old_it_is(write_flow):
    running = Runner(write_flow("slowflow"), pylint=False, show_output=False).run(seconds=0)
    contents = code_store.folder_beside(registry.runs_directory())
    aged(contents, 10_000)
    (running.directory.path / "exit.json").rename(running.directory.path / "kept")
    retention.expire(registry.runs_directory(), lambda _: True, max_age_seconds=1)
    assert running.code
    (running.directory.path / "kept").rename(running.directory.path / "exit.json")
    retention.expire(registry.runs_directory(), lambda _: False, max_age_seconds=1e6)
    assert running.code
    retention.expire(registry.runs_directory(), lambda _: False, max_age_seconds=1)
    assert list(contents.iterdir()) == []


@pytest.mark.slow
def test_a_run_whose_code_cannot_be_stored_runs_all_the_same(tmp_path, write_flow):
    (registry.state_directory() / "code").symlink_to(tmp_path)
    running = Runner(write_flow("slowflow"), pylint=False, show_output=False).run(seconds=0)
    assert (running.status, running.code) == ("successful", {})
