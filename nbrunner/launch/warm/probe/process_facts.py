"""What an import may change in its process so that a fork is not as a cold start is."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ProcessFacts:
    """A process at one moment.

    Attributes
    ----------
    cwd : str
    collecting : bool
        Whether the garbage collector is on.
    path : tuple of str
        ``sys.path``.
    environment : frozenset of str
        The names of its variables.
    streams : tuple of int
        The identities of ``sys.stdin``, ``stdout`` and ``stderr``.
    handlers : dict of int to object
        What is done on each signal.
    descriptors : Counter of str
        What its open descriptors are, as the kernel names them.
    threads : int
    libraries : frozenset of str
        The shared libraries that are mapped.
    """

    cwd: str
    collecting: bool
    path: tuple[str, ...]
    environment: frozenset[str]
    streams: tuple[int, ...]
    handlers: dict[int, Any]
    descriptors: Counter[str]
    threads: int
    libraries: frozenset[str]


def look() -> ProcessFacts:
    """Return the facts of this process."""
    return ProcessFacts(
        cwd=os.getcwd(),
        collecting=gc.isenabled(),
        path=tuple(sys.path),
        environment=frozenset(os.environ),
        streams=(id(sys.stdin), id(sys.stdout), id(sys.stderr)),
        handlers={int(each): signal.getsignal(each) for each in signal.valid_signals()},
        descriptors=Counter(_descriptors()),
        threads=len(os.listdir("/proc/self/task")),
        libraries=frozenset(_libraries()),
    )


def _descriptors() -> Iterator[str]:
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            yield os.readlink(f"/proc/self/fd/{name}")


def _libraries() -> Iterator[str]:
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            *_, path = line.rstrip("\n").split(" ", 5)
            if ".so" in path:
                yield path.strip()


def changes(before: ProcessFacts, after: ProcessFacts) -> Iterator[str]:
    """Yield what an import has changed that a fork does not take over as a cold start would."""
    if after.cwd != before.cwd:
        yield "changes the directory of the process"
    if after.collecting != before.collecting:
        yield "turns the garbage collector off"
    # A fork puts the flow's folder first; in a cold start it was there before the import.
    if after.path[: len(before.path)] != before.path:
        yield "changes sys.path other than at its end"
    if gone := before.environment - after.environment:
        yield f"unsets ${', $'.join(sorted(gone))}"
    if after.streams != before.streams:
        yield "replaces sys.stdin, sys.stdout or sys.stderr"
    if after.handlers != before.handlers:
        yield "changes what is done on a signal"
    if opened := after.descriptors - before.descriptors:
        yield f"keeps open: {', '.join(sorted(opened))}"
    new = after.libraries - before.libraries
    # OpenBLAS starts its threads anew in a fork (``pthread_atfork`` in its ``memory.c``).
    if after.threads > before.threads and not any("openblas" in each for each in new):
        yield "starts a thread"
