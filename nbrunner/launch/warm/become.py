"""Turning a fork of the warm interpreter into an ordinary ``python -u flow.py``."""

from __future__ import annotations

import importlib.machinery
import io
import os
import signal
import sys
import types
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbrunner.launch.warm import finalize
from nbrunner.launch.warm.after_fork import start_afresh


@dataclass(frozen=True)
class Program:
    """What an ordinary interpreter would have been started with.

    Attributes
    ----------
    arguments : sequence of str
        The script and its arguments: ``sys.argv``.
    environment : mapping of str to str
    cwd : str
    stdio : tuple of int
        The descriptors that become 0, 1 and 2.
    options : sequence of str
        Options of the interpreter, before the script.
    group : int or None
        Process group to join; 0 for a new one, None to stay.
    close : tuple of int
        Descriptors of ours that the program must not have.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    cwd: str
    stdio: tuple[int, int, int]
    options: Sequence[str] = ()
    group: int | None = None
    close: tuple[int, ...] = field(default=())

    def become(self, last: weakref.ref[finalize.LastExitFunction]) -> None:
        """Change this process, a fork that has done nothing else yet, into the program."""
        restore_signals()
        if self.group is not None:
            os.setpgid(0, self.group)
        self._take_descriptors()
        os.chdir(self.cwd)
        os.environ.clear()
        os.environ.update(self.environment)
        _open_stdio()
        if (function := last()) is not None:
            function.note_fork(sys.stdin, sys.stdout, sys.stderr)
            del function
        script = self.arguments[0]
        sys.argv = list(self.arguments)
        sys.orig_argv = [sys.executable, *self.options, *self.arguments]
        if not sys.flags.safe_path:
            sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
        _dress_main(script)
        start_afresh()

    def _take_descriptors(self) -> None:
        for target, descriptor in enumerate(self.stdio):
            os.dup2(descriptor, target, inheritable=True)
        for descriptor in {*self.stdio, *self.close} - {0, 1, 2}:
            os.close(descriptor)


def restore_signals() -> None:
    """Give a fork the signal handlers that a fresh interpreter has."""
    signal.set_wakeup_fd(-1)
    for signum in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _open_stdio() -> None:
    """Open sys.stdin, stdout and stderr as ``python -u`` does (``create_stdio``, CPython's
    ``Python/pylifecycle.c``); encodings are those of the interpreter forked from.

    The objects stay the same: a module that was imported before the fork may have kept one.
    """
    stdin = _named(open(0, "rb", closefd=False), "<stdin>")
    # write_through as there; it means nothing for reading.
    sys.stdin = sys.__stdin__ = _opened(  # type: ignore[misc]
        sys.stdin, stdin, newline=None, write_through=True
    )
    sys.stdout = sys.__stdout__ = _unbuffered(1, "<stdout>", sys.stdout)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _unbuffered(2, "<stderr>", sys.stderr)  # type: ignore[misc]
    for stream, mode in ((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w")):
        stream.mode = mode  # type: ignore[misc]


def _unbuffered(descriptor: int, name: str, old: Any) -> io.TextIOWrapper:
    raw = _named(open(descriptor, "wb", buffering=0, closefd=False), name)
    is_terminal = os.isatty(descriptor)
    return _opened(old, raw, newline="\n", line_buffering=is_terminal, write_through=True)


def _opened(old: Any, buffer: Any, **options: Any) -> io.TextIOWrapper:
    """Return a stream over a buffer, with the encoding of an old one: this itself if it can be."""
    stream = old if type(old) is io.TextIOWrapper else io.TextIOWrapper.__new__(io.TextIOWrapper)
    options |= {"encoding": old.encoding, "errors": old.errors}
    io.TextIOWrapper.__init__(stream, buffer, **options)
    return stream


def _named(stream: Any, name: str) -> Any:
    getattr(stream, "raw", stream).name = name
    return stream


def _dress_main(script: str) -> None:
    """Make ``__main__`` look as it does when a script is executed.

    It stays the same module: ``import metaflow`` has left names in it that are pickled.
    """
    main = sys.modules["__main__"]
    main.__file__ = script
    main.__cached__ = None  # type: ignore[attr-defined]
    main.__spec__ = None
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", script)


def execute(script: str, last: weakref.ref[finalize.LastExitFunction]) -> None:
    """Run a script in ``__main__``. Its exceptions are raised: the interpreter ends by them.

    Parameters
    ----------
    script : str
    last : weak reference to LastExitFunction
        Told how the process is to end; the reference is dead if exit functions were cleared.
    """
    exit_code: int | None = 0
    try:
        exec(_compiled(script), vars(sys.modules["__main__"]))
        finalize.forget_script()
    except SystemExit as exit_:
        exit_code = _exit_code(exit_.code)
        raise
    except BaseException as error:
        exit_code = None
        sys.excepthook = finalize.ShownWithoutOurs(_of_script(error.__traceback__))
        raise
    finally:
        if (function := last()) is not None:
            function.exit_code = exit_code
            del function


def _of_script(trace: types.TracebackType | None) -> types.TracebackType | None:
    # In a function of its own: a frame of ours that kept the trace would keep it for good.
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _compiled(script: str) -> types.CodeType:
    try:
        with open(script, "rb") as file:
            source = file.read()
    except OSError as error:
        # The words of the interpreter itself.
        print(  # noqa: T201
            f"{sys.executable}: can't open file {os.path.abspath(script)!r}: "
            f"[Errno {error.errno}] {error.strerror}",
            file=sys.stderr,
        )
        sys.exit(2)
    return compile(source, script, "exec", dont_inherit=True)


def _exit_code(code: object) -> int | None:
    """Return what a process ends with for the argument of ``sys.exit``; None if only C knows."""
    if code is None:
        return 0
    if not isinstance(code, int):
        return 1
    return code & 0xFF if code.bit_length() < 32 else None
