"""Asking for the end of a run, and seeing to it if its supervisor cannot."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from numbers import Real

from nbrunner.errors import BadTypeError, BadValueError
from nbrunner.launch.identities import run_process_of, supervisor_of
from nbrunner.launch.interrupting import Interrupt
from nbrunner.launch.processes import MARKER, ProcessIdentity, descendants, marked, session_of
from nbrunner.launch.stopping import UNKILLABLE_SECONDS, StopReport, StopRequest
from nbrunner.launch.watched import WatchedRun
from nbrunner.record import rundir
from nbrunner.record.rundir import RunDirectory

# Beyond the grace asked for: how long the supervisor may take to see its last process off.
_SUPERVISOR_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.05


async def end(run: WatchedRun, request: StopRequest) -> StopReport:
    """End a run; once begun this is not given up, even if the caller is cancelled."""
    task = asyncio.ensure_future(_end(run, request))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _end(run: WatchedRun, request: StopRequest) -> StopReport:
    directory = run.directory
    began = time.monotonic()
    # Of a lost run, that is one without an exit record, processes may be left.
    if run.status != "running" and (run.exit_record or not _left(directory)):
        return _report(run, 0.0)
    kept = request
    if directory.exists(rundir.STOP):
        # The supervisor keeps to the first request: ours must not give it up sooner.
        kept = StopRequest.from_json(directory.read(rundir.STOP))
    else:
        # On a full disk the supervisor does without it: a signal alone means the defaults.
        with contextlib.suppress(OSError):
            directory.write(rundir.STOP, request.to_json())
    supervisor = supervisor_of(directory)
    # One that has not said who it is looks for the request before it waits for anything.
    if supervisor is None or supervisor.send(signal.SIGUSR1):
        grace = kept.interrupt_grace_seconds + kept.terminate_grace_seconds
        try:
            async with asyncio.timeout(grace + _SUPERVISOR_GRACE_SECONDS):
                await run.until_unsupervised()
        except TimeoutError:
            pass  # stopped itself, or hung: go on without it
    if run.exit_record is None:
        await _end_unsupervised(directory, request)
    return _report(run, time.monotonic() - began)


async def _end_unsupervised(directory: RunDirectory, request: StopRequest) -> None:
    """Climb the ladder for a run whose supervisor is dead or does not answer."""
    began = time.monotonic()
    grace = request.interrupt_grace_seconds
    signals: dict[str, set[ProcessIdentity]] = {}
    run = run_process_of(directory)
    interrupt = Interrupt(directory)
    if run is not None and interrupt.send(run):
        signals["SIGINT"] = {run}
        while run.alive() and time.monotonic() - began < grace:
            interrupt.send(run)
            await asyncio.sleep(_LOOK_SECONDS)
    deadline = time.monotonic() + request.terminate_grace_seconds
    unkillable = deadline + UNKILLABLE_SECONDS
    while (left := _left(directory)) and time.monotonic() < unkillable:
        signum = signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL
        reached = signals.setdefault(signum.name, set())
        for process in left - reached:
            process.send(signum)
            reached.add(process)
        await asyncio.sleep(_LOOK_SECONDS)
    report = {
        "returncode": None,
        "ended": time.time(),
        "error": None,
        "stop": request.reason,
        "signals": [name for name, reached in signals.items() if reached],
        "terminated": len(signals.get("SIGTERM", ())),
        "killed": len(signals.get("SIGKILL", ())),
        "left": len(left),
        "stop_seconds": time.monotonic() - began,
    }
    if directory.exists(rundir.EXIT):
        return  # somebody has seen how it ended, and knows more
    # The room that is reserved for the supervisor's: the disk may be full.
    with contextlib.suppress(FileNotFoundError):  # somebody else has ended it too, or deleted it
        rundir.ReservedFile(directory, rundir.EXIT).publish(report)


def _left(directory: RunDirectory) -> set[ProcessIdentity]:
    """Return every living process of a run, its supervisor included."""
    found = set(marked(MARKER, str(directory.path)))
    supervisor = supervisor_of(directory)
    if supervisor is not None:  # a fork of the warm interpreter shows the latter's variables
        found |= set(session_of(supervisor))
    for known in (supervisor, run_process_of(directory)):
        if known is not None and known.alive():
            found |= {known, *descendants(known.pid)}
    return found


def _report(run: WatchedRun, seconds: float) -> StopReport:
    record = run.exit_record or {}
    return StopReport(
        status=run.status,
        returncode=run.returncode,
        signals=tuple(record.get("signals", ())) if seconds else (),
        terminated=int(record.get("terminated", 0)) if seconds else 0,
        killed=int(record.get("killed", 0)) if seconds else 0,
        left=int(record.get("left", 0)),
        seconds=seconds,
    )


def check_timeout(timeout: float | None) -> None:
    """Raise BadTypeError or BadValueError unless a time limit is None, or 0 seconds or more."""
    if not isinstance(timeout, (float, Real, type(None))):
        raise BadTypeError(f"timeout: expected seconds, got {timeout!r}")
    if timeout is not None and timeout < 0:
        raise BadValueError(f"timeout: expected seconds, 0 or more, got {timeout!r}")
