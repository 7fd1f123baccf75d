"""Decides whether finalizing the interpreter of a fork would have a visible effect.

Finalizing a fork copies nearly every page that it shares with others, and takes several times
as long as an empty step. It may be skipped only if it would change nothing outside the process.
All objects made since the fork are therefore checked. Each must have a type that is known to hold
only memory, or a state in which its finalizer does nothing. Anything unknown is a reason to
finalize.
"""

from __future__ import annotations

import ctypes
import gc
import io
import sys
import threading
import types
import warnings
import weakref
from collections.abc import Callable, Collection, Iterable
from typing import Any

from nbrunner.launch import metaflow_seam
from nbrunner.launch.warm import arrow

# Modules whose C types release memory, locks or descriptors when they are deallocated, and
# have no other effect. Types with a finalizer (they have `__del__`) are not covered by this.
_MEMORY_ONLY = frozenset(
    (
        *("_abc", "_ast", "_bz2", "_collections", "_contextvars", "_csv", "_datetime"),
        *("_decimal", "_functools", "_hashlib", "_io", "_json", "_lzma", "_md5", "_operator"),
        *("_pickle", "_queue", "_random", "_sha1", "_sha2", "_sha256", "_sha3", "_sha512"),
        *("_sre", "_ssl", "_struct", "_thread", "_typing", "_zoneinfo", "array", "ast"),
        *("builtins", "collections", "contextvars", "datetime", "decimal", "functools"),
        *("itertools", "mmap", "numpy", "operator", "os", "pickle", "posix", "pwd", "pyexpat"),
        *("re", "select", "signal", "sys", "time", "types", "typing", "unicodedata", "zlib"),
        "zoneinfo",
    )
)
# Packages with such types only: they compute. Buffers of C streams are flushed in any case.
# (Deleting a numpy.nditer whose operands are not written back would warn.)
_COMPUTING = ("numpy", "pandas", "psutil", "scikit_learn", "scipy", "sklearn")
_OF_COMPUTING = (
    *(f"{package}." for package in _COMPUTING),
    *("_cython_", "_cyutility", "pybind11_builtins", "uarray"),
)
_OF_C = (
    *("libc.", "libm.", "libdl.", "librt.", "libpthread."),
    *("libgcc_s.", "libstdc++.", "libgomp.", "libgfortran", "libquadmath"),
)
# Modules whose objects may be invisible to the collector.
_HIDDEN_EFFECTS = frozenset(
    ("_dbm", "_gdbm", "_interpreters", "_xxsubinterpreters", "_tkinter", "ossaudiodev")
)

# Callbacks by which the standard library clears its own tables.
_QUIET_CALLBACKS = frozenset(
    (
        ("weakref", "WeakKeyDictionary.__init__.<locals>.remove"),
        ("weakref", "WeakValueDictionary.__init__.<locals>.remove"),
        ("_weakrefset", "WeakSet.__init__.<locals>._remove"),
        ("logging", "_removeHandlerRef"),
    )
)

_HAVE_GC = 1 << 14  # Py_TPFLAGS_HAVE_GC


def _deallocator(cls: type) -> int | None:
    """Return the address in ``tp_dealloc``, the fifth word after the object header."""
    offset = object.__basicsize__ + 4 * ctypes.sizeof(ctypes.c_void_p)
    return ctypes.c_void_p.from_address(id(cls) + offset).value


class _Plain:
    """Has the deallocator of all classes that are defined in Python."""


_OF_PYTHON = _deallocator(_Plain)
_mro: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__


def reason_to_finalize(
    objects: Collection[object], own: Collection[object], libraries: Iterable[str]
) -> str | None:
    """Return why the interpreter must be finalized; None if that would have no visible effect.

    Parameters
    ----------
    objects : collection
        All objects made since the fork that the collector tracks.
    own : collection
        The standard streams that were opened for the fork.
    libraries : iterable of str
        Shared libraries loaded since the fork.
    """
    return (
        _interpreter_reason()
        or _stream_reason(own)
        or _thread_reason()
        or library_reason(libraries)
        or arrow.arrow_reason()
        or object_reason(objects, own)
    )


def library_reason(libraries: Iterable[str]) -> str | None:
    """Return a message about a shared library that may need finalization, or None."""
    unknown = sorted(file for file in libraries if not _known_library(file))
    return f"{unknown[0]} is loaded" if unknown else None


def _interpreter_reason() -> str | None:
    if gc.callbacks or gc.garbage or gc.get_debug():
        return "the garbage collector has callbacks or debug flags, or has found garbage"
    if not _resource_warnings_ignored():
        return "ResourceWarning is shown"
    hidden = _HIDDEN_EFFECTS & sys.modules.keys()
    return f"{min(hidden)} is imported" if hidden else None


def _resource_warnings_ignored() -> bool:
    for action, message, category, module, line in warnings.filters:
        if issubclass(ResourceWarning, category):
            if action != "ignore":
                return False
            if message is None and module is None and line == 0:
                return True
    return False


def _stream_reason(own: Collection[Any]) -> str | None:
    """Return a message about a standard stream that may have to be flushed or closed, or None."""
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name, None)
        if not any(stream is each for each in own):
            return f"sys.{name} was replaced"
        try:
            if not (stream.closed or stream.write_through):
                return f"sys.{name} is buffered"
        except ValueError:
            return f"sys.{name} was detached"
    return None


def _thread_reason() -> str | None:
    """Return a message if a thread other than this one may run Python, or None."""
    packaging = [each for each in threading.enumerate() if _packages_code(each)]
    known = {threading.get_ident(), *(each.ident for each in packaging)}
    unknown = sys._current_frames().keys() - known
    return "a thread is running" if unknown else None


