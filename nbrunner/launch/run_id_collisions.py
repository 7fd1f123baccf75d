"""Detects cold runs with the same run id, and stops them.

A warm run reserves its id (`nbrunner.launch.metaflow_seam`). A cold run uses Metaflow unchanged.
Once it has its id, its starter checks whether another run has the same; both are then stopped and
started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator

from nbrunner.errors import SharedIdError
from nbrunner.launch import stop
from nbrunner.launch.run_state import RunState
from nbrunner.launch.stop_ladder import StopRequest
from nbrunner.record import private, registry, run_directory
from nbrunner.record.run_directory import RunDirectory
from nbrunner.record.schema import flow_of

# Runs get their id within seconds; a loaded machine may take longer.
_WINDOW_SECONDS = 60.0

# Time for the other run to write an id that it got at the same moment.
_SETTLING_SECONDS = 0.2


async def check_id(run: RunState) -> None:
    """Check that no other run has the same id.

    Raises
    ------
    SharedIdError
        Another run has the same id; both were stopped.
    """
    directory = run.directory
    started = directory.read(run_directory.START) or {}
    local = str(run.attributes.get("metadata")).startswith("local")
    if started.get("way") == "warm" or not local:
        return
    if any(not each.exists(run_directory.ATTRIBUTES) for each in _neighbours(run)):
        await asyncio.sleep(_SETTLING_SECONDS)
    twins = [
        each for each in _neighbours(run) if each.read(run_directory.ATTRIBUTES) == run.attributes
    ]
    if not twins and not directory.exists(run_directory.SHARED_ID):
        return
    for each in twins:
        await _end_twin(each)
    await stop.end(run, StopRequest())
    raise SharedIdError(
        f"Metaflow gave the id {run.attributes['run_id']} to two runs of "
        f"{run.attributes['flow_name']} that started in the same microsecond; both were stopped. "
        "Start the run again"
    )


def _neighbours(run: RunState) -> Iterator[RunDirectory]:
    """Yield the runs of the same flow that were started at about the same time."""
    earliest = float(run.record["started"]) - _WINDOW_SECONDS
    for other in registry.directories():
        record = other.read(run_directory.RECORD) or {}
        if float(record.get("started", 0)) < earliest:
            return
        own = other.name == run.directory.name
        if own or flow_of(record)["name"] != flow_of(run.record)["name"]:
            continue
        if other.exists(run_directory.ATTRIBUTES) or not other.exists(run_directory.EXIT):
            yield other


async def _end_twin(directory: RunDirectory) -> None:
    """Stop the other run; its starter sees the mark, and its log has a message."""
    directory.mark(run_directory.SHARED_ID)
    text = (
        "nbrunner: Metaflow gave the id of this run to another run at the same moment; its "
        "parameters may be those of the other run, so it was stopped. Start it again.\n"
    )
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with contextlib.suppress(OSError):  # a full disk: the run is stopped anyway
        with open(private.open_file(directory.log("stderr"), flags), "ab") as log:  # noqa: ASYNC230 (one line)
            log.write(text.encode())
    await stop.end(RunState(directory), StopRequest())
