"""The processes of a run, from its files and from the process table.

Supervisors use this for other runs, so it uses the standard library only.
"""

from __future__ import annotations

from nbrunner.launch.processes import Look, ProcessIdentity, descendants
from nbrunner.record import run_directory, schema
from nbrunner.record.run_directory import RunDirectory

#: The logs that a run's processes write to; the last is that of a cold start's supervisor.
_OUTPUTS = ("stdout.log", "stderr.log", "supervisor.log")


def supervisor_of(directory: RunDirectory) -> ProcessIdentity | None:
    """Return the supervisor of a run, running or ended; None if no file names it.

    The process that started the run has recorded it too, because one file may be damaged.
    """
    noted = directory.read(run_directory.SUPERVISOR) or {}
    return _identity(noted.get("supervisor")) or _identity(
        (directory.read(run_directory.START) or {}).get("supervisor")
    )


def run_process_of(directory: RunDirectory) -> ProcessIdentity | None:
    """Return the run process, running or ended; None if no file names it."""
    return _identity((directory.read(run_directory.SUPERVISOR) or {}).get("run"))


def supervisor_by_outputs(directory: RunDirectory, look: Look) -> ProcessIdentity | None:
    """Return the running supervisor of a run whose files do not name it.

    It leads the session of every process that writes to the run's logs.
    """
    for each in look.printing_into(directory.path / name for name in _OUTPUTS):
        if leader := look.leader_of(each):
            return leader
    return None


def living_processes(
    directory: RunDirectory,
    supervisor: ProcessIdentity | None,
    run_process: ProcessIdentity | None,
    look: Look | None = None,
) -> set[ProcessIdentity]:
    """Return all running processes of a run, including its supervisor.

    Parameters
    ----------
    directory : RunDirectory
        Directory of the run.
    supervisor, run_process : ProcessIdentity or None
        The supervisor and run process, if they are known.
    look : Look, optional
        A snapshot of the processes; default a new one.
    """
    look = look or Look()
    found = set(look.marked(directory.path))
    known = {supervisor, run_process}
    if supervisor is not None:  # forks of the zygote do not have the marker variable
        found |= set(look.session_of(supervisor))
    else:
        printing = look.printing_into(directory.path / name for name in _OUTPUTS)
        known |= set(printing)
        for writer in printing:  # the fork server of a warm run prints elsewhere
            found |= set(look.in_session_with(writer))
    for each in known:
        if each is not None and each.alive():
            found |= {each, *descendants(each.pid)}
    return found


def goes_on(directory: RunDirectory, look: Look | None = None) -> bool:
    """Return whether any process of a run is running, such as a task of a lost run.

    Parameters
    ----------
    directory : RunDirectory
        Directory of the run.
    look : Look, optional
        A snapshot of the processes, to be shared by calls for many runs.
    """
    supervisor, run_process = supervisor_of(directory), run_process_of(directory)
    if any(each is not None and each.alive() for each in (supervisor, run_process)):
        return True
    return bool(living_processes(directory, supervisor, run_process, look))


def _identity(facts: schema.Identity | None) -> ProcessIdentity | None:
    return ProcessIdentity(facts["pid"], facts["started"]) if facts else None
