"""Facts about processes if the system hides them, or was restarted."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from nbrunner.launch import processes
from nbrunner.launch.processes import descendants, identify, session_of

pytestmark = pytest.mark.skipif(not processes.LINUX, reason="/proc is read on Linux alone")

# Leads a session, starts a child that stays in it, and ends.
LEADER = """
import os, subprocess
os.setsid()
child = subprocess.Popen(["cat"])
print(os.getpid(), child.pid, flush=True)
os.waitid(os.P_PID, child.pid, os.WEXITED)
"""


@pytest.fixture
def leader():
    """Return the leader of a session that has one more process."""
    command = [sys.executable, "-c", LEADER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        pid, child = map(int, process.stdout.readline().split())
        yield identify(pid), identify(child)
        process.stdin.close()


def test_a_session_is_all_that_goes_by_its_leader(leader):
    first, child = leader
    assert set(session_of(first)) == {first, child}


def test_a_session_of_before_a_restart_is_nobodys(leader, monkeypatch):
    first, child = leader
    boot, _, ticks = first.started.partition("/")
    assert session_of(replace(first, started=f"another-boot/{ticks}")) == []
    # In a restarted container the boot id is the same, and pids begin again.
    anew = {1: f"{boot}/{int(ticks) + 1}"}
    started = processes._started
    monkeypatch.setattr(processes, "_started", lambda pid: anew.get(pid) or started(pid))
    assert session_of(first) == []
    monkeypatch.undo()
    assert child in session_of(first)


def test_what_the_system_hides_is_passed_over(leader, monkeypatch):
    first, child = leader

    def refuses(path, **options):
        if path == f"/proc/{child.pid}/stat":
            raise PermissionError(13, "Permission denied", path)
        return open(path, **options)

    # As with hidepid=1 (proc(5)), which would need a separate mount.
    monkeypatch.setattr(processes, "open", refuses, raising=False)
    assert identify(child.pid) is None
    assert first in descendants(os.getpid())
    assert session_of(first) == [first]


def test_without_proc_processes_are_told_by_ps(leader, monkeypatch):
    """The same processes; the start time distinguishes each from a later one with its pid."""
    first, child = leader
    monkeypatch.setattr(processes, "LINUX", False)
    told = identify(first.pid)
    assert told.alive()
    assert not replace(told, started="Mon Jan  1 00:00:00 2001").alive()
    assert [each.pid for each in descendants(first.pid)] == [child.pid]
    assert child.pid in {each.pid for each in descendants(os.getpid())}
    with subprocess.Popen(["true"], stdout=subprocess.DEVNULL) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert identify(ended.pid) is None, "a zombie runs no more"
