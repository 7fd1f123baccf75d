"""The environment and the directory that a run starts with."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path

from nbrunner.errors import BadTypeError, BadValueError, FlowNotFoundError, shown

# Linux (MAX_ARG_STRLEN) counts the NUL behind it too.
MAX_WORD_BYTES = 128 * 1024 - 1

# Linux: three quarters of the default stack (_STK_LIM), however large the stack may be.
_MAX_ALL_BYTES = 6 * 1024 * 1024
_POINTER_BYTES = 8
# What Metaflow adds for each task: options of its own, and variables.
_FOR_METAFLOW_BYTES = 16 * 1024

_USER_VARIABLES = ("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER")


def run_environment(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a run that starts now.

    Parameters
    ----------
    variables : mapping of str to str
        The variables wanted; default those of this process.

    A container often has no USER, or root alone; Metaflow then cannot tell who runs the
    flow, so the password database is asked instead, and root is called "superuser".
    """
    environment = dict(variables)
    # Jupyter sets it for the kernel; a program that finds it believes to be one.
    environment.pop("JPY_PARENT_PID", None)
    if unnamed_user(environment):
        environment["USER"] = user_name()
    return environment


def unnamed_user(environment: Mapping[str, str]) -> bool:
    """Tell whether Metaflow would refuse to run: nobody, or root, is named.

    The same names as in ``metaflow.util.get_username``, which does not take "root".
    """
    return all(environment.get(name) in (None, "", "root") for name in _USER_VARIABLES)


def user_of(environment: Mapping[str, str]) -> str:
    """Return the user name that Metaflow records for a run with this environment."""
    named = (environment.get(name) for name in _USER_VARIABLES)
    return next((name for name in named if name not in (None, "", "root")), "") or user_name()


def user_name() -> str:
    """Return who this process runs for, by the password database."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user id without an entry, as some clusters give out
        return f"uid{os.getuid()}"
    return "superuser" if name == "root" else name


def current_directory() -> str:
    """Return the directory that this process is in.

    Raises
    ------
    FlowNotFoundError
        It was deleted.
    """
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise FlowNotFoundError(
            "the current directory was deleted; change to another with os.chdir(), or pass cwd "
            "and the flow as absolute paths"
        ) from error


def absolute(given: str | os.PathLike[str]) -> Path:
    """Return a path that means the same in any directory.

    Raises
    ------
    FlowNotFoundError
        It starts at the current directory, which was deleted.
    """
    path = Path(os.path.expanduser(given))
    return path if path.is_absolute() else Path(current_directory(), path)


def checked_directory(given: str | os.PathLike[str]) -> str:
    """Return the absolute path of a directory to run in.

    Raises
    ------
    FlowNotFoundError
        There is no such directory.
    BadTypeError
        It is no path.
    """
    if not isinstance(given, (str, os.PathLike)) or not isinstance(os.fspath(given), str):
        raise BadTypeError(
            "cwd: expected the path of a directory, of type str or os.PathLike, "
            f"got {shown(given)} of type {type(given).__name__}"
        )
    path = absolute(given)
    if not os.path.isdir(path):
        raise FlowNotFoundError(f"cwd: no directory at {os.fspath(given)!r} (that is, {path})")
    return str(path)


def checked_env(env: Mapping[str, str] | None) -> dict[str, str]:
    """Return variables that the system can hold.

    Raises
    ------
    BadTypeError, BadValueError
        It cannot hold one of them, or they are no mapping.
    """
    if env is not None and not isinstance(env, Mapping):
        raise BadTypeError(
            f"env: expected a dict of names to values, got {shown(env)} of type "
            f"{type(env).__name__}"
        )
    for name, value in (env or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise BadTypeError(
                f"env: expected names and values of type str, got {shown(name)}: {shown(value)} "
                f"of type {type(value).__name__}"
            )
        why = unfit_for_system(name + value)
        if not name or "=" in name or why:
            because = f": it contains {why}" if why else ""
            raise BadValueError(
                f"env: not a valid variable: {shown(name)}: {shown(value)}{because}"
            )
        _check_variable(name, value)
    return dict(env or {})


def unfit_for_system(text: str) -> str:
    """Return what keeps a text from being an argument or variable of a process; empty if nothing.

    Half of a surrogate pair, as from a JSON text that was cut, is no character. Those that
    stand for bytes which are not UTF-8, in names of files, are fine.
    """
    if "\0" in text:
        return "a NUL character"
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        return f"{text[error.start]!r}, which {error.encoding} cannot encode"
    return ""


def check_size(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Raise where command line and environment are more than the system gives a process.

    Parameters
    ----------
    command : sequence of str
    environment : mapping of str to str

    Raises
    ------
    BadValueError
        The message names what is largest. A warm run needs no command line, but its tasks do.
    """
    for name, value in environment.items():
        _check_variable(name, value)
    words = {_shortened(word): _bytes(word) for word in command}
    variables = {f"${name}": _bytes(f"{name}={value}") for name, value in environment.items()}
    used = sum(map(_bytes, command)) + sum(variables.values())
    used += _POINTER_BYTES * (len(command) + len(variables)) + _FOR_METAFLOW_BYTES
    most = min(os.sysconf("SC_ARG_MAX"), _MAX_ALL_BYTES)
    if used > most:
        name, size = max((words | variables).items(), key=lambda item: item[1])
        raise BadValueError(
            f"arguments and environment take {used:,} bytes, more than the system's limit of "
            f"{most:,}; of {len(command):,} arguments and {len(variables):,} "
            f"variables the largest is {name} with {size:,} bytes. Pass less, or a file's path"
        )


def _check_variable(name: str, value: str) -> None:
    size = _bytes(f"{name}={value}")
    if size > MAX_WORD_BYTES + 1:
        raise BadValueError(
            f"env: {shown(name)} takes {size:,} bytes, more than the system's limit of "
            f"{MAX_WORD_BYTES + 1:,} for a variable; write it to a file and pass the file's path"
        )


def _bytes(word: str) -> int:
    """Return what the system counts for a word: the NUL behind it, too."""
    return len(os.fsencode(word)) + 1


def _shortened(word: str) -> str:
    return word if len(word) <= 40 else f"{word[:40]}…"
