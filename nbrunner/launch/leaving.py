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
import types
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
    """Drop what the script and the user's own modules hold: objects, then code, then modules.

    So what runs while an object is let go still finds all that it calls. The modules are
    those from the youngest back to the last that all forks share: to look at these would
    count references to them, and so copy three hundred pages.
    """
    own = itertools.takewhile(lambda name: name != last_shared, reversed(sys.modules))
    modules = [sys.modules[name] for name in own]
    spaces = [namespace] + [
        vars(module)
        for module in modules
        if is_users(getattr(module, "__file__", None) or "<none>")
    ]
    code = (types.FunctionType, type)
    for kept in ((*code, types.ModuleType), (types.ModuleType,), ()):
        for space in spaces:
            for name in [name for name in space if name != "__builtins__"]:
                if not isinstance(space[name], kept):
                    space[name] = None
    gc.collect()


def _write_what_is_buffered() -> None:
    """Write out the files that something else still holds.

    A daemon thread may be writing to one of them for ever: it is waited for as long as the
    interpreter would.
    """
    if threading.active_count() == 1:
        _flush_files()
        return
    flushing = threading.Thread(target=_flush_files, daemon=True)
    flushing.start()
    flushing.join(1)


def _flush_files() -> None:
    files = [each for each in gc.get_objects() if issubclass(type(each), _BUFFERED)]
    # Text goes to binary files, so these come last.
    for each in sorted(files, key=lambda each: not isinstance(each, io.TextIOWrapper)):
        with contextlib.suppress(Exception):  # nobody is left to be told
            each.flush()


_BUFFERED = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


def _flushed() -> bool:
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except (OSError, ValueError):
        return False
    return True
