"""Stops a run: by a request to its supervisor, or directly if the supervisor cannot answer."""

from __future__ import annotations

import asyncio
import signal
import time
from numbers import Real

from nbrunner.errors import BadTypeError, BadValueError, shown
from nbrunner.launch.interrupt import Interrupt
from nbrunner.launch.run_state import RunState
from nbrunner.launch.stop_ladder import LOOK_SECONDS, Climb, Rung, StopReport, StopRequest
from nbrunner.record import run_directory
from nbrunner.record.schema import Exit

# Time in addition to the grace periods that the supervisor has to end its last process; longer
# than it waits for a process that cannot be killed.
_SUPERVISOR_GRACE_SECONDS = 5.0


async def end(run: RunState, request: StopRequest) -> StopReport:
    """Stop a run; once started, this continues even if the caller is cancelled.

    Raises
    ------
    BadTypeError, BadValueError
        A grace period is not a number of seconds, 0 or more; the run continues.
    """
    check_seconds("interrupt_grace_seconds", request.interrupt_grace_seconds)
    check_seconds("terminate_grace_seconds", request.terminate_grace_seconds)
    task = asyncio.ensure_future(_end(run, request))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def _end(run: RunState, request: StopRequest) -> StopReport:
    began = time.monotonic()
    if run.exit_record is None:
        run.look_for_supervisor()
    was_running = run.status == "running"
    # A lost run, which has no exit record, may have left processes.
    if not was_running and (run.exit_record or not run.processes()):
        return _report(run, run.exit_record, 0.0)
    if was_running:
        await _ask_supervisor(run, request)
    found = run.exit_record
    if found is None:
        found = await _end_unsupervised(run, request, was_running)
    return _report(run, run.exit_record or found, time.monotonic() - began)


async def _ask_supervisor(run: RunState, request: StopRequest) -> None:
    """Request a stop from the supervisor, and wait while it is running and responds."""
    directory = run.directory
    kept = request
    if directory.exists(run_directory.STOP):
        # The supervisor follows the first request, whose grace periods may be longer.
        kept = StopRequest.from_json(directory.read(run_directory.STOP))
    else:
        try:
            directory.write(run_directory.STOP, request.to_json())
        except (FileNotFoundError, NotADirectoryError):
            return  # the record was deleted, so the supervisor could not read the request
        except OSError:
            pass  # on a full disk the signal alone makes the supervisor use the defaults
    supervisor = run.supervisor
    if supervisor is None and run.attributes:
        return  # the run has started: no supervisor is about to be recorded
    # A supervisor that is not recorded yet checks for the request before it waits.
    if supervisor is None or supervisor.send(signal.SIGUSR1):
        grace = kept.interrupt_grace_seconds + kept.terminate_grace_seconds
        try:
            async with asyncio.timeout(grace + _SUPERVISOR_GRACE_SECONDS):
                await run.until_unsupervised()
        except TimeoutError:
            pass  # suspended or hanging: continue without it


async def _end_unsupervised(run: RunState, request: StopRequest, was_running: bool) -> Exit:
    """Climb the stop ladder for a run whose supervisor is dead or does not respond.

    Returns
    -------
    dict
        The exit record. It is written only if this stopped the run process: the exit code of one
        that ended earlier is unknown, and the run stays lost.
    """
    climb = Climb(request, time.monotonic())
    interrupt = Interrupt(run.directory)
    process = run.run_process
    while True:
        now = time.monotonic()
        if process is None or not process.alive():
            climb.run_has_ended(now)
        rung = climb.rung(now)
        if rung is Rung.INTERRUPT and process is not None:
            left = {process}
            if interrupt.send(process):
                climb.note(rung, process)
        else:
            left = run.processes()
            climb.send(rung, left)
        if not left or rung is Rung.GIVE_UP:
            break
        await asyncio.sleep(LOOK_SECONDS)
    report: Exit = {
        "returncode": None,
        "ended": time.time(),
        "error": None,
        "stop": request.reason,
        **climb.report(time.monotonic(), len(left)),  # type: ignore[typeddict-item] # no disk_full
    }
    if was_running and (process is None or climb.has_reached(process)):
        _record(run, report)
    return report


def _record(run: RunState, report: Exit) -> None:
    if run.exit_record is not None:
        return  # the exit record of the supervisor, which knows more
    try:
        # Uses the space reserved for the supervisor's record: the disk may be full.
        run_directory.ReservedFile(run.directory, run_directory.EXIT).publish(report)
    except OSError:  # another process stopped it too, or the record was deleted
        run.keep_exit(report)


def _report(run: RunState, record: Exit | None, seconds: float) -> StopReport:
    return StopReport(
        status=run.status,
        returncode=run.returncode,
        signals=tuple(record.get("signals", ())) if record and seconds else (),
        terminated=record.get("terminated", 0) if record and seconds else 0,
        killed=record.get("killed", 0) if record and seconds else 0,
        left=record.get("left", 0) if record else 0,
        seconds=seconds,
    )


def check_timeout(timeout: float | None) -> None:
    """Raise BadTypeError or BadValueError unless a timeout is None, or 0 seconds or more."""
    if timeout is not None:
        check_seconds("timeout", timeout)


def check_seconds(name: str, seconds: float) -> None:
    """Raise BadTypeError or BadValueError unless a duration is a number, 0 or more."""
    if isinstance(seconds, bool) or not isinstance(seconds, (float, Real)):
        raise BadTypeError(f"{name}: expected seconds, got {shown(seconds)}")
    if not seconds >= 0:  # NaN is neither more nor less
        raise BadValueError(f"{name}: expected seconds, 0 or more, got {shown(seconds)}")
