"""Records what imports take from their process and the current time.

The recording replaces functions and adds an audit hook, which cannot be removed. Use it only
in a process that ends afterwards.
"""

from __future__ import annotations

import inspect
import os
import random
import sys
import threading
import time
import traceback
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nbrunner.launch.warm.probe import generators
from nbrunner.launch.warm.probe.attribution import (
    IMPORT,
    drawer,
    is_importing,
    is_of_importer,
    is_of_metadata,
    is_of_tempfile,
    is_ours,
    outside,
)
from nbrunner.launch.warm.probe.draws import Draw, kind_of_path
from nbrunner.launch.warm.probe.process_facts import changes, look
from nbrunner.launch.warm.probe.stand_ins import (
    NotingList,
    Unbound,
    note_reads_of_arguments,
    note_reads_of_main,
)

# C functions whose result depends on the time, on the process or on chance.
_CALLS = {
    "time": (
        *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"),
        *("process_time", "process_time_ns", "thread_time", "thread_time_ns", "clock_gettime"),
        *("clock_gettime_ns", "localtime", "gmtime", "ctime", "asctime", "strftime"),
    ),
    "posix": (
        *("urandom", "getrandom", "getpid", "getppid", "getpgid", "getpgrp", "getsid"),
        *("getcwd", "getcwdb", "times", "getloadavg", "getlogin", "ttyname", "statvfs", "fstatvfs"),
        "register_at_fork",  # the handlers run in forks, but not in a process started cold
    ),
    "resource": ("getrusage",),
    "_signal": ("alarm", "setitimer"),
    "_thread": ("start_new_thread", "start_joinable_thread", "start_new"),
    "_uuid": ("generate_time_safe",),
    "_ssl": ("RAND_bytes", "RAND_pseudo_bytes"),
}
_CALL_NAMES = frozenset(name for names in _CALLS.values() for name in names)
_PUBLIC = {"posix": "os", "_signal": "signal", "_thread": "threading"}
_PUBLIC |= {"_uuid": "uuid", "_ssl": "ssl"}

# Class methods of datetime.date and its subclasses.
_DATE_NAMES = frozenset({"now", "utcnow", "today"})

# These use the current time if they are called with fewer arguments than this.
_TIME_GIVEN = {"localtime": 1, "gmtime": 1, "ctime": 1, "asctime": 1, "strftime": 2}

_AUDITED = {
    "sys._getframe": "",
    "open": "",
    "os.listdir": "",
    "os.scandir": "",
    "os.remove": "removes a file",
    "os.rename": "renames a file",
    "os.fork": "starts a process",
    "os.forkpty": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.system": "starts a process",
    "subprocess.Popen": "starts a process",
    "mmap.__new__": "maps memory that forks would share",
    "socket.connect": "opens a connection",
    "socket.sendto": "opens a connection",
    "socket.getaddrinfo": "asks for a host's address",
    "socket.gethostbyname": "asks for a host's address",
    "tempfile.mkdtemp": "makes a temporary directory",
    "tempfile.mkstemp": "makes a temporary file",
}

# These functions see the frames below the import, which are nbrunner's in the warm interpreter.
_LOOKING_AT_CALLERS = frozenset(
    each.__code__
    for each in (
        *(inspect.stack, inspect.getouterframes),
        *(traceback.walk_stack, traceback.extract_stack, traceback.format_stack),
    )
)

_real_lstat = os.lstat


def _is_there(path: str) -> bool:
    try:
        _real_lstat(path)
    except (OSError, ValueError):
        return False
    return True


@dataclass(frozen=True, eq=False)
class _Seed:
    """A generator of `random` that was seeded from entropy, its state then, and the code."""

    generator: weakref.ref[random.Random]
    state: str
    who: tuple[str, str]


