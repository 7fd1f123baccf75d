"""The environment variables, working directory and user of a run."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path

from nbrunner.errors import BadTypeError, BadValueError, FlowNotFoundError, shown

# MAX_ARG_STRLEN of Linux, which includes the terminating NUL.
MAX_WORD_BYTES = 128 * 1024 - 1

# Linux: three quarters of the default stack size (_STK_LIM), whatever the actual limit.
_MAX_ALL_BYTES = 6 * 1024 * 1024
_POINTER_BYTES = 8
# Room for the options and variables that Metaflow adds for each task.
_FOR_METAFLOW_BYTES = 16 * 1024

_USER_VARIABLES = ("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER")


def run_environment(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a run that starts now.

    Containers often set no USER, or root only, and Metaflow then refuses to run. USER is set
    from the password database in that case, with "superuser" in place of root.

    Parameters
    ----------
    variables : mapping of str to str
        Variables to start from; default those of this process.
    """
    environment = dict(variables)
    # Jupyter sets this for kernels; a child process that finds it takes itself for a kernel.
    environment.pop("JPY_PARENT_PID", None)
    if unnamed_user(environment):
        environment["USER"] = user_name()
    return environment


def unnamed_user(environment: Mapping[str, str]) -> bool:
    """Return whether Metaflow would refuse to run because no user other than root is set.

    Checks the variables of ``metaflow.util.get_username``, which rejects "root".
    """
    return all(environment.get(name) in (None, "", "root") for name in _USER_VARIABLES)


def user_of(environment: Mapping[str, str]) -> str:
    """Return the user name that Metaflow records for a run with this environment."""
    named = (environment.get(name) for name in _USER_VARIABLES)
    return next((name for name in named if name not in (None, "", "root")), "") or user_name()


def user_name() -> str:
    """Return the name of the user of this process from the password database."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # no entry for this user id, as on some clusters
        return f"uid{os.getuid()}"
    return "superuser" if name == "root" else name


def current_directory() -> str:
    """Return the current directory of this process.

    Raises
    ------
    FlowNotFoundError
        The current directory was deleted.
    """
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise FlowNotFoundError(
            "the current directory was deleted; change to another with os.chdir(), or pass cwd "
            "and the flow as absolute paths"
        ) from error


def absolute(given: str | os.PathLike[str]) -> Path:
    """Return the absolute path, with ``~`` expanded.

    Raises
    ------
    FlowNotFoundError
        The path is relative and the current directory was deleted.
    """
    path = Path(os.path.expanduser(given))
    return path if path.is_absolute() else Path(current_directory(), path)


def checked_directory(given: str | os.PathLike[str]) -> str:
    """Return the absolute path of an existing directory.

    Raises
    ------
    FlowNotFoundError
        The directory does not exist.
    BadTypeError
        The value is not a path.
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
    """Return a copy of the variables after checking them.

    Raises
    ------
    BadTypeError
        The value is not a mapping of str to str.
    BadValueError
        A name or value cannot be an environment variable, or is too large.
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
    """Return why a text cannot be an argument or variable of a process; empty if it can.

    Lone surrogates cannot be encoded, except for those that stand for non-UTF-8 bytes in file
    names (``surrogateescape``).
    """
    if "\0" in text:
        return "a NUL character"
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        return f"{text[error.start]!r}, which {error.encoding} cannot encode"
    return ""


def check_size(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Check the total size of command line and environment against the system's limits.

    A warm run has no command line, but its tasks may.

    Parameters
    ----------
    command : sequence of str
        Words of the command line.
    environment : mapping of str to str
        Environment variables.

    Raises
    ------
    BadValueError
        The limit is exceeded. The message names the largest argument or variable.
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
    """Return the size of a word in bytes, including the terminating NUL."""
    return len(os.fsencode(word)) + 1


def _shortened(word: str) -> str:
    return word if len(word) <= 40 else f"{word[:40]}…"
