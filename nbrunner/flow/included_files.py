"""Checks of the files named by IncludeFile parameters and configs, before a run starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbrunner.errors import BadValueError
from nbrunner.flow.description import FlowDescription
from nbrunner.flow.given_file import FILE, NOTHING, kind_of_file


def check_files(
    flow: FlowDescription, arguments: Mapping[str, object], cwd: str, environment: Mapping[str, str]
) -> None:
    """Check that the file of each IncludeFile parameter exists and is readable.

    Parameters
    ----------
    flow : FlowDescription
        The flow.
    arguments : mapping
        Keyword arguments of the run; other parameters are ignored.
    cwd : str
        Working directory of the run, for relative paths.
    environment : mapping
        Environment of the run, whose HOME replaces ``~``.

    Raises
    ------
    BadValueError
        A file does not exist or cannot be read.
    """
    for option in flow.parameters:
        given = arguments.get(option.name, arguments.get(option.name_as_written))
        if option.kind != "file" or not isinstance(given, (str, os.PathLike)):
            continue
        text = os.fspath(given)
        if text.startswith(("{", '"{')) or "://" in text:  # uploaded already; checked by Metaflow
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
    """Check that config files are regular files: reading a named pipe might never end.

    Missing files are left to Metaflow, which searches more places.

    Parameters
    ----------
    top_level : mapping
        Keyword arguments of `Runner`, with checked types.
    cwd : str
        Working directory, for relative paths.

    Raises
    ------
    BadValueError
        A path is a directory, named pipe, socket or device.
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
