"""Metaflow's Client, imported on first use.

Apart from `nbrunner.engine.cards` this is the only module that imports metaflow in the user's
process: the import takes a fifth of a second and is not needed to start, follow or stop a run.
Functions that use private names of Metaflow are decorated with ``needs_metaflow``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from nbrunner.engine.metaflow_versions import needs_metaflow
from nbrunner.environment import unnamed_user, user_name
from nbrunner.errors import MetaflowVersionError

if TYPE_CHECKING:
    from metaflow import Flow, Run, Step, Task, namespace

__all__ = ["Flow", "Run", "Step", "Task", "namespace"]
_T = TypeVar("_T")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'nbrunner.engine.client' has no attribute {name!r}")
    import metaflow

    _name_the_namespace()
    return getattr(metaflow, name)


def _name_the_namespace() -> None:
    """Set the namespace to that of our runs if Metaflow cannot determine the user.

    Otherwise ``Flow("X")`` raises if USER is not set, although our runs have a user.
    """
    from metaflow import namespace
    from metaflow.client import core

    if unnamed_user(os.environ) and getattr(core, "current_namespace", None) is False:
        namespace(f"user:{user_name()}")


def is_metaflow_name(name: str) -> bool:
    """Return whether ``from metaflow import name`` works."""
    return metaflow_object(name) is not None


def metaflow_object(name: str) -> Any:
    """Return the object of ``from metaflow import name``; None if that raises."""
    import metaflow

    return getattr(metaflow, name, None)


LOCAL_ROOT = "METAFLOW_DATASTORE_SYSROOT_LOCAL"


@needs_metaflow("its configuration")
def local_root() -> str | None:
    """Return the configured root of local runs; None for the current directory."""
    from metaflow import metaflow_config

    root: str | None = metaflow_config.DATASTORE_SYSROOT_LOCAL
    return root


@needs_metaflow("its configuration")
def metaflow_settings() -> dict[str, str]:
    """Return Metaflow's configuration in this process: profile, metadata, datastore."""
    from metaflow import get_metadata, get_namespace, metaflow_config

    _name_the_namespace()
    return {
        "profile": os.environ.get("METAFLOW_PROFILE") or "default",
        "metadata": get_metadata(),
        "datastore": metaflow_config.DEFAULT_DATASTORE,
        "namespace": str(get_namespace()),
    }


@needs_metaflow("runs of other namespaces")
def run_of(pathspec: str, metadata: str | None) -> Run:
    """Return the ``metaflow.Run`` of a pathspec, independent of the caller's namespace.

    Parameters
    ----------
    pathspec : str
        ``"<flow name>/<run id>"``.
    metadata : str or None
        Metadata provider of the run (``"local@/path"``, ``"service@url"``) from Metaflow's
        ``--runner-attribute-file``; it may differ from the caller's.
    """
    from metaflow import Run

    _name_the_namespace()
    return Run(pathspec, _namespace_check=False, _current_metadata=metadata)


@needs_metaflow("tasks of other namespaces")
def task_of(pathspec: str, metadata: str | None) -> Task:
    """Return the ``metaflow.Task`` of ``"<flow>/<run>/<step>/<task>"``; see `run_of`."""
    from metaflow import Task

    _name_the_namespace()
    return Task(pathspec, _namespace_check=False, _current_metadata=metadata)


def if_reachable(read: Callable[[], _T]) -> _T | None:
    """Return the result of a read, or None if it fails, for example in another directory."""
    from metaflow.exception import MetaflowException

    try:
        return read()
    except (MetaflowException, OSError):
        return None


def reachable_task(pathspec: str, metadata: str | None) -> Task | None:
    """Return a task, or None if it cannot be read from here or with this Metaflow."""
    try:
        return if_reachable(lambda: task_of(pathspec, metadata))
    except MetaflowVersionError:
        return None


def error_headlines() -> frozenset[str]:
    """Return the headlines of Metaflow's own errors, such as ``"Cannot pickle artifact"``."""
    from metaflow.exception import MetaflowException

    kinds, found = [MetaflowException], set()
    while kinds:
        kind = kinds.pop()
        found.add(str(kind.headline))
        kinds += kind.__subclasses__()
    return frozenset(found)


# Upper bound of pickle's overhead for a short str.
_PICKLED_BYTES = 100


@dataclass(frozen=True)
class Artifact:
    """Properties of an artifact that are known without loading it.

    Attributes
    ----------
    name : str
        Name of the artifact.
    type : str
        Type of the value, such as ``"pandas.core.frame.DataFrame"``; empty if not recorded.
    size : int or None
        Size of the pickled value in bytes.
    """

    name: str
    type: str
    size: int | None


def task_ids(run: Run, step: str, at_most: int) -> list[str]:
    """Return the ids of a step's tasks, oldest first; at most ``at_most``, the newest ones."""
    # Metaflow lists the newest first.
    return [task.id for task in islice(run[step], at_most)][::-1]


@needs_metaflow("artifacts without loading them")
def artifacts_of(task: Task) -> list[Artifact] | None:
    """Return the artifacts of a task, sorted by name, without Metaflow's own.

    None if nothing is stored: the task has not finished, or was stopped before it could.
    """
    from metaflow.datastore.exceptions import DataException

    try:
        infos = _artifact_infos(task)
    except DataException:  # the latest attempt is not complete
        return None
    found = []
    for artifact in task:
        info = infos.get(artifact.id, {})
        if _is_metaflows_name(artifact, info):
            continue
        type_name = str(info.get("type") or "").removeprefix("<class '").removesuffix("'>")
        found.append(Artifact(artifact.id, type_name, info.get("size")))
    return sorted(found, key=lambda each: each.name)


