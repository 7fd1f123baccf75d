"""The state of a process that an import may change, so that forks differ from cold starts."""

from __future__ import annotations

import builtins
import contextlib
import gc
import locale
import os
import signal
import socket
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class ProcessFacts:
    """The state of a process at one moment.

    Attributes
    ----------
    cwd : str
        Its current directory.
    collecting : bool
        Whether the garbage collector is on.
    path : tuple of str
        ``sys.path``.
    environment : frozenset of str
        The names of its variables.
    streams : tuple of int
        The ids of ``sys.stdin``, ``stdout`` and ``stderr``.
    handlers : dict of int to object
        Signal number -> handler.
    descriptors : Counter of str
        The targets of its open descriptors, as named by the kernel.
    threads : int
        The number of its threads, without those of an allocator.
    cpus : int
        The number of CPUs it may use.
    libraries : frozenset of str
        The mapped shared libraries.
    settings : dict of str to object
        Name for messages -> value of a setting of the whole process.
    """

    cwd: str
    collecting: bool
    path: tuple[str, ...]
    environment: frozenset[str]
    streams: tuple[int, ...]
    handlers: dict[int, object]
    descriptors: Counter[str]
    threads: int
    cpus: int
    libraries: frozenset[str]
    settings: dict[str, object]


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
        cpus=len(os.sched_getaffinity(0)),
        threads=sum(1 for name in _threads() if name not in _OF_ALLOCATOR),
        libraries=frozenset(_libraries()),
        settings=_settings(),
    )


def _settings() -> dict[str, object]:
    """Return the settings of the process that an import may change; see `ProcessFacts`."""
    # Imported here: logging registers an exit function, and nbrunner's must be the first.
    import logging

    root = logging.getLogger()
    return {
        "the root logger": (root.level, list(root.handlers), root.manager.disable),
        "sys.excepthook": (sys.excepthook, sys.unraisablehook, threading.excepthook),
        "the recursion limit": sys.getrecursionlimit(),
        "the switch interval": sys.getswitchinterval(),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the default socket timeout": socket.getdefaulttimeout(),
        "the collector's thresholds": gc.get_threshold(),
        "warnings.showwarning": warnings.showwarning,
        "names of builtins": {name: id(value) for name, value in vars(builtins).items()},
        "sys.settrace": sys.gettrace(),
        "the umask": _mask(),
    }


def _mask() -> str:
    """Return the umask; ``os.umask`` would have to set it."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        return next((line for line in status if line.startswith("Umask")), "")


# jemalloc ends its background thread in a fork (``background_thread_postfork_child`` in its
# ``background_thread.c``), and then returns memory without it.
_OF_ALLOCATOR = frozenset({"jemalloc_bg_thd"})


def _threads() -> Iterator[str]:
    """Yield the kernel's names of the threads of this process."""
    for number in os.listdir("/proc/self/task"):
        with (
            contextlib.suppress(FileNotFoundError, ProcessLookupError),  # it has just ended
            open(f"/proc/self/task/{number}/comm", encoding="utf-8", errors="replace") as file,
        ):
            yield file.read().strip()


def _descriptors() -> Iterator[str]:
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the descriptor of the listing itself
            yield os.readlink(f"/proc/self/fd/{name}")


def _libraries() -> Iterator[str]:
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            *_, path = line.rstrip("\n").split(" ", 5)
            if ".so" in path:
                yield path.strip()


def changes(before: ProcessFacts, after: ProcessFacts) -> Iterator[str]:
    """Yield the changes by an import that a fork would not have as a cold start would."""
    if after.cwd != before.cwd:
        yield "changes the current directory"
    if after.collecting != before.collecting:
        yield "turns the garbage collector off"
    # A fork inserts the flow's folder first; in a cold start it is there before the import.
    if after.path[: len(before.path)] != before.path:
        yield "changes sys.path other than at its end"
    if gone := before.environment - after.environment:
        yield f"unsets ${', $'.join(sorted(gone))}"
    if after.streams != before.streams:
        yield "replaces sys.stdin, sys.stdout or sys.stderr"
    if after.handlers != before.handlers:
        yield "changes a signal handler"
    if opened := after.descriptors - before.descriptors:
        yield f"keeps open: {', '.join(sorted(opened))}"
    for name, value in after.settings.items():
        if value != before.settings[name]:
            yield f"changes {name}"
    # Each OpenBLAS has a thread for every CPU but one, and restarts them in a fork
    # (``pthread_atfork`` in its ``memory.c``).
    new = [each for each in after.libraries - before.libraries if "openblas" in each]
    if after.threads - before.threads > len(new) * (after.cpus - 1):
        yield "starts a thread"
