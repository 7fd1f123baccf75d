"""CPU time of all processes that a measurement starts, by a control group."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def _usage_v1(group: Path) -> float:
    return int((group / "cpuacct.usage").read_text()) / 1e9


def _usage_v2(group: Path) -> float:
    lines = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(lines["usage_usec"]) / 1e6


@contextlib.contextmanager
def cpu_seconds() -> Iterator[Callable[[], float] | None]:
    """Count the CPU time of this process and its descendants; None if that is not allowed."""
    for parent, usage in ((_ROOT / "cpuacct", _usage_v1), (_ROOT, _usage_v2)):
        group = parent / f"nbrunner-bench-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            usage(group)
            (group / "cgroup.procs").write_text(str(os.getpid()))
        except OSError:
            group.rmdir()
            continue
        try:
            yield lambda usage=usage, group=group: usage(group)
        finally:
            (parent / "cgroup.procs").write_text(str(os.getpid()))
            with contextlib.suppress(OSError):  # a process of the measurement is still ending
                group.rmdir()
        return
    yield None
