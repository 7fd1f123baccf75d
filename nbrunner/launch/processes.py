"""Facts about processes: who is alive, who descends from whom.

A pid alone names nobody, as the kernel gives it out again. A process is identified by its
pid together with the moment it started. Linux is read from /proc; elsewhere ``ps`` tells.
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
from typing import Any

LINUX = sys.platform.startswith("linux")

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h

# Every process of a run inherits this variable, so it is found even if the supervisor,
# and with it the knowledge of who descends from whom, is gone.
MARKER = "NBRUNNER_RUN_DIRECTORY"


@dataclass(frozen=True)
class ProcessIdentity:
    """A process that existed once; its pid may belong to another one by now.

    Attributes
    ----------
    pid : int
    started : str
        When it started, as the system tells it; on Linux with the id of the boot.
    """

    pid: int
    started: str

    def alive(self) -> bool:
        """Tell whether this very process runs; a zombie does not."""
        return _started(self.pid) == self.started

    def send(self, signum: int) -> bool:
        """Send a signal to this very process; return False where it is gone, or not ours."""
        if not LINUX:
            return self.alive() and _kill(self.pid, signum)
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # Checked after the descriptor is held: now the pid cannot change hands.
            if not self.alive():
                return False
            signal.pidfd_send_signal(descriptor, signum)
        except (ProcessLookupError, PermissionError):  # a step may have used sudo
            return False
        finally:
            os.close(descriptor)
        return True

    def send_group(self, signum: int) -> bool:
        """Send a signal to the process group that this process leads."""
        if not self.alive():
            return False
        try:
            os.killpg(self.pid, signum)
        except ProcessLookupError:
            return False
        return True


def state_letter(process: ProcessIdentity) -> str | None:
    """Return the state of a living process as Linux names it (proc(5)), None if it has ended.

    ``"T"`` is a process that a signal has stopped.
    """
    fields = _stat_fields(process.pid)
    if fields is None or fields[0] in "ZX" or _started_by(fields) != process.started:
        return None
    return fields[0]


def waited_for_cpu_seconds(pid: int) -> float:
    """Return how long a process could have run but others had the CPU; 0 where nobody counts.

    Linux only: the second number of /proc/<pid>/schedstat.
    """
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):  # it is gone; a kernel without these statistics
        return 0.0


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of a living process, None where there is none."""
    started = _started(pid)
    return None if started is None else ProcessIdentity(pid, started)


def descendants(pid: int) -> list[ProcessIdentity]:
    """Return every living process below `pid`, children before grandchildren."""
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
    """Return every living process of the session that a process leads, or led.

    Linux only. The system gives a pid to nobody while a session goes by it; a process that
    has it all the same shows that the session is over, and another one begun.
    """
    return Look().session_of(leader)


class Look:
    """All processes at one moment, for who asks about several runs; read when first asked.

    Linux only; elsewhere it shows nobody.
    """

    @cached_property
    def _fields(self) -> dict[str, list[str]]:
        """Pid of every living process -> what /proc/<pid>/stat says behind its name."""
        names = os.listdir("/proc") if LINUX else []
        found = {name: _stat_fields(name) for name in names if name.isdigit()}
        return {name: fields for name, fields in found.items() if fields and fields[0] not in "ZX"}

    @cached_property
    def _environments(self) -> dict[str, list[str]]:
        """Value of `MARKER` -> pids of those that were started with it, but this process."""
        found: dict[str, list[str]] = {}
        wanted = f"{MARKER}=".encode()
        for name in self._fields:
            if int(name) == os.getpid():
                continue
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                for entry in file.read().split(b"\0"):
                    if entry.startswith(wanted):
                        found.setdefault(os.fsdecode(entry[len(wanted) :]), []).append(name)
        return found

    def session_of(self, leader: ProcessIdentity) -> list[ProcessIdentity]:
        """Return the processes of the session that a process leads, or led; see `session_of`."""
        if not LINUX or _is_before_restart(leader):
            return []
        of_pid = self._fields.get(str(leader.pid))
        if of_pid and _started_by(of_pid) != leader.started:
            return []
        pid = str(leader.pid)
        return self._identities(name for name, fields in self._fields.items() if fields[3] == pid)

    def marked(self, value: str) -> list[ProcessIdentity]:
        """Return the processes of ours that were started with `MARKER` set to a value."""
        return self._identities(self._environments.get(value, ()))

    def _identities(self, names: Iterable[str]) -> list[ProcessIdentity]:
        return [ProcessIdentity(int(name), _started_by(self._fields[name])) for name in names]


def _is_before_restart(process: ProcessIdentity) -> bool:
    """Tell whether the machine, or the container, was started after a process was."""
    first = _started(1)
    if first is None:
        return False
    (boot, began), (this_boot, first_began) = process.started.split("/"), first.split("/")
    return boot != this_boot or int(began) < int(first_began)


def adopt_orphans() -> None:
    """Make this process the parent of all descendants whose own parent ends.

    Linux only (PR_SET_CHILD_SUBREAPER, prctl(2)); elsewhere a child that forks twice
    escapes to process 1.
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


def moment_of_boot_clock() -> dict[str, Any]:
    """Return now by a clock that nobody sets, as a record notes it; empty where there is none.

    ``boot`` says which start of the machine it counts the ``boot_seconds`` from.
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
    except PermissionError:  # another user's, where /proc hides these (hidepid, proc(5))
        return None
    # The command's name stands in brackets and may itself hold blanks and brackets.
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
    """Return (pid, parent's pid) of every process."""
    if not LINUX:
        return _ps_parents()
    pairs = []
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _stat_fields(name)):
            pairs.append((int(name), int(fields[1])))
    return pairs


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
