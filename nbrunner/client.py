"""Metaflow's Client, imported when it is first asked for.

The only module that imports metaflow in the user's process: the import takes a fifth of
a second and is not needed to start, follow or stop a run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nbrunner.launch.environment import unnamed_user, user_name

if TYPE_CHECKING:
    from metaflow import Flow, Run, Step, Task, namespace

__all__ = ["Flow", "Run", "Step", "Task", "namespace"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'nbrunner.client' has no attribute {name!r}")
    import metaflow

    _name_the_namespace()
    return getattr(metaflow, name)


def _name_the_namespace() -> None:
    """Look where our runs are tagged, if Metaflow would not know whose runs to look for.

    Without it ``Flow("X")`` is an error where no USER is set, though our runs have one.
    """
    from metaflow import namespace
    from metaflow.client import core

    if core.current_namespace is False and unnamed_user(os.environ):
        namespace(f"user:{user_name()}")


def run_of(pathspec: str, metadata: str | None) -> Run:
    """Return the ``metaflow.Run`` of a pathspec, whatever the caller's namespace.

    Parameters
    ----------
    pathspec : str
        ``"<flow name>/<run id>"``.
    metadata : str or None
        Where the run is recorded (``"local@/path"``, ``"service@url"``), as Metaflow's
        ``--runner-attribute-file`` tells it; the caller may use another one.
    """
    from metaflow import Run

    _name_the_namespace()
    return Run(pathspec, _namespace_check=False, _current_metadata=metadata)


def task_of(pathspec: str, metadata: str | None) -> Task:
    """Return the ``metaflow.Task`` of ``"<flow>/<run>/<step>/<task>"``; see `run_of`."""
    from metaflow import Task

    _name_the_namespace()
    return Task(pathspec, _namespace_check=False, _current_metadata=metadata)


def task_if_reachable(pathspec: str, metadata: str | None) -> Task | None:
    """Return what `task_of` does, or None where the task cannot be read from here."""
    from metaflow.exception import MetaflowException

    try:
        return task_of(pathspec, metadata)
    except (MetaflowException, OSError):
        return None
