"""Whether anything in a fork could tell that the interpreter was not finalized.

Finalizing a fork copies nearly every page that it shares with the others, and takes several
times as long as an empty step. It may be left out only if it would change nothing outside
the process. So the objects made since the fork are looked through. Each must be of a type
that is known to hold memory and nothing else, or be in a state in which its finalizer does
nothing. Anything unknown counts as a reason to finalize.
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
# Packages of which the same is true: they compute. What C streams hold back is written in
# any case. (A numpy.nditer that is dropped with operands not written back would warn.)
_COMPUTING = ("numpy", "pandas", "psutil", "scikit_learn", "scipy", "sklearn")
_OF_COMPUTING = (
    *(f"{package}." for package in _COMPUTING),
    *("_cython_", "_cyutility", "pybind11_builtins", "uarray"),
)
_OF_C = (
    *("libc.", "libm.", "libdl.", "librt.", "libpthread."),
    *("libgcc_s.", "libstdc++.", "libgomp.", "libgfortran", "libquadmath"),
)
# Modules whose objects need not be visible to the collector.
_HIDDEN_EFFECTS = frozenset(
    ("_dbm", "_gdbm", "_interpreters", "_xxsubinterpreters", "_tkinter", "ossaudiodev")
)

# Callbacks with which the standard library clears its own tables.
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
    """Return the address in ``tp_dealloc``, the fifth word after the object's own header."""
    offset = object.__basicsize__ + 4 * ctypes.sizeof(ctypes.c_void_p)
    return ctypes.c_void_p.from_address(id(cls) + offset).value


class _Plain:
    """Deallocated as every class is that was defined in Python."""


_OF_PYTHON = _deallocator(_Plain)
_mro: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__


def reason_to_finalize(
    objects: Collection[Any], own: Collection[Any], libraries: Iterable[str]
) -> str | None:
    """Tell why the interpreter must be finalized; None if nothing could tell.

    Parameters
    ----------
    objects : collection
        All that the collector has seen made since the fork.
    own : collection
        Those that were made to prepare the fork: its standard streams.
    libraries : iterable of str
        Shared libraries loaded since the fork.
    """
    return (
        _interpreter_reason()
        or _stream_reason(own)
        or _thread_reason()
        or library_reason(libraries)
        or object_reason(objects, own)
    )


def library_reason(libraries: Iterable[str]) -> str | None:
    """Tell which shared library may have something to finish."""
    unknown = sorted(file for file in libraries if not _known_library(file))
    return f"{unknown[0]} is loaded" if unknown else None


def _interpreter_reason() -> str | None:
    if gc.callbacks or gc.garbage or gc.get_debug():
        return "the garbage collector is being watched"
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
    """Tell which standard stream may hold something back, or would need to be closed."""
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
    """Tell if a thread other than this one could be running Python."""
    packaging = [each for each in threading.enumerate() if _packages_code(each)]
    known = {threading.get_ident(), *(each.ident for each in packaging)}
    unknown = sys._current_frames().keys() - known
    return "a thread is running" if unknown else None


def _packages_code(thread: threading.Thread) -> bool:
    """Tell if this is the thread in which metaflow packages code: it works in memory.

    It is seldom done when a short run ends. What it uploads with is looked at as all else.
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
            return package.removesuffix(".libs") in _COMPUTING
    return "lib-dynload" in folders or name.startswith(_OF_C)


def object_reason(objects: Collection[Any], own: Collection[Any] = ()) -> str | None:
    """Tell which object has a finalizer, or may have one."""
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
    return module in _MEMORY_ONLY or module.startswith(_OF_COMPUTING)


def hidden_finalizer(cls: type) -> bool:
    """Tell if instances of a class may have a finalizer and are not seen by the collector."""
    if cls.__flags__ & _HAVE_GC:
        return False
    return any(
        "__del__" in vars(each) if _deallocator(each) == _OF_PYTHON else not _known(each)
        for each in _mro(cls)
    )


def _is_idle(each: Any) -> bool:
    """Tell if an object that has a finalizer is in a state in which that does nothing."""
    kind = type(each)
    test = _IDLE.get(kind) or _IDLE_BY_NAME.get((kind.__module__, kind.__qualname__))
    if test is None or (kind not in _IDLE and not _is_original(kind)):
        return False
    try:
        return test(each)
    except (AttributeError, ValueError):  # not as it should be, say detached
        return False


def _is_original(kind: type) -> bool:
    return getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is kind


def _quiet_generator(generator: Any) -> bool:
    """Tell if closing a generator runs no code: it has ended, not begun, or does nothing then."""
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
        # Of the table of an abstract class, and of a `threading.local`.
        return callback.__name__ in ("_destroy", "_localdummy_destroyed", "clear_locals")
    where = (getattr(callback, "__module__", None), getattr(callback, "__qualname__", None))
    return isinstance(callback, types.FunctionType) and where in _QUIET_CALLBACKS


def _writes_to_memory(file: Any) -> bool:
    return file.closed or (type(file.fileobj) is io.BytesIO and file.myfileobj is None)


def _compresses_in_memory(writer: Any) -> bool:
    """Tell if a buffer is that of a compressed file in memory, as from Python 3.12 on."""
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
    ("socket", "socket"): lambda each: True,  # the end of the process closes it as well
    ("ssl", "SSLSocket"): lambda each: True,
    ("subprocess", "Popen"): lambda each: each.returncode is not None,
}
