"""Records what a process can observe of itself. Copied next to a flow, which imports it."""

import asyncio
import atexit
import builtins
import gc
import io
import json
import locale
import logging
import multiprocessing
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from pathlib import Path


def note(place):
    """Write all facts that this process can observe to a file in the run's folder."""
    record = os.environ.get("NBRUNNER_RUN_DIRECTORY")
    if record is None:  # imported to be described
        return
    if place == "run":
        leaders = {"run": os.getpid(), "session": os.getsid(0)}
        Path(record, "leaders.json").write_text(json.dumps(leaders))
    facts = {name: look() for name, look in LOOKS.items()}
    folder = Path(record, "facts")
    folder.mkdir(exist_ok=True)
    (folder / f"{place}.json").write_text(json.dumps(facts, default=repr), encoding="utf-8")


def open_descriptors():
    """Return the target of each descriptor, except the one that lists them."""
    found = {}
    for name in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            found[name] = str(Path("/proc/self/fd", name).readlink()).partition(":")[0]
        except FileNotFoundError:
            continue
    return found


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def stream_facts(stream):
    raw = getattr(stream.buffer, "raw", stream.buffer)
    names = "encoding errors newlines line_buffering write_through name mode closed"
    return {
        "type": type(stream).__name__,
        "buffer": type(stream.buffer).__name__,
        "raw": type(raw).__name__,
        "raw name": raw.name,
        "raw mode": raw.mode,
        "closefd": raw.closefd,
        "descriptor": stream.fileno(),
        "inheritable": os.get_inheritable(stream.fileno()),
        "blocking": os.get_blocking(stream.fileno()),
        "kind": stat.S_IFMT(os.fstat(stream.fileno()).st_mode),
        **{name: getattr(stream, name) for name in names.split()},
    }


def main_facts():
    """Return the names in ``__main__`` and its own attributes."""
    main = sys.modules["__main__"]
    spelled = ("__name__", "__doc__", "__package__", "__spec__", "__file__", "__cached__")
    return {
        "names": sorted(vars(main)),
        "annotations": vars(main).get("__annotations__"),
        "loader": type(main.__loader__).__name__,
        "loader's": [getattr(main.__loader__, each) for each in ("name", "path")],
        "builtins": repr(main.__builtins__),
        **{name: getattr(main, name) for name in spelled},
    }


def kin():
    """Return the leaders of this process, identified by the record of the run."""
    run = json.loads(Path(os.environ["NBRUNNER_RUN_DIRECTORY"], "leaders.json").read_text())
    names = {pid: name for name, pid in run.items()} | {os.getpid(): "this"}
    return {"group": names.get(os.getpgid(0)), "session": names.get(os.getsid(0))}


def status_facts():
    """Return the kernel's facts about this process, except those that differ for each process."""
    own = ("Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "Seccomp", "Threads")
    with open("/proc/self/status", encoding="ascii") as file:
        lines = dict(line.rstrip().split(":", 1) for line in file)
    alike = ("Cap", "Cpus_allowed", "Mems_allowed", "NoNewPrivs")
    return {name: lines[name] for name in lines if name in own or name.startswith(alike)}


LIMITS = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))

