"""The supervisor and run process of a run, from its record, and whether they are running.

Supervisors use this for other runs, so it uses the standard library only.
"""

from __future__ import annotations

from nbrunner.launch.processes import ProcessIdentity
from nbrunner.record import run_directory
from nbrunner.record.run_directory import RunDirectory


def supervisor_of(directory: RunDirectory) -> ProcessIdentity | None:
    """Return the recorded supervisor of a run, running or ended; None if there is none."""
    return _recorded(directory, "supervisor")


def run_process_of(directory: RunDirectory) -> ProcessIdentity | None:
    """Return the recorded run process, running or ended; None if there is none."""
    return _recorded(directory, "run")


def goes_on(directory: RunDirectory) -> bool:
    """Return whether a recorded process is running; the run may continue unsupervised."""
    known = (supervisor_of(directory), run_process_of(directory))
    return any(each is not None and each.alive() for each in known)


def _recorded(directory: RunDirectory, role: str) -> ProcessIdentity | None:
    facts = (directory.read(run_directory.SUPERVISOR) or {}).get(role)
    return ProcessIdentity(facts["pid"], facts["started"]) if facts else None
