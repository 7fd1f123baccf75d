"""Ending a fork of the warm interpreter as an ordinary interpreter ends."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import io
import itertools
import os
import signal
import sys
import threading
from typing import Any, NoReturn

from nbrunner.userfiles import is_users

_loaded_before_fork = 0


def remember_libraries() -> None:
    """Note, in the interpreter that forks are made of, which libraries they start with."""
    global _loaded_before_fork
    _loaded_before_fork = _libraries_loaded()


class _LibraryInfo(ctypes.Structure):
    """``struct dl_phdr_info`` of link.h."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("headers", ctypes.c_void_p),
        ("header_count", ctypes.c_uint16),
        ("adds", ctypes.c_ulonglong),
        ("removals", ctypes.c_ulonglong),
    )


_Look = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(_LibraryInfo), ctypes.c_size_t, ctypes.c_void_p
)


def _libraries_loaded() -> int:
    """Return how many shared libraries this process has loaded so far."""
    # What is not 0 ends the iteration and is its result.
    first = _Look(lambda info, _size, _data: int(info.contents.adds))
    return int(ctypes.pythonapi.dl_iterate_phdr(first, None))


def leave(outcome: int, namespace: dict[str, Any], last_shared: str) -> NoReturn:
    """End in the order of ``Py_FinalizeEx`` (CPython's ``Python/pylifecycle.c``).

    Threads are waited for, exit functions run, the user's own objects and modules are let
    go. What is installed is not taken apart: that would copy, for nothing, every page that
    is shared with all other forks, and take longer (30 ms) than an empty step. Nor do the
    exit functions of C libraries run (4 ms) if the flow has brought none of its own.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    _let_go(namespace, last_shared)
    _write_what_is_buffered()
    if not _flushed() and outcome == 0:
        outcome = 120  # the interpreter's own code for this
    if outcome < 0:
        signal.signal(-outcome, signal.SIG_DFL)
        os.kill(os.getpid(), -outcome)
    # With the GIL in hand: a daemon thread must not run Python from here on.
    libc = ctypes.pythonapi
    if _libraries_loaded() != _loaded_before_fork:
        libc.exit(outcome)
    libc.fflush(None)
    os._exit(outcome)


def _let_go(namespace: dict[str, Any], last_shared: str) -> None:
    """Drop what the script and the user's own modules hold: open files are written then.

    From the youngest module back to those that all forks share: to look at these would
    count references to them, and so copy three hundred pages.
    """
    own = itertools.takewhile(lambda name: name != last_shared, reversed(sys.modules))
    for module in [sys.modules[name] for name in own]:
        if is_users(getattr(module, "__file__", None) or "<none>"):
            vars(module).clear()
    for name in [name for name in namespace if name != "__builtins__"]:
        namespace[name] = None
    gc.collect()


def _write_what_is_buffered() -> None:
    """Write out the files that something else still holds.

    Compressed and other files made of Python are closed, before those that they write to;
    but not under the hands of a daemon thread. One that writes to a file for ever is waited
    for as long as the interpreter would.
    """
    if threading.active_count() == 1:
        _flush_files(close=True)
        return
    flushing = threading.Thread(target=_flush_files, args=(False,), daemon=True)
    flushing.start()
    flushing.join(1)


def _flush_files(close: bool) -> None:
    of_python: list[Any] = []
    text: list[Any] = []
    binary: list[Any] = []
    for each in gc.get_objects():
        kind = type(each)
        if issubclass(kind, io.IOBase) and each not in (sys.stdin, sys.stdout, sys.stderr):
            if kind.__module__ != "_io":
                of_python.append(each)
            else:
                (text if kind is io.TextIOWrapper else binary).append(each)
    finish = [each.close for each in of_python] if close else []
    for write in (*finish, *(each.flush for each in (*text, *binary))):
        with contextlib.suppress(Exception):  # nobody is left to be told
            write()


def _flushed() -> bool:
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except (OSError, ValueError):
        return False
    return True