LOOKS = {
    "argv": lambda: sys.argv,
    "orig_argv": lambda: sys.orig_argv,
    "executable": lambda: [sys.executable, sys.prefix, sys.exec_prefix, sys.base_prefix],
    "path": lambda: sys.path,
    "path hooks": lambda: [each.__module__ for each in sys.path_hooks],
    "meta path": lambda: [getattr(each, "__name__", type(each)) for each in sys.meta_path],
    "flags": lambda: repr(sys.flags),
    "xoptions": lambda: [sys._xoptions, sys.warnoptions, sys.dont_write_bytecode],
    "prefixes": lambda: [sys.pycache_prefix, sys.platlibdir, sys.float_repr_style],
    "hooks": lambda: [sys.excepthook, sys.displayhook, sys.unraisablehook, sys.breakpointhook],
    "tracing": lambda: [sys.gettrace(), sys.getprofile(), threading.gettrace()],
    "limits of python": lambda: [
        sys.getrecursionlimit(),
        sys.getswitchinterval(),
        sys.get_int_max_str_digits(),
        getattr(sys, "tracebacklimit", "unlimited"),
    ],
    "main": main_facts,
    "names in builtins": lambda: sorted(vars(builtins)),
    "modules": lambda: list(sys.modules),
    "cwd": os.getcwd,
    "environ": lambda: list(os.environ.items()),
    "environ of children": lambda: output("env", "-0").split("\0"),
    "descriptors of children": lambda: output("ls", "/proc/self/fd").split(),
    "zombies": lambda: subprocess.run(["true"], check=False).returncode,
    "umask": lambda: os.umask(os.umask(0o77)),
    "umask again": lambda: os.umask(os.umask(0o22)),
    "stdin": lambda: stream_facts(sys.stdin),
    "stdout": lambda: stream_facts(sys.stdout),
    "stderr": lambda: stream_facts(sys.stderr),
    "same streams": lambda: [
        sys.stdin is sys.__stdin__,
        sys.stdout is sys.__stdout__,
        sys.stderr is sys.__stderr__,
    ],
    "descriptors": open_descriptors,
    "encodings": lambda: [
        sys.getdefaultencoding(),
        sys.getfilesystemencoding(),
        sys.getfilesystemencodeerrors(),
        locale.getpreferredencoding(False),
        io.text_encoding(None),
    ],
    "locale": lambda: [locale.setlocale(each) for each in range(7)] + [str(locale.localeconv())],
    "time zone": lambda: [time.tzname, time.timezone, time.localtime(0)],
    "signal handlers": lambda: [
        [signum.name, str(signal.getsignal(signum)).partition(" at ")[0]]
        for signum in sorted(signal.valid_signals())
        if isinstance(signum, signal.Signals)
    ],
    "wakeup descriptor": lambda: signal.set_wakeup_fd(-1),
    "timers": lambda: [signal.getitimer(each) for each in (0, 1, 2)],
    "status": status_facts,
    "kin": kin,
    "resource limits": lambda: [resource.getrlimit(getattr(resource, name)) for name in LIMITS],
    "priority": lambda: [os.nice(0), os.sched_getscheduler(0), sorted(os.sched_getaffinity(0))],
    "oom score": lambda: Path("/proc/self/oom_score_adj").read_text(),
    "control group": lambda: Path("/proc/self/cgroup").read_text(),
    "gc": lambda: [gc.isenabled(), gc.get_threshold(), gc.get_debug(), len(gc.callbacks)],
    "garbage": lambda: len(gc.garbage),
    "warnings": lambda: [str(each) for each in warnings.filters],
    "logging": lambda: [
        logging.root.level,
        logging.root.handlers,
        logging.raiseExceptions,
        sorted(
            [name, each.level, str(each.handlers), each.propagate]
            for name, each in logging.root.manager.loggerDict.items()
            if isinstance(each, logging.Logger) and (each.level or each.handlers)
        ),
    ],
    "threads": lambda: [
        [each.name, each.daemon, each.ident == threading.get_native_id() or type(each).__name__]
        for each in threading.enumerate()
    ],
    "exit functions": lambda: atexit._ncallbacks(),
    "event loops": lambda: [type(asyncio.get_event_loop_policy()), asyncio._get_running_loop()],
    "bottom of the stack": lambda: [
        frame.f_code.co_name for frame, _ in traceback.walk_stack(None)
    ][-1],
    "hashes": lambda: os.environ.get("PYTHONHASHSEED") and hash("word"),
    "main thread": lambda: [
        threading.current_thread() is threading.main_thread(),
        threading.main_thread().native_id == os.getpid(),
        threading.stack_size(),
    ],
    "multiprocessing": lambda: [
        multiprocessing.current_process().name,
        multiprocessing.process.ORIGINAL_DIR,  # type: ignore[attr-defined]
        multiprocessing.get_start_method(allow_none=True),
        len(multiprocessing.active_children()),
    ],
    "temporary folder": lambda: [tempfile.tempdir, tempfile.gettempdir()],
    "socket": lambda: [socket.getdefaulttimeout(), socket.gethostname()],
    "metaflow's folder": lambda: sys.modules["metaflow.metaflow_config"].ARTIFACT_LOCALROOT,
}
