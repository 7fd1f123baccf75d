"""Files that IncludeFile parameters name: looked at before anything starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbrunner.errors import BadValueError
from nbrunner.flow.description import FlowDescription


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


def _problem(path: Path) -> str:
    if not path.exists():
        return f"there is no {path}"
    if path.is_dir():
        return f"{path} is a folder"
    return "" if os.access(path, os.R_OK) else f"{path} may not be read"
