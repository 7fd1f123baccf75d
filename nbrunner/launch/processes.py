"""Identity, liveness and descendants of processes.

A pid does not identify a process, because the kernel reuses pids. A process is identified by its
pid and start time, read from /proc on Linux and from ``ps`` elsewhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from nbrunner.record.schema import BootMoment

LINUX = sys.platform.startswith("linux")

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_MAX_DIGITS = 20  # of a start in clock ticks since the boot, 64 bits

# Every process of a run inherits this variable, so it can be found after the supervisor, which
# knew the descendants, is gone.
MARKER = "NBRUNNER_RUN_DIRECTORY"


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, running or ended; its pid may have been reused.

    Attributes
    ----------
    pid : int
        Process id.
    started : str
        Start time in the system's format; on Linux with the boot id.
    """

    pid: int
    started: str

    def alive(self) -> bool:
        """Return whether this process is running; zombies are not."""
        return _started(self.pid) == self.started

    def send(self, signum: int) -> bool:
        """Send a signal to this process; return False if it has ended or is another user's."""
        if not LINUX:
            return self.alive() and _kill(self.pid, signum)
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # Checked after opening the descriptor, from when on the pid cannot be reused.
            if not self.alive():
                return False
            signal.pidfd_send_signal(descriptor, signum)
        except (ProcessLookupError, PermissionError):  # a step may have used sudo
            return False
        finally:
            os.close(descriptor)
        return True

    def send_group(self, signum: int) -> bool:
        """Send a signal to the process group led by this process; see `send`."""
        if not self.alive():
            return False
        try:
            os.killpg(self.pid, signum)
        except ProcessLookupError:
            return False
        return True


def state_letter(process: ProcessIdentity) -> str | None:
    """Return the state letter of a process (proc(5), Linux only); None if it has ended.

    ``"T"`` is a process stopped by a signal.
    """
    fields = _stat_fields(process.pid)
    if fields is None or fields[0] in "ZX" or _started_by(fields) != process.started:
        return None
    return fields[0]


def waited_for_cpu_seconds(pid: int) -> float:
    """Return the time that a process was runnable but waiting for a CPU; 0 if unknown.

    Linux only: the second number of /proc/<pid>/schedstat.
    """
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):  # it has ended, or the kernel has no such statistics
        return 0.0


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of a running process; None if there is none with this pid."""
    started = _started(pid)
    return None if started is None else ProcessIdentity(pid, started)


def descendants(pid: int) -> list[ProcessIdentity]:
    """Return all running descendants of ``pid``, children before grandchildren."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for parent in level for child in children.get(parent, [])]
        found += level
    return [identity for child in found if (identity := identify(child))]


def session_of(leader: ProcessIdentity) -> list[ProcessIdentity]:
    """Return all running processes of the session that a process leads or led.

    Linux only. The kernel does not reuse the pid while it is the id of a session: a new process
    with that pid means that the session has ended and another one begun.
    """
    return Look().session_of(leader)


