"""Fixtures for every test: its own state directory, flows to run, a check for leftovers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support.flows import FLOWS
from support.records import unsuccessful_runs
from support.s3 import s3_server  # noqa: F401 - a fixture

# A shell starts background jobs with SIGINT ignored, and the caller of pytest may do the same:
# many tests need it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Time for processes that are just ending, such as a warm interpreter that is still importing;
# shorter than the sleep of any process that a test could leave behind.
_ENDING_SECONDS = 20.0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, object]:
    """Show, below a failed test, the output of its unsuccessful runs."""
    report = yield
    state = getattr(item, "funcargs", {}).get("private_state")
    if report.when == "call" and report.failed and state is not None:
        for title, text in unsuccessful_runs(state):
            report.sections.append((title, text))
    return report


@pytest.fixture(autouse=True)
def private_state(tmp_path_factory, monkeypatch) -> Path:
    """Give each test its own records, Metaflow datastore and temporary files."""
    state = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("NBRUNNER_STATE_DIR", str(state))
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(state / "metaflow"))
    monkeypatch.setenv("METAFLOW_HOME", str(state / "metaflow-home"))
    for name in ("METAFLOW_USER", "SUDO_USER", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("USER", "tester")
    # The suite runs twice: with runs started cold, and warm.
    monkeypatch.setenv("NBRUNNER_WARM", os.environ.get("NBRUNNER_TEST_WARM", "0"))
    return state


@pytest.fixture
def metadata_of_this_test(private_state):
    """Point Metaflow's Client in this process to the runs of this test."""
    import metaflow

    before = metaflow.get_metadata()
    (private_state / "metaflow" / ".metaflow").mkdir(parents=True)
    metaflow.metadata(f"local@{private_state / 'metaflow'}")
    yield
    _, _, where = before.partition("@")
    if Path(where, ".metaflow").is_dir():
        metaflow.metadata(before)
    else:
        metaflow.default_metadata()


@pytest.fixture(autouse=True)
def nothing_left_behind(private_state) -> Iterator[None]:
    """Fail a test that leaves a process, thread, descriptor or signal handler behind."""
    from nbrunner.launch.child_processes import CHILDREN
    from nbrunner.launch.warm.launcher import LAUNCHER

    CHILDREN.reap()
    before = _inventory()
    yield
    LAUNCHER.close()
    _close_feed()
    processes = [each for each in _ours(private_state) if each.is_running()]
    _gone, alive = psutil.wait_procs(processes, timeout=_ENDING_SECONDS)
    CHILDREN.reap()
    for process in alive:  # so that the next test is not affected
        process.kill()
    assert not alive, f"processes left behind: {alive}"
    after = _settled(before)
    # At its first import, Metaflow's Client may open files that it keeps for the whole process.
    for what in ("threads", "SIGINT handler", "SIGTERM handler", "cwd"):
        assert after[what] == before[what], f"{what} changed by the test"
    assert after["descriptors"] <= before["descriptors"] + 2, "descriptors left open"


def _settled(before: dict[str, Any]) -> dict[str, Any]:
    """Return the current state, after threads that are ending have had time to end."""
    deadline = time.monotonic() + _ENDING_SECONDS
    while (now := _inventory())["threads"] != before["threads"] and time.monotonic() < deadline:
        time.sleep(0.01)
    return now


def _close_feed() -> None:
    """End the thread that feeds panels, which otherwise lives as long as the process."""
    module = sys.modules.get("nbrunner.jupyter.kernel.feed")
    while module and (feeds := [t for t in threading.enumerate() if t.name == "nbrunner-feed"]):
        module.FEED.close()
        for thread in feeds:
            thread.join()


def _inventory() -> dict[str, Any]:
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "SIGINT handler": signal.getsignal(signal.SIGINT),
        "SIGTERM handler": signal.getsignal(signal.SIGTERM),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "cwd": os.getcwd(),
    }


def _ours(state: Path) -> list[psutil.Process]:
    """Return every process that was started with this test's state directory."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            if process.environ().get("NBRUNNER_STATE_DIR") == str(state):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def write_flow(tmp_path) -> Callable[..., Path]:
    """Write a flow file, by its name in `support.flows` or with a given text."""

    def write(name: str, text: str | None = None) -> Path:
        file = tmp_path / (name if name.endswith(".py") else f"{name}.py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FLOWS[name] if text is None else text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def small_disk(tmp_path, monkeypatch) -> Iterator[Path]:
    """Put the state directory on a file system of 4 MB, which can be full or read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("a file system of its own needs the right to mount one")
    monkeypatch.setenv("NBRUNNER_STATE_DIR", str(folder))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
