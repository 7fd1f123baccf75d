"""The stop ladder: what is asked for, which signal is due, and the report of what it took.

1. SIGINT to the run process and its group, as Ctrl-C at a terminal would: Metaflow expects
   that its local tasks were signalled too, ends the remote ones and writes its metadata.
   Once more to the run process alone if Python has dropped it.
2. SIGTERM to every process that is left, also those that moved to a session of their own: when
   the run process has ended, and at the latest after ``interrupt_grace_seconds``.
3. SIGKILL to every process that is left ``terminate_grace_seconds`` later.

`rung_of` decides; the supervisor and `nbrunner.launch.stop` act. Only the standard library is
used here: see `nbrunner.record.run_directory`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Literal

from nbrunner.launch.processes import ProcessIdentity

INTERRUPT_GRACE_SECONDS = 10.0
TERMINATE_GRACE_SECONDS = 3.0

Reason = Literal["stopped", "timeout"]

# How often the ladder looks again at what is left: a process may fork while it is climbed.
LOOK_SECONDS = 0.05

# How long after SIGKILL a process may still be there. Then it is another user's, or stuck in the
# system: the run is over all the same, and reports how many it has left.
UNKILLABLE_SECONDS = 3.0


@dataclass(frozen=True)
class StopRequest:
    """What ``stop.json`` says.

    Attributes
    ----------
    reason : "stopped" or "timeout"
        What the status of the run will be.
    interrupt_grace_seconds, terminate_grace_seconds : float
        How long SIGINT, and then SIGTERM, may take to work.
    """

    reason: Reason = "stopped"
    interrupt_grace_seconds: float = INTERRUPT_GRACE_SECONDS
    terminate_grace_seconds: float = TERMINATE_GRACE_SECONDS

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any] | None) -> StopRequest:
        """Read a request; one that is absent or damaged means the defaults."""
        known = {key: content[key] for key in asdict(cls()) if content and key in content}
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


# A run process that was killed, or a run that failed, may leave children of its steps behind:
# nobody has asked for a stop, and there is nothing left to interrupt.
STRAYS = StopRequest("stopped", 0.0, TERMINATE_GRACE_SECONDS)


class Rung(Enum):
    """What a stop does at a moment; the value is the signal that it sends."""

    INTERRUPT = signal.SIGINT
    TERMINATE = signal.SIGTERM
    KILL = signal.SIGKILL
    GIVE_UP = None


def rung_of(
    request: StopRequest, waited_seconds: float, run_ended_seconds: float | None = None
) -> Rung:
    """Return what a stop does now.

    Parameters
    ----------
    request : StopRequest
    waited_seconds : float
        Since the stop began.
    run_ended_seconds : float, optional
        When the run process ended, counted from the same moment; 0 if it had ended before, or
        is not known; None while it lives.
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
    """How far a stop has come: since when, and which processes have been sent what.

    Parameters
    ----------
    request : StopRequest
    now : float
        When it began, in seconds of `time.monotonic`, as all times here.
    """

    def __init__(self, request: StopRequest, now: float) -> None:
        self.request = request
        self._began = now
        self._run_ended: float | None = None
        self._sent: dict[Rung, set[ProcessIdentity]] = {}

    def run_has_ended(self, now: float) -> None:
        """Note that the run process has ended, or that none is known; the first time counts."""
        if self._run_ended is None:
            self._run_ended = now - self._began

    def rung(self, now: float) -> Rung:
        """Return what is to be done now; see `rung_of`."""
        return rung_of(self.request, now - self._began, self._run_ended)

    def send(self, rung: Rung, left: Iterable[ProcessIdentity]) -> None:
        """Send the signal of a rung to each of these processes that it has not reached yet."""
        for each in left:
            reached = each in self._sent.get(rung, ())
            if rung.value is not None and not reached and each.send(rung.value):
                self.note(rung, each)

    def note(self, rung: Rung, process: ProcessIdentity) -> None:
        """Note that a process was sent the signal of a rung."""
        self._sent.setdefault(rung, set()).add(process)

    def has_reached(self, process: ProcessIdentity) -> bool:
        """Return whether a process was sent any signal."""
        return any(process in reached for reached in self._sent.values())

    @property
    def signals(self) -> list[str]:
        """The names of the signals sent so far, in the order of the ladder."""
        return [rung.value.name for rung in Rung if rung.value and rung in self._sent]

    def report(self, now: float, left: int) -> dict[str, Any]:
        """Return what an exit record holds of a stop.

        Parameters
        ----------
        now : float
        left : int
            How many processes live on.
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
    """What stopping a run came to.

    Attributes
    ----------
    status : str
        The status of the run afterwards: ``"stopped"``, or what it was if it had ended.
    returncode : int or None
        Exit code of the run process, negative for a signal; None if nobody saw it end.
    signals : tuple of str
        The rungs that were needed, of ``"SIGINT"``, ``"SIGTERM"``, ``"SIGKILL"``; empty if
        the run had ended already.
    terminated, killed : int
        How many processes were sent SIGTERM, and how many SIGKILL.
    seconds : float
        How long it took, from the request to the end of the last process.
    left : int
        How many processes could not be ended: another user's, by ``sudo`` say, or stuck in
        the system, as on a disk that does not answer.
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
        said = f"{self.status} after {rungs} in {self.seconds:.1f} s"
        if not self.left:
            return said
        processes = "1 process" if self.left == 1 else f"{self.left} processes"
        return f"{said}; {processes} could not be killed: another user's, or blocked in the system"
