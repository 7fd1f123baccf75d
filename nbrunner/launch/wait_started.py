"""Waits until a run has started, and reports why one did not."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

from nbrunner.errors import RunStartError
from nbrunner.launch import stop
from nbrunner.launch.launcher import SUPERVISOR_LOG, without_ours
from nbrunner.launch.run_id_collisions import check_id
from nbrunner.launch.run_state import RunState
from nbrunner.launch.stop_ladder import StopRequest
from nbrunner.logs.reader import tail
from nbrunner.record import run_directory
from nbrunner.record.schema import Flow, flow_of
from nbrunner.text import line_origins

_SHOWN_LINES = 20
_SHOWN_CHARACTERS = 2000


async def until_started(run: RunState, timeout_seconds: float) -> None:
    """Wait until Metaflow has given the run its id, or has started the task of a spin.

    Parameters
    ----------
    run : RunState
        The run.
    timeout_seconds : float
        Time after which the run is stopped.

    Raises
    ------
    RunStartError
        The run ended first, or was stopped after the timeout.
    SharedIdError
        Another run has the same id; both were stopped.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            await run.until_named()
    except TimeoutError:
        await stop.end(run, StopRequest("timeout"))
        what = f"did not start within {timeout_seconds:g} s (file_read_timeout) and was stopped"
        raise RunStartError(_message(run, what)) from None
    if not run.attributes:
        if run.exit_record is None:  # lost: its supervisor cannot stop what it started
            await stop.end(run, StopRequest("stopped"))
        raise RunStartError(_message(run, _how_it_ended(run)), run.returncode)
    await check_id(run)


def _how_it_ended(run: RunState) -> str:
    record = run.exit_record
    if record is None:
        log = "\n".join(tail(run.directory.path / SUPERVISOR_LOG, 5))
        return f"was lost before it started: its supervisor died\n{log}".rstrip()
    if record["error"]:
        return f"could not be started: {record['error']}"
    code = record["returncode"]
    if record["stop"] == "stopped" or code is None:  # unknown: stopped without its supervisor
        return "was stopped before Metaflow started the run"
    how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
    hint = ""
    if code == 0:
        hint = ": does the file run its flow, under if __name__ == '__main__'?"
    elif record.get("disk_full"):
        hint = f"; the disk of its logs, {run.directory.path}, is full"
    return f"ended {how} before Metaflow started the run{hint}"


def _message(run: RunState, what: str) -> str:
    flow = flow_of(run.record)
    lines = [f"{flow['name'] or 'the flow'} {what}"]
    for stream in reversed(run_directory.STREAMS):  # stderr, with Metaflow's errors, comes first
        last = tail(run.directory.log(stream), _SHOWN_LINES)
        if last:
            lines += [f"{stream}:", *(f"  {line}" for line in last)]
    command = _typed(run.record.get("command", []), flow)
    lines.append(f"command: {_shortened(command)}")
    known = line_origins.from_json(flow["origins"])
    return line_origins.in_origins("\n".join(lines), flow["file"], known)


def _typed(command: list[str], flow: Flow) -> str:
    """Return the command of a run as the user would type it."""
    file = flow["file"]
    words = [word for word in without_ours(command[1:]) if word != "-u"]
    if flow["origins"]:  # the user does not know the generated file
        words = [Path(file).name if word == file else word for word in words]
    return shlex.join(["python", *words])


def _shortened(command: str) -> str:
    left_out = len(command) - _SHOWN_CHARACTERS
    if left_out <= 0:
        return command
    half = _SHOWN_CHARACTERS // 2
    return f"{command[:half]} ... {left_out:,} characters ... {command[-half:]}"
