"""The memory of a process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """The memory of a process.

    Attributes
    ----------
    private_bytes : int
        The unique set size: pages that no other process shares, freed when it ends.
    shared_bytes : int
        Pages that other processes share.
    """

    private_bytes: int
    shared_bytes: int


def memory(pid: int) -> Memory:
    """Return the memory of a living process (Linux: ``/proc/<pid>/smaps_rollup``).

    Raises
    ------
    FileNotFoundError, ProcessLookupError
        There is no such process, or it has just ended.
    """
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {name: int(size) for name, size, _unit in map(str.split, lines)}
    return Memory(
        private_bytes=1024 * (kilobytes["Private_Clean:"] + kilobytes["Private_Dirty:"]),
        shared_bytes=1024 * (kilobytes["Shared_Clean:"] + kilobytes["Shared_Dirty:"]),
    )
