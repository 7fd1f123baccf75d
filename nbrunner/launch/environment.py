"""The environment and the directory that a run starts with."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from nbrunner.errors import BadTypeError, BadValueError, FlowNotFoundError

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
    """Return who Metaflow says a run is of, that starts with this environment."""
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
            "the current directory was deleted: change to another by os.chdir(), or give cwd "
            "and the flow by absolute paths"
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
    """
    path = absolute(given)
    if not path.is_dir():
        raise FlowNotFoundError(f"cwd: no directory at {os.fspath(given)!r} (that is, {path})")
    return str(path)


def checked_env(env: Mapping[str, str] | None) -> dict[str, str]:
    """Return variables that the system can hold.

    Raises
    ------
    BadTypeError, BadValueError
        It cannot hold one of them.
    """
    for name, value in (env or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise BadTypeError(
                f"env: expected names and values of type str, got {name!r}: {value!r} of type "
                f"{type(value).__name__}"
            )
        if not name or "=" in name or "\0" in name + value:
            raise BadValueError(f"env: the system cannot hold {name!r}: {value!r}")
    return dict(env or {})
