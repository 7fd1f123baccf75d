"""The attributes of a spin (``python flow.py spin``), read from its log.

Metaflow writes its attribute file for a spin only at the end, and only if the task succeeds.
The line that announces the task holds the same ids from the start::

    2026-11-29 14:18:56.765 [<run id>/<step>/<task id> (pid 8301)] Task is starting.

The supervisor imports this module, so it uses the standard library alone.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from nbrunner.engine import log_format
from nbrunner.engine.progress import STATES, LogLine, parse_line
from nbrunner.record import private, run_directory
from nbrunner.record.run_directory import RunDirectory
from nbrunner.record.schema import Attributes, Record, flow_of

# Metaflow's DATASTORE_SPIN_LOCAL_DIR.
FOLDER = ".metaflow_spin"

_NEEDLE = f"] {log_format.STARTS}".encode()
# Before the task starts, the log holds the output of the flow file's import.
_MOST_BYTES = 1 << 20


def is_spin(record: Record) -> bool:
    """Return whether a run's record is that of a spin."""
    return record.get("subcommand") == "spin"


def spun_attributes(directory: RunDirectory, record: Record) -> Attributes | None:
    """Return the attributes of a spin whose task has started; None before that, and for a run.

    They are also written to the directory, where listings and lookups find them; Metaflow
    replaces that file at the end.
    """
    started = _started_task(directory.log("stdout")) if is_spin(record) else None
    if started is None:
        return None
    flow_name = flow_of(record)["name"]
    root = _root(record, Path(flow_name, started.run_id))
    attributes: Attributes = {
        "task_id": started.task_id,
        "step_name": started.step,
        "run_id": started.run_id,
        "flow_name": flow_name,
        "metadata": f"spin@{root}",
    }
    if not directory.exists(run_directory.ATTRIBUTES):
        with contextlib.suppress(OSError):  # the disk is full, or the record was deleted
            directory.write(run_directory.ATTRIBUTES, attributes)
    return attributes


def _started_task(log: Path) -> LogLine | None:
    """Return the line that announces the task of a spin; None if it is not in the log yet."""
    try:
        with open(private.open_file(log, os.O_RDONLY), "rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError:  # it does not exist yet, or is not this user's
        return None
    if _NEEDLE not in data:
        return None
    for line in data.split(b"\n"):
        parsed = parse_line(line.decode("utf-8", "replace")) if _NEEDLE in line else None
        if parsed is not None and STATES.get(parsed.text) == "running":
            return parsed
    return None


def _root(record: Record, run: Path) -> str:
    """Return the folder that holds the spin's ``.metaflow_spin``.

    Metaflow uses the configured folder, else the working directory or its nearest parent that
    has a ``.metaflow_spin``, else the working directory.
    """
    cwd = Path(record.get("cwd", ""))
    if configured := record.get("spin_root"):
        return os.path.join(cwd, configured)
    found = (each for each in (cwd, *cwd.parents) if (each / FOLDER / run).is_dir())
    return str(next(found, cwd))