def _is_metaflows_name(artifact: Any, info: dict[str, Any]) -> bool:
    """Return whether this is the flow's name, which Metaflow stores with every task."""
    flow: str = artifact.path_components[0]
    if artifact.id != "name" or (info.get("size") or 0) > len(flow) + _PICKLED_BYTES:
        return False
    return bool(artifact.data == flow)


def _artifact_infos(task: Task) -> dict[str, dict[str, Any]]:
    """Return the datastore's information about each artifact, in one read."""
    from metaflow.plugins import DATASTORES

    facts = task.metadata_dict
    storage = next((each for each in DATASTORES if facts.get("ds-type") == each.TYPE), None)
    if storage is None:  # task of an older Metaflow
        return {}
    flow, run, step, name = task.path_components
    flows = flow_store(flow, storage, facts.get("ds-root"))
    store = flows.get_task_datastore(run, step, name, attempt=task.current_attempt)
    return dict(store.ds_metadata["info"])


def flow_store(flow: str, storage: object, root: str | None) -> Any:
    """Return Metaflow's datastore of a flow."""
    from metaflow.datastore import FlowDataStore

    return FlowDataStore(flow, storage_impl=storage, ds_root=root)


@dataclass(frozen=True)
class StoredRun:
    """A run as stored by Metaflow.

    Attributes
    ----------
    pathspec : str
        ``"<flow name>/<run id>"``.
    created : float
        Start time, in seconds since the epoch.
    seconds : float or None
        Duration; None if it has not finished.
    status : str
        ``"successful"``, ``"failed"``, or ``"unfinished"``: running or killed, which Metaflow's
        Client does not distinguish.
    tags : tuple of str
        The user's tags.
    user : str
        User who started the run.
    parameters : dict
        Parameters with small values.
    """

    pathspec: str
    created: float
    seconds: float | None
    status: str
    tags: tuple[str, ...]
    user: str
    parameters: dict[str, Any]


# Artifacts that Metaflow stores next to the parameters.
_NOT_PARAMETERS = frozenset({"name", "script_name"})
_SMALL_BYTES = 2048


def current_namespace() -> str | None:
    """Return the namespace that Metaflow's Client uses; None for all."""
    from metaflow import get_namespace

    _name_the_namespace()
    found: str | None = get_namespace()
    return found


@needs_metaflow("the runs of a flow")
def run_starts(flow: str) -> dict[str, float]:
    """Return run id -> start time (seconds since the epoch) of a flow's runs, in all namespaces.

    Runs in a local datastore are listed by their directories, as reading thousands of runs
    with the Client takes seconds.
    """
    from metaflow import Flow, get_metadata
    from metaflow.exception import MetaflowNotFound

    if not flow.isidentifier():  # not a class name
        return {}
    kind, _, where = get_metadata().partition("@")
    if kind == "local":
        return _local_run_starts(where, flow)
    try:
        return {run.id: run.created_at.timestamp() for run in Flow(flow, _namespace_check=False)}
    except MetaflowNotFound:
        return {}


def _local_run_starts(where: str, flow: str) -> dict[str, float]:
    from metaflow.metaflow_config import DATASTORE_LOCAL_DIR

    folder = os.path.join(where, DATASTORE_LOCAL_DIR, flow)
    try:
        with os.scandir(folder) as entries:
            names = [each.name for each in entries if each.name[0] not in "_." and each.is_dir()]
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            return {}
        raise
    # A run id is its start time in microseconds, unless it was chosen otherwise.
    return {
        name: int(name) / 1e6 if name.isdigit() else _noted_start(os.path.join(folder, name))
        for name in names
        if name != "data"
    }


def _noted_start(run: str) -> float:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        with open(os.path.join(run, "_meta", "_self.json"), "rb") as file:
            return float(json.load(file)["ts_epoch"] / 1000)
    return 0.0


def tags_of(pathspec: str) -> frozenset[str]:
    """Return all tags of a run, including Metaflow's, which are the namespaces it is in."""
    return frozenset(run_of(pathspec, None).tags)


@needs_metaflow("past runs")
def stored_run(pathspec: str) -> StoredRun:
    """Return a run as stored by Metaflow, independent of the caller's namespace."""
    run = run_of(pathspec, None)
    created = run.created_at.timestamp()
    finished = run.finished_at
    user = next((tag[5:] for tag in run.system_tags if tag.startswith("user:")), "")
    return StoredRun(
        pathspec,
        created,
        None if finished is None else finished.timestamp() - created,
        _status(run),
        tuple(sorted(run.user_tags)),
        user,
        parameters_of(run),
    )


def _status(run: Run) -> str:
    if run.finished:
        return "successful" if run.successful else "failed"
    task = next((step.task for step in run), None)  # task of the latest step
    ended = task is not None and task.finished_at is not None and not task.successful
    return "failed" if ended else "unfinished"


def parameters_of(run: Run) -> dict[str, Any]:
    """Return the parameters of a run with small values, defaults included."""
    from metaflow.exception import MetaflowNotFound

    try:
        task = run["_parameters"].task
    except (KeyError, MetaflowNotFound):  # it has just started
        return {}
    if task is None:
        return {}
    small = {
        each.name
        for each in artifacts_of(task) or ()
        if each.name not in _NOT_PARAMETERS and (each.size or 0) <= _SMALL_BYTES
    }
    return {artifact.id: artifact.data for artifact in task if artifact.id in small}


def has_run(flow: str, step: str) -> bool:
    """Return whether the latest run of a flow in this namespace has reached a step."""
    from metaflow import Flow

    run = if_reachable(lambda: Flow(flow).latest_run)
    return run is not None and step in [each.id for each in run]


def step_names(pathspec: str) -> list[str]:
    """Return the started steps of a run, in the order of their start."""
    return [step.id for step in run_of(pathspec, None)][::-1]