def _packages_code(thread: threading.Thread) -> bool:
    """Return whether this is the thread in which metaflow packages code, which works in memory.

    It often outlives a short run. The objects it uses for uploads are checked like all others.
    """
    target = getattr(getattr(thread, "_target", None), "__func__", None)
    return type(thread) is threading.Thread and (
        getattr(target, "__module__", None) == metaflow_seam.PACKAGING
    )


def _known_library(file: str) -> bool:
    *folders, name = file.split("/")
    for installed in ("site-packages", "dist-packages"):
        if installed in folders:
            package = [*folders, name][folders.index(installed) + 1]
            if package == arrow.PACKAGE:
                return arrow.is_known_library(name)
            return package.removesuffix(".libs") in _COMPUTING
    return "lib-dynload" in folders or name.startswith(_OF_C)


def object_reason(objects: Collection[Any], own: Collection[Any] = ()) -> str | None:
    """Return a message about an object that has a finalizer, or may have one, or None."""
    kinds = set(map(type, objects))
    suspect = {kind for kind in kinds if not _holds_memory_only(kind)}
    for each in objects:
        kind = type(each)
        if kind in suspect and not _is_idle(each) and not any(each is known for known in own):
            return f"{kind.__module__}.{kind.__qualname__} is alive"
        if issubclass(kind, type) and hidden_finalizer(each):
            return f"{each.__qualname__} has a finalizer"
    return None


def _holds_memory_only(kind: type) -> bool:
    return not issubclass(kind, weakref.ref) and all(
        "__del__" not in vars(each) and (_deallocator(each) == _OF_PYTHON or _known(each))
        for each in _mro(kind)
    )


def _known(of_c: type) -> bool:
    module = of_c.__module__
    if module in _MEMORY_ONLY or module.startswith(_OF_COMPUTING):
        return True
    return arrow.is_known_type(of_c)


def hidden_finalizer(cls: type) -> bool:
    """Return whether a class's instances are not tracked, but may have finalizers."""
    if cls.__flags__ & _HAVE_GC:
        return False
    return any(
        "__del__" in vars(each) if _deallocator(each) == _OF_PYTHON else not _known(each)
        for each in _mro(cls)
    )


def _is_idle(each: object) -> bool:
    """Return whether the finalizer of an object does nothing in the object's present state."""
    kind = type(each)
    test = _IDLE.get(kind) or _IDLE_BY_NAME.get((kind.__module__, kind.__qualname__))
    if test is None or (kind not in _IDLE and not _is_original(kind)):
        return False
    try:
        return test(each)
    except (AttributeError, ValueError):  # an unusual state, for example detached
        return False


def _is_original(kind: type) -> bool:
    return getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind


def _quiet_generator(generator: Any) -> bool:
    """Return whether closing a generator runs no code, or only code without effects.

    It runs none if the generator has ended or not begun.
    """
    frame = generator.gi_frame
    if frame is None or not generator.gi_suspended:
        return True
    name = str(frame.f_globals.get("__name__"))
    return (
        name in ("os", metaflow_seam.PACKAGING)
        or name.startswith(metaflow_seam.PACKAGING_GENERATORS)
    ) and vars(sys.modules[name]) is frame.f_globals


def _quiet_callback(reference: Any) -> bool:
    callback = reference.__callback__
    if callback is None:
        return True
    if isinstance(callback, types.BuiltinMethodType):
        # Callbacks of an abstract class's registry, and of a `threading.local`.
        return callback.__name__ in ("_destroy", "_localdummy_destroyed", "clear_locals")
    where = (getattr(callback, "__module__", None), getattr(callback, "__qualname__", None))
    return isinstance(callback, types.FunctionType) and where in _QUIET_CALLBACKS


def _writes_to_memory(file: Any) -> bool:
    return file.closed or (type(file.fileobj) is io.BytesIO and file.myfileobj is None)


def _compresses_in_memory(writer: Any) -> bool:
    """Return whether a buffer belongs to a compressed file in memory (Python 3.12 and newer)."""
    if writer.closed:
        return True
    name = (type(writer.raw).__module__, type(writer.raw).__qualname__)
    return name == ("gzip", "_WriteBufferStream") and _writes_to_memory(writer.raw.gzip_file)


# Only the type itself: a subclass may override what its finalizer calls.
_IDLE: dict[type, Callable[[Any], bool]] = {
    types.GeneratorType: _quiet_generator,
    types.CoroutineType: lambda each: each.cr_frame is None,
    types.AsyncGeneratorType: lambda each: each.ag_frame is None,
    io.BytesIO: lambda each: True,
    io.StringIO: lambda each: True,
    io.FileIO: lambda each: True,  # has no buffer
    io.BufferedReader: lambda each: each.closed or type(each.raw) is io.FileIO,
    io.BufferedWriter: _compresses_in_memory,
    io.BufferedRandom: lambda each: each.closed,
    io.TextIOWrapper: lambda each: each.closed or type(each.buffer) is io.BufferedReader,
    weakref.ReferenceType: _quiet_callback,
    weakref.KeyedRef: _quiet_callback,
}
_IDLE_BY_NAME: dict[tuple[str, str], Callable[[Any], bool]] = {
    ("gzip", "GzipFile"): _writes_to_memory,
    ("gzip", "_WriteBufferStream"): lambda each: True,  # has no buffer
    ("socket", "socket"): lambda each: True,  # the end of the process closes it too
    ("ssl", "SSLSocket"): lambda each: True,
    ("subprocess", "Popen"): lambda each: each.returncode is not None,
}
