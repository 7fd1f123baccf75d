"""Names that no run, flow or file can have are reported as not found, not as system errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nbrunner import BadValueError, FlowNotFoundError, Runner, RunNotFoundError, attach, describe
from nbrunner.history import History
from nbrunner.record import registry, run_directory
from nbrunner.sweeps import store

pytestmark = [pytest.mark.slow, pytest.mark.once]

COMMAND = Path(sys.executable).with_name("nbrunner")

NAMES = {
    "too long": "x" * 300,
    "too long in bytes": "é" * 200,
    "a long id": "SlowFlow/" + "1" * 5000,
    "a NUL": "a\0b",
    "half a surrogate pair": "\ud800",
    "no folder of ours": "..",
    "the folder itself": ".",
    "hidden": ".ended",
    "a path": "../runs",
    "an absolute path": "/etc/passwd",
    "slashes": "a/b/c/d",
    "a slash alone": "/",
    "no id": "SlowFlow/",
    "a tab": "a\tb",
    "a line end": "a\nb",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_attach(name):
    """B7: the error for any such name is that there is no such run."""
    registry.create().write(run_directory.EXIT, {})  # one without a name
    with pytest.raises(RunNotFoundError, match="no record of a run") as refused:
        attach(name)
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("name", [10**5000, b"SlowFlow/1", ["a"]], ids=["int", "bytes", "list"])
def test_attach_to_what_is_no_text(name):
    """B7: also if the value itself cannot be shown."""
    with pytest.raises(BadValueError, match="expected a pathspec"):
        attach(name)


@pytest.mark.parametrize("command", ["logs", "stop"])
@pytest.mark.parametrize("name", ["x" * 300, "../runs", "SlowFlow/" + "1" * 5000])
def test_the_command(command, name):
    """B7: one line in a terminal."""
    done = subprocess.run([COMMAND, command, name], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("nbrunner: no record of a run '")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("metadata_of_this_test")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_history_of_a_flow(name):
    """B7: a flow that cannot exist has no runs."""
    assert History(name).page().runs == []


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_sweep(name):
    """B7: there is no such sweep."""
    with pytest.raises(RunNotFoundError, match="no sweep"):
        store.find(name)


@pytest.mark.parametrize("name", ["x" * 300 + ".py", "a\0b.py", "\ud800.py", "/".join("x" * 3000)])
@pytest.mark.parametrize("use", [Runner, describe])
def test_a_flow_file(use, name):
    """B7: the same for the path of a flow."""
    with pytest.raises(FlowNotFoundError, match="no flow file at"):
        use(name)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "\ud800"])
def test_a_directory_to_run_in(write_flow, name):
    """B7: and for cwd."""
    with pytest.raises(FlowNotFoundError, match="cwd: no directory at"):
        Runner(write_flow("slowflow"), cwd=name)
