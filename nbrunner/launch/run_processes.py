"""Who supervises a run and who runs it, as its record tells, and whether they live.

A supervisor asks this of other runs, so only the standard library is used here.
"""

from __future__ import annotations

from nbrunner.launch.processes import ProcessIdentity
from nbrunner.record import run_directory
from nbrunner.record.run_directory import RunDirectory


def supervisor_of(directory: RunDirectory) -> ProcessIdentity | None:
    """Return who supervises a run by its record, whether or not it is still alive."""
    return _recorded(directory, "supervisor")


def run_process_of(directory: RunDirectory) -> ProcessIdentity | None:
    """Return the run process by the record, whether or not it is still alive."""
    return _recorded(directory, "run")


def goes_on(directory: RunDirectory) -> bool:
    """Tell whether a process that the record names lives: the run may go on unsupervised."""
    known = (supervisor_of(directory), run_process_of(directory))
    return any(each is not None and each.alive() for each in known)


def _recorded(directory: RunDirectory, role: str) -> ProcessIdentity | None:
    facts = (directory.read(run_directory.SUPERVISOR) or {}).get(role)
    return ProcessIdentity(facts["pid"], facts["started"]) if facts else None
