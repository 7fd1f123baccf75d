"""The stop ladder: the request, the signal that is due, and the report.

1. SIGINT to the run process and its group, like Ctrl-C in a terminal. Metaflow expects its local
   tasks to be signalled too, ends the remote ones and writes its metadata. SIGINT is sent again
   to the run process alone if Python has dropped it.
2. SIGTERM to all remaining processes, including those in a session of their own, when the run
   process has ended, and at the latest after ``interrupt_grace_seconds``.
3. SIGKILL to all remaining processes ``terminate_grace_seconds`` later.

`rung_of` decides; the supervisor and `nbrunner.launch.stop` act. Uses the standard library only:
see `nbrunner.record.run_directory`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from nbrunner.launch.processes import ProcessIdentity
from nbrunner.record.schema import Stop, StopNote

INTERRUPT_GRACE_SECONDS = 10.0
TERMINATE_GRACE_SECONDS = 3.0

Reason = Literal["stopped", "timeout"]

# Interval between looks for remaining processes, which may fork during a stop.
LOOK_SECONDS = 0.05

# Time after SIGKILL until a process counts as unkillable: owned by another user, or blocked in the
# system. The run is then over, and reports how many processes are left.
UNKILLABLE_SECONDS = 3.0


@dataclass(frozen=True)
class StopRequest:
    """The content of ``stop.json``.

    Attributes
    ----------
    reason : "stopped" or "timeout"
        Status of the run after the stop.
    interrupt_grace_seconds, terminate_grace_seconds : float
        Time to wait after SIGINT, and after SIGTERM.
    """

    reason: Reason = "stopped"
    interrupt_grace_seconds: float = INTERRUPT_GRACE_SECONDS
    terminate_grace_seconds: float = TERMINATE_GRACE_SECONDS

    def to_json(self) -> Stop:
        """Return the request in JSON form."""
        return {
            "reason": self.reason,
            "interrupt_grace_seconds": self.interrupt_grace_seconds,
            "terminate_grace_seconds": self.terminate_grace_seconds,
        }

    @classmethod
    def from_json(cls, content: Stop | None) -> StopRequest:
        """Return a request from its JSON form; the defaults if it is missing or damaged."""
        known: Stop = content or {}
        try:
            return cls(
                reason="timeout" if known.get("reason") == "timeout" else "stopped",
                interrupt_grace_seconds=float(
                    known.get("interrupt_grace_seconds", INTERRUPT_GRACE_SECONDS)
                ),
                terminate_grace_seconds=float(
                    known.get("terminate_grace_seconds", TERMINATE_GRACE_SECONDS)
                ),
            )
        except (TypeError, ValueError):
            return cls()


# A killed run process or failed run may leave children of its steps. No stop was requested for
# them, and there is no run process to interrupt.
STRAYS = StopRequest("stopped", 0.0, TERMINATE_GRACE_SECONDS)


class Rung(Enum):
    """A rung of the ladder; the value is its signal."""

    INTERRUPT = signal.SIGINT
    TERMINATE = signal.SIGTERM
    KILL = signal.SIGKILL
    GIVE_UP = None


def rung_of(
    request: StopRequest, waited_seconds: float, run_ended_seconds: float | None = None
) -> Rung:
    """Return the current rung of a stop.

    Parameters
    ----------
    request : StopRequest
        Grace periods.
    waited_seconds : float
        Seconds since the start of the stop.
    run_ended_seconds : float, optional
        Time of the end of the run process on the same clock; 0 if it had ended before or is
        unknown; None while it is running.
    """
    terminate = request.interrupt_grace_seconds
    if run_ended_seconds is not None:
        terminate = min(terminate, run_ended_seconds)
    kill = terminate + request.terminate_grace_seconds
    if waited_seconds < terminate:
        return Rung.INTERRUPT
    if waited_seconds < kill:
        return Rung.TERMINATE
    if waited_seconds < kill + UNKILLABLE_SECONDS:
        return Rung.KILL
    return Rung.GIVE_UP


class Climb:
    """The progress of a stop: its start time, and the signals sent to each process.

    Parameters
    ----------
    request : StopRequest
        Grace periods.
    now : float
        Start of the stop, in seconds of `time.monotonic`, like all times here.
    """

    def __init__(self, request: StopRequest, now: float) -> None:
        self.request = request
        self._began = now
        self._run_ended: float | None = None
        self._sent: dict[Rung, set[ProcessIdentity]] = {}

    def run_has_ended(self, now: float) -> None:
        """Record that the run process has ended, or is unknown; the first call counts."""
        if self._run_ended is None:
            self._run_ended = now - self._began

    def rung(self, now: float) -> Rung:
        """Return the current rung; see `rung_of`."""
        return rung_of(self.request, now - self._began, self._run_ended)

    def send(self, rung: Rung, left: Iterable[ProcessIdentity]) -> None:
        """Send the signal of a rung to each of these processes that has not received it yet."""
        for each in left:
            reached = each in self._sent.get(rung, ())
            if rung.value is not None and not reached and each.send(rung.value):
                self.note(rung, each)

    def note(self, rung: Rung, process: ProcessIdentity) -> None:
        """Record that a process was sent the signal of a rung."""
        self._sent.setdefault(rung, set()).add(process)

    def has_reached(self, process: ProcessIdentity) -> bool:
        """Return whether a process was sent any signal."""
        return any(process in reached for reached in self._sent.values())

    @property
    def signals(self) -> list[str]:
        """The names of the signals sent so far, in the order of the ladder."""
        return [rung.value.name for rung in Rung if rung.value and rung in self._sent]

    def report(self, now: float, left: int) -> StopNote:
        """Return the entries about a stop for the exit record.

        Parameters
        ----------
        now : float
            End of the stop.
        left : int
            Number of remaining processes.
        """
        return {
            "signals": self.signals,
            "terminated": len(self._sent.get(Rung.TERMINATE, ())),
            "killed": len(self._sent.get(Rung.KILL, ())),
            "left": left,
            "stop_seconds": now - self._began,
        }


@dataclass(frozen=True)
class StopReport:
    """The result of a stop.

    Attributes
    ----------
    status : str
        Status of the run afterwards: ``"stopped"``, or its final status if it had already ended.
    returncode : int or None
        Exit code of the run process, negative for a signal; None if unknown.
    signals : tuple of str
        Signals that were needed, of ``"SIGINT"``, ``"SIGTERM"``, ``"SIGKILL"``; empty if the run
        had already ended.
    terminated, killed : int
        Number of processes that were sent SIGTERM, and SIGKILL.
    seconds : float
        Time from the request to the end of the last process.
    left : int
        Number of processes that could not be killed: another user's, for example started with
        ``sudo``, or blocked in the system, for example by a disk that does not respond.
    """

    status: str
    returncode: int | None
    signals: tuple[str, ...]
    terminated: int
    killed: int
    seconds: float
    left: int = 0

    def __str__(self) -> str:
        if not self.signals:
            return f"{self.status}: had already ended"
        rungs = ", ".join(self.signals)
        text = f"{self.status} after {rungs} in {self.seconds:.1f} s"
        if not self.left:
            return text
        processes = "1 process" if self.left == 1 else f"{self.left} processes"
        return f"{text}; {processes} could not be killed: owned by another user, or blocked"