class Recording:
    """A context manager that records the draws of the block.

    Attributes
    ----------
    draws : set of Draw
        The draws.
    files : set of str
        Files of the user that were read or looked for, folders that were listed (with a
        slash at the end), and relative names that do not exist in the current directory.
    states : list of str
        The states of the random number generators with fixed seeds that were made.
    metadata : bool
        Whether installed distributions were looked up: one in the flow's folder would come first.
    """

    def __init__(self) -> None:
        self.metadata = False
        self.draws: set[Draw] = set()
        self.files: set[str] = set()
        self.states: list[str] = []
        self._entropy: dict[int, tuple[str, str]] = {}
        self._seeds: list[_Seed] = []
        self._active = False

    def __enter__(self) -> None:
        self._generators = {
            id(each): (each, generators.state(each)) for each in generators.living()
        }
        self._before = look()
        self._wrap()
        sys.addaudithook(self._audit)
        self._active = True
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def __exit__(self, *_exception: object) -> None:
        if sys.getprofile() != self._profile:  # then some draws were not recorded
            self.draws.add(Draw("replaces sys.setprofile's function", *IMPORT))
        sys.setprofile(None)
        threading.setprofile(None)
        self._active = False
        self._judge_generators()
        self.draws |= {Draw(what, *IMPORT) for what in changes(self._before, look())}

    def _note(self, what: str, frame: types.FrameType | None) -> None:
        self.draws.add(Draw(what, *drawer(frame)))

    # -- calls of C functions: the profiler sees them whatever name they are called by ----

    def _profile(self, frame: types.FrameType, event: str, called: Any) -> None:
        if event == "c_call":
            name = called.__name__
            if name in _CALL_NAMES and not is_ours(frame):
                self._note_call(frame, called.__module__, name)
            elif name in _DATE_NAMES and isinstance(getattr(called, "__self__", None), type):
                self._note(f"calls {called.__self__.__name__}.{name}()", frame)
        elif event == "call" and frame.f_code in _LOOKING_AT_CALLERS:
            self._note("inspects its callers", frame.f_back)
        elif event == "c_return" and called.__name__ == "seed":
            self._note_seed(frame, getattr(called, "__self__", None))

    def _note_call(self, frame: types.FrameType, module: str | None, name: str) -> None:
        if module is None or name not in _CALLS.get(module, ()):
            return
        called = f"calls {_PUBLIC.get(module, module)}.{name}()"
        self._note("starts a thread" if module == "_thread" else called, frame)

    def _note_seed(self, frame: types.FrameType, generator: object) -> None:
        if not isinstance(generator, random.Random):
            return
        if is_of_tempfile(frame):
            return
        self._seeds = [each for each in self._seeds if each.generator() is not generator]
        ours = frame.f_code is random.Random.seed.__code__
        if not ours or frame.f_locals.get("a") is None:
            seed = _Seed(weakref.ref(generator), generators.state(generator), drawer(frame))
            self._seeds.append(seed)

    # -- functions whose arguments matter are replaced -----------------------------------

    def _wrap(self) -> None:
        for module, name in ((random, "_urandom"), (os, "urandom")):
            setattr(module, name, Unbound(getattr(module, name), self._urandom))
        for name, count in _TIME_GIVEN.items():
            setattr(time, name, Unbound(getattr(time, name), self._time(name, count)))
        for name in ("stat", "lstat", "access", "readlink"):
            setattr(os, name, Unbound(getattr(os, name), self._path))
        sys.path = NotingList(sys.path, self._note_path_read)
        note_reads_of_arguments(lambda: self._note_if_active("reads sys.argv"))
        note_reads_of_main(lambda: self._note_if_active("reads __main__"))

    def _note_if_active(self, what: str) -> None:
        frame = outside()
        if self._active and frame.f_globals.get("__name__") != "inspect":  # it reads all modules
            self._note(what, frame)

    def _note_path_read(self) -> None:
        """Record a read of ``sys.path``, where the flow's folder comes first."""
        frame = outside()
        if not self._active or is_importing(frame):
            return
        if is_of_metadata(frame):
            self.metadata = True
        else:
            self._note("reads sys.path", frame)

    def _urandom(self, real: Callable[..., bytes], *arguments: object) -> bytes:
        data = real(*arguments)
        if self._active:
            self._entropy[int.from_bytes(data, "big")] = drawer(outside())
        return data

    def _time(self, name: str, count: int) -> Callable[..., object]:
        def moment(real: Callable[..., object], *arguments: object) -> object:
            if len(arguments) < count or arguments[count - 1] is None:
                self._note_if_active(f"calls time.{name}()")
            return real(*arguments)

        return moment

    def _path(
        self, real: Callable[..., object], path: object, *arguments: object, **options: object
    ) -> object:
        if options.get("dir_fd") is None:
            self._note_path(path, outside(), reads=False)
        return real(path, *arguments, **options)

    def _note_path(self, path: Any, frame: types.FrameType, reads: bool = True) -> None:
        if not self._active or isinstance(path, int) or is_importing(frame):
            return
        text = os.fsdecode(path)
        kind = kind_of_path(text)
        if kind == "file" or (kind == "relative" and not _is_there(text)):
            self.files.add(text)
        elif kind == "relative":
            self._note(f"looks for {text!r} in the current directory", frame)
        elif kind == "draw" and reads:
            self._note(f"opens {text}", frame)

    # -- audit events ---------------------------------------------------------------------

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._active or event not in _AUDITED:
            return
        if event == "sys._getframe":  # outside() raises this event too
            if is_of_importer(arguments[0]):
                self._note("inspects its callers", outside())
            return
        frame = outside()
        if event == "open":
            path, _mode, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                if not isinstance(path, int) and not is_importing(frame):
                    self._note(f"writes {os.fsdecode(path)}", frame)
            else:
                self._note_path(path, frame)
        elif event in ("os.listdir", "os.scandir"):
            path = "." if arguments[0] is None else arguments[0]
            self._note_path(
                path if isinstance(path, int) else os.path.join(os.fsdecode(path), ""), frame
            )
        else:
            self._note(_AUDITED[event], frame)

    # -- at the end ---------------------------------------------------------------------

    def _judge_generators(self) -> None:
        """Add to the draws the seeds of generators that a fork cannot renew."""
        excused: set[object] = set()
        for each in generators.living():
            known = self._generators.get(id(each))
            if known is not None:
                if generators.state(each) != known[1]:
                    self.draws.add(Draw("uses or seeds shared random numbers", *IMPORT))
                continue
            seed = self._seed_of(each)
            if seed is None:
                self.states.append(generators.state(each))
            elif _is_as_seeded(each, seed) and generators.can_be_renewed(each):
                excused.add(seed)
            else:
                self.draws.add(Draw("uses random numbers", *IMPORT))
        for seed in self._seeds:
            generator = seed.generator()
            if seed not in excused and id(generator) not in self._generators:
                self.draws.add(Draw("seeds random.Random() without a fixed seed", *seed.who))
        for entropy, who in self._entropy.items():
            if entropy not in excused:
                self.draws.add(Draw("calls os.urandom()", *who))

    def _seed_of(self, generator: Any) -> _Seed | int | None:
        """Return the entropy that a generator was seeded from; None for a fixed seed."""
        if isinstance(generator, random.Random):
            return next((each for each in self._seeds if each.generator() is generator), None)
        entropy = getattr(generator.seed_seq, "entropy", None)
        return entropy if isinstance(entropy, int) and entropy in self._entropy else None


def _is_as_seeded(generator: object, seed: _Seed | int) -> bool:
    if isinstance(seed, _Seed):
        return generators.state(generator) == seed.state
    return generators.is_as_seeded(generator)
