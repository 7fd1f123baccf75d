"""Ends a fork of the warm interpreter as an ordinary interpreter ends.

The interpreter finalizes itself (``Py_FinalizeEx``, CPython's ``Python/pylifecycle.c``), in a
fork as in any process. This module only skips the rest of that, after threads have been joined
and exit functions have run, if that provably changes nothing.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import sys
import weakref
from types import TracebackType
from typing import Any

from nbrunner.launch.warm.finalizers import (
    hidden_finalizer,
    library_reason,
    object_reason,
    reason_to_finalize,
)

# Looked up once, before any fork, as each look-up creates an object.
_look_at_libraries = ctypes.pythonapi.dl_iterate_phdr
_write_c_streams = ctypes.pythonapi.fflush


class LastExitFunction:
    """Ends a fork at once if that has no visible effect; else the interpreter finalizes itself.

    It is registered with `atexit` before any other function, and so called last. Only the
    registry refers to it: after the exit functions have run or been cleared, it is deleted, and
    the objects shared by all forks are no longer hidden from the collector.

    Attributes
    ----------
    exit_code : int or None
        The exit code of the process; None while the script runs, and if the interpreter must
        finalize itself in any case.
    """

    def __init__(self) -> None:
        self.exit_code: int | None = None
        # A function that was registered earlier must be called after this one.
        self._may_end_at_once = not atexit._ncallbacks()
        self._libraries: frozenset[str] = frozenset()
        self._libraries_added = 0
        self._classes: set[type] = set()
        self._streams: tuple[object, ...] = ()
        self._visible: list[None] = []

    def note_needed(self) -> None:
        """Record, in the warm interpreter, the imports that every run needs.

        Their objects are hidden from the collector, which would write to, and so copy, every
        page shared with forks.
        """
        self._libraries = frozenset(_libraries())
        self._classes = _all_classes()
        _freeze()

    def note_preloaded(self) -> None:
        """Record the imports since then, and hide their objects too."""
        self._may_end_at_once &= (
            library_reason(self._new_libraries()) is None
            and object_reason(gc.get_objects()) is None
            and not any(map(hidden_finalizer, _all_classes() - self._classes))
        )
        self._classes.clear()
        self._libraries_added = _libraries_added()
        _freeze()

    def note_fork(self, *streams: object) -> None:
        """Record, in a fresh fork, the standard streams that were opened for it."""
        self._streams = streams
        self._visible = []

    def __call__(self) -> None:
        """End the process, or return."""
        if self.exit_code is None or not self._may_end_at_once:
            return
        objects = gc.get_objects()
        if not any(each is self._visible for each in objects):
            return  # the script has called `gc.freeze`, which has hidden its objects too
        libraries = []
        if _libraries_added() != self._libraries_added:
            libraries = self._new_libraries()
        if reason_to_finalize(objects, self._streams, libraries) is None:
            # This thread holds the GIL, so no other runs Python from here on.
            _write_c_streams(None)
            os._exit(self.exit_code)

    def __del__(self) -> None:
        gc.unfreeze()

    def _new_libraries(self) -> list[str]:
        return [file for file in _libraries() if file not in self._libraries]


def register_last() -> weakref.ref[LastExitFunction]:
    """Register and return the function that `atexit` calls last."""
    function = LastExitFunction()
    atexit.register(function)
    return weakref.ref(function)


def _freeze() -> None:
    gc.collect()
    gc.freeze()


def _all_classes() -> set[type]:
    found: set[type] = set()
    new = {object}
    while new:
        found |= new
        new = {each for cls in new for each in type.__subclasses__(cls)} - found
    return found


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


def _libraries_added() -> int:
    """Return how many shared libraries this process has loaded so far."""
    # A result other than 0 ends the iteration, and is returned by it.
    first = _Look(lambda info, _size, _data: int(info.contents.adds))
    return int(_look_at_libraries(first, None))


def _libraries() -> list[str]:
    """Return the files of the shared libraries that this process has loaded."""
    names: list[str] = []

    def look(info: Any, _size: int, _data: Any) -> int:
        names.append(os.fsdecode(info.contents.name or b""))
        return 0

    _look_at_libraries(_Look(look), None)
    return names


def forget_script() -> None:
    """Delete the names of ``__main__`` that the interpreter deletes after a script has returned."""
    namespace = vars(sys.modules["__main__"])
    for name in ("__file__", "__cached__"):
        namespace.pop(name, None)


class ShownWithoutOurs:
    """Replaces `sys.excepthook` once: shows the frames of the script, without nbrunner's."""

    def __init__(self, trace: TracebackType | None) -> None:
        self._trace = trace
        self._hook = sys.excepthook

    def __call__(self, kind: type[BaseException], error: BaseException, _trace: object) -> None:
        sys.excepthook = self._hook
        sys.last_traceback = self._trace
        try:
            self._hook(kind, error.with_traceback(self._trace), self._trace)
        finally:
            forget_script()