class Look:
    """A snapshot of all processes for queries about several runs, taken on first use.

    Linux only; empty elsewhere.
    """

    @cached_property
    def _fields(self) -> dict[str, list[str]]:
        """Pid of every running process -> fields of /proc/<pid>/stat after the name."""
        names = os.listdir("/proc") if LINUX else []
        found = {name: _stat_fields(name) for name in names if name.isdigit()}
        return {name: fields for name, fields in found.items() if fields and fields[0] not in "ZX"}

    @cached_property
    def _environments(self) -> dict[str, list[str]]:
        """Folder that `MARKER` names -> pids of the processes started with it, except this process.

        The folder is resolved: two processes may reach the same one by different links.
        """
        found: dict[str, list[str]] = {}
        wanted = f"{MARKER}=".encode()
        for name in self._fields:
            if int(name) == os.getpid():
                continue
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                for entry in file.read().split(b"\0"):
                    if entry.startswith(wanted):
                        folder = os.path.realpath(os.fsdecode(entry[len(wanted) :]))
                        found.setdefault(folder, []).append(name)
        return found

    def session_of(self, leader: ProcessIdentity) -> list[ProcessIdentity]:
        """Return the processes of the session that a process leads or led; see `session_of`."""
        if not LINUX or _is_before_restart(leader):
            return []
        of_pid = self._fields.get(str(leader.pid))
        if of_pid and _started_by(of_pid) != leader.started:
            return []
        pid = str(leader.pid)
        return self._identities(name for name, fields in self._fields.items() if fields[3] == pid)

    def marked(self, folder: Path) -> list[ProcessIdentity]:
        """Return this user's processes that were started with `MARKER` set to a folder."""
        return self._identities(self._environments.get(os.path.realpath(folder), ()))

    @cached_property
    def _outputs(self) -> dict[str, list[str]]:
        """File -> pids of the processes whose stdout or stderr it is, but this process."""
        found: dict[str, list[str]] = {}
        for name in self._fields:
            for descriptor in (1, 2):
                with contextlib.suppress(OSError):  # it has ended, or is another user's
                    file = os.readlink(f"/proc/{name}/fd/{descriptor}")
                    found.setdefault(file.removesuffix(" (deleted)"), []).append(name)
        found.pop(os.devnull, None)
        return found

    def printing_into(self, files: Iterable[Path]) -> list[ProcessIdentity]:
        """Return the processes whose stdout or stderr is one of these files."""
        real = map(os.path.realpath, files)
        return self._identities({name for file in real for name in self._outputs.get(file, ())})

    def in_session_with(self, process: ProcessIdentity) -> list[ProcessIdentity]:
        """Return the processes of another process's session, unless it is our own session.

        Its leader may have ended: a session keeps its number.
        """
        session = self._fields.get(str(process.pid), ["", "", "", ""])[3]
        if not session or session == str(os.getsid(0)):
            return []
        return self._identities(n for n, fields in self._fields.items() if fields[3] == session)

    def leader_of(self, process: ProcessIdentity) -> ProcessIdentity | None:
        """Return the leader of a process's session; None if one of them has ended."""
        fields = self._fields.get(str(process.pid))
        if fields is None or fields[3] not in self._fields:
            return None
        return next(iter(self._identities([fields[3]])))

    def _identities(self, names: Iterable[str]) -> list[ProcessIdentity]:
        return [ProcessIdentity(int(name), _started_by(self._fields[name])) for name in names]


def _is_before_restart(process: ProcessIdentity) -> bool:
    """Return whether the machine or container was restarted after a process had started."""
    first = _started(1)
    if first is None:
        return False
    this_boot, _, first_began = first.partition("/")
    boot, _, began = process.started.partition("/")
    if boot != this_boot or not (began.isdecimal() and len(began) <= _MAX_DIGITS):
        return True  # also what a damaged record holds: no process has ever started then
    return int(began) < int(first_began)


def adopt_orphans() -> None:
    """Make this process the parent of all orphaned descendants.

    Linux only (PR_SET_CHILD_SUBREAPER, prctl(2)); elsewhere a child that forks twice becomes a
    child of process 1.
    """
    if LINUX:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def _kill(pid: int, signum: int) -> bool:
    try:
        os.kill(pid, signum)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def moment_of_boot_clock() -> BootMoment:
    """Return the current time of the boot clock, for records; empty if there is none.

    ``boot`` identifies the boot from which ``boot_seconds`` are counted. Setting the time of day
    does not affect this clock.
    """
    if not LINUX:
        return {}
    return {"boot": _boot_id(), "boot_seconds": time.clock_gettime(time.CLOCK_BOOTTIME)}


@cache
def _boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def _stat_fields(pid: int | str) -> list[str] | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:  # another user's process, hidden by /proc (hidepid, proc(5))
        return None
    # The name is in parentheses and may contain spaces and parentheses.
    return text[text.rindex(")") + 2 :].split()


def _started(pid: int) -> str | None:
    if not LINUX:
        return _ps_started(pid)
    fields = _stat_fields(pid)
    if fields is None or fields[0] in "ZX":
        return None
    return _started_by(fields)


def _started_by(fields: list[str]) -> str:
    return f"{_boot_id()}/{fields[19]}"


def _parents() -> list[tuple[int, int]]:
    """Return (pid, parent pid) of every process."""
    if not LINUX:
        return _ps_parents()
    return [
        (int(name), int(fields[1]))
        for name in os.listdir("/proc")
        if name.isdigit() and (fields := _stat_fields(name))
    ]


# macOS has no /proc. By hand: the supervisor has the standard library alone, so no psutil.
def _ps_started(pid: int) -> str | None:
    answer = _ps("-o", "stat=,lstart=", "-p", str(pid)).split(None, 1)
    if len(answer) < 2 or answer[0].startswith("Z"):
        return None
    return answer[1].strip()


def _ps_parents() -> list[tuple[int, int]]:
    pairs = []
    for line in _ps("-A", "-o", "pid=,ppid=").splitlines():
        with contextlib.suppress(ValueError):
            pid, parent = line.split()
            pairs.append((int(pid), int(parent)))
    return pairs


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout
