"""How a run is ended: the request, the rungs of the ladder, the report.

1. SIGINT to the run process and its group, as Ctrl-C at a terminal would: Metaflow expects
   that its local tasks were signalled too, ends the remote ones and writes its metadata.
   Once more to the run process alone if Python has dropped it.
2. SIGTERM to whatever is left: every descendant, also those that moved to a session of
   their own.
3. SIGKILL to whatever is left then.

The supervisor climbs the ladder, so that it ends even if the one who asked is gone. Only
the standard library is used here: see `nbrunner.record.run_directory`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

INTERRUPT_GRACE_SECONDS = 10.0
TERMINATE_GRACE_SECONDS = 3.0

Reason = Literal["stopped", "timeout"]

# How long after SIGKILL a process may still be there. Then it is another user's, or stuck in the
# system: the run is over all the same, and says how many it has left.
UNKILLABLE_SECONDS = 3.0

# A run process that was killed, or a run that failed, may leave children of its steps
# behind; they get no more than this between SIGTERM and SIGKILL.
STRAY_GRACE_SECONDS = TERMINATE_GRACE_SECONDS


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
