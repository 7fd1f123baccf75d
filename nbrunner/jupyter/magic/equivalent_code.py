"""The magic line and the Python code that start a run again, from its record."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterable

from nbrunner.environment import current_directory
from nbrunner.errors import FlowNotFoundError
from nbrunner.handles import ExecutingProcess
from nbrunner.jupyter.magic.launch import python_code
from nbrunner.jupyter.magic.options import HIDDEN
from nbrunner.launch.launcher import without_ours
from nbrunner.record.schema import flow_of


def code_of(running: ExecutingProcess) -> dict[str, str]:
    """Return the code to start the same run as ``magic`` and ``python``; empty if damaged.

    Values of environment variables are not recorded; their names are included, to be filled in.
    """
    record = running.record
    flow, command = flow_of(record), running.command
    if not flow["file"] or not command:
        return {"magic": "", "python": ""}
    settings: dict[str, object] = {
        name: record[name] for name in ("profile", "cwd") if record.get(name)
    }
    with contextlib.suppress(FlowNotFoundError):  # the current directory was deleted
        if settings.get("cwd") == current_directory():
            del settings["cwd"]
    options = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    if variables := record.get("env"):
        settings["env"] = dict.fromkeys(variables, HIDDEN)
        options += [word for name in variables for word in ("--env", f"{name}={HIDDEN}")]
    words = without_ours(command[command.index(flow["file"]) + 1 :])
    name = flow["name"] if flow["cell"] else flow["file"]
    python = python_code(
        name if flow["cell"] else repr(name),
        {**settings, **record.get("top_level_options", {})},
        record["subcommand"],
        record.get("arguments", {}),
    )
    return {"magic": f"%flowrun {typed([*options, name, *words])}", "python": python}


def typed(words: Iterable[object]) -> str:
    """Return words as typed after a magic: on one line, with ``$`` and braces escaped."""
    return " ".join(map(_quoted, map(str, words)))


def _quoted(text: str) -> str:
    if text.splitlines() not in ([], [text]):
        return f"{{{text!r}}}"  # a line end would end the magic
    return f"'{text}'" if {"$", "{"} & set(text) and "'" not in text else shlex.quote(text)
