"""Turns a fork of the warm interpreter into an ordinary ``python -u flow.py``."""

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
    """The arguments and surroundings of an ordinary interpreter.

    Attributes
    ----------
    arguments : sequence of str
        The script and its arguments: ``sys.argv``.
    environment : mapping of str to str
        The whole environment of the program.
    cwd : str
        Its current directory.
    stdio : tuple of int
        The descriptors that become 0, 1 and 2.
    options : sequence of str
        Options of the interpreter, before the script.
    group : int or None
        Process group to join; 0 for a new one, None to keep the present one.
    close : tuple of int
        Descriptors of nbrunner to close, as the program must not inherit them.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    cwd: str
    stdio: tuple[int, int, int]
    options: Sequence[str] = ()
    group: int | None = None
    close: tuple[int, ...] = field(default=())

    def become(self, last: weakref.ref[finalize.LastExitFunction]) -> None:
        """Turn this process, a fresh fork, into the program."""
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
    """Restore the signal handlers of a fresh interpreter."""
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
    # write_through has no effect on reading; create_stdio sets it too.
    sys.stdin = sys.__stdin__ = _opened(  # type: ignore[misc]
        sys.stdin, stdin, newline=None, write_through=True
    )
    sys.stdout = sys.__stdout__ = _unbuffered(1, "<stdout>", sys.stdout)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _unbuffered(2, "<stderr>", sys.stderr)  # type: ignore[misc]
    for stream, mode in ((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w")):
        stream.mode = mode  # type: ignore[misc]


def _unbuffered(descriptor: int, name: str, old: object) -> io.TextIOWrapper:
    raw = _named(open(descriptor, "wb", buffering=0, closefd=False), name)
    is_terminal = os.isatty(descriptor)
    return _opened(old, raw, newline="\n", line_buffering=is_terminal, write_through=True)


def _opened(old: Any, buffer: Any, **options: Any) -> io.TextIOWrapper:
    """Return a stream over a buffer, with an old one's encoding: if possible, the same object."""
    stream = old if type(old) is io.TextIOWrapper else io.TextIOWrapper.__new__(io.TextIOWrapper)
    options |= {"encoding": old.encoding, "errors": old.errors}
    io.TextIOWrapper.__init__(stream, buffer, **options)
    return stream


def _named(stream: Any, name: str) -> Any:
    getattr(stream, "raw", stream).name = name
    return stream


def _dress_main(script: str) -> None:
    """Set the attributes that ``__main__`` has when a script is executed.

    The module itself is kept: ``import metaflow`` has left names in it that are pickled.
    """
    main = sys.modules["__main__"]
    main.__file__ = script
    main.__cached__ = None  # type: ignore[attr-defined]
    main.__spec__ = None
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", script)


def execute(script: str, last: weakref.ref[finalize.LastExitFunction]) -> None:
    """Run a script in ``__main__``. Its exceptions are raised, and end the interpreter.

    Parameters
    ----------
    script : str
        The path of the script.
    last : weak reference to LastExitFunction
        Gets the exit code; the reference is dead if the exit functions were cleared.
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
    # In a function of its own: a variable of `execute` would keep the traceback alive.
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _compiled(script: str) -> types.CodeType:
    try:
        with open(script, "rb") as file:
            source = file.read()
    except OSError as error:
        # The message of the interpreter itself.
        print(  # noqa: T201
            f"{sys.executable}: can't open file {os.path.abspath(script)!r}: "
            f"[Errno {error.errno}] {error.strerror}",
            file=sys.stderr,
        )
        sys.exit(2)
    return compile(source, script, "exec", dont_inherit=True)


def _exit_code(code: object) -> int | None:
    """Return the exit code for an argument of ``sys.exit``; None if only CPython's C code knows."""
    if code is None:
        return 0
    if not isinstance(code, int):
        return 1
    return code & 0xFF if code.bit_length() < 32 else None
