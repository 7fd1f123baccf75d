"""Files that IncludeFile parameters name: looked at before anything starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbrunner.errors import BadValueError
from nbrunner.flow.description import FlowDescription
from nbrunner.flow.given_file import FILE, NOTHING, kind_of_file


def check_files(
    flow: FlowDescription, arguments: Mapping[str, Any], cwd: str, environment: Mapping[str, str]
) -> None:
    """Raise unless there is a file for each IncludeFile that is given one.

    Parameters
    ----------
    flow : FlowDescription
    arguments : mapping
        Keyword arguments of the run, of which the other parameters are passed over.
    cwd : str
        Where the run starts: relative paths begin here.
    environment : mapping
        Of the run: its HOME is what ``~`` stands for.

    Raises
    ------
    BadValueError
        There is no such file, or it cannot be read.
    """
    for option in flow.parameters:
        given = arguments.get(option.name, arguments.get(option.name_as_written))
        if option.kind != "file" or not isinstance(given, (str, os.PathLike)):
            continue
        text = os.fspath(given)
        if text.startswith(("{", '"{')) or "://" in text:  # uploaded already; Metaflow knows
            continue
        if text.startswith("~/") and "HOME" in environment:
            text = environment["HOME"] + text[1:]
        text = os.path.expanduser(text)  # ~name, as Metaflow does
        problem = _problem(Path(cwd, text))
        if problem:
            raise BadValueError(
                f"{option.name}: expected the path of a file to include, "
                f"got {os.fspath(given)!r}: {problem}"
            )


def check_configs(top_level: Mapping[str, Any], cwd: str) -> None:
    """Raise where a config is to be read from what is no file: a named pipe has no end.

    Whether there is a file at all is told by Metaflow, which knows further places to look.

    Parameters
    ----------
    top_level : mapping
        Keyword arguments of `Runner`, whose types are checked already.
    cwd : str
        Relative paths begin here.

    Raises
    ------
    BadValueError
        It is a directory, a named pipe, a socket or a device.
    """
    given = top_level.get("config") or ()
    for name, path in given.items() if isinstance(given, Mapping) else given:
        kind = kind_of_file(Path(cwd, os.path.expanduser(path)))
        if kind not in (FILE, NOTHING):
            raise BadValueError(
                f"config: expected the path of a file for {name!r}, got {os.fspath(path)!r}: "
                f"it is {kind}"
            )


def _problem(path: Path) -> str:
    kind = kind_of_file(path)
    if kind == NOTHING:
        return f"{path} does not exist"
    if kind != FILE:
        return f"{path} is {kind}".replace("a directory", "a folder")
    return "" if os.access(path, os.R_OK) else f"{path} cannot be read: permission denied"
