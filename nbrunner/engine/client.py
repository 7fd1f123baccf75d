"""Metaflow's Client, imported when it is first asked for.

With `nbrunner.engine.cards` the only module that imports metaflow in the user's process: the import
takes a fifth of a second and is not needed to start, follow or stop a run. What uses private names
of Metaflow is marked by ``needs_metaflow``.
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
    """Look where our runs are tagged, if Metaflow would not know whose runs to look for.

    Without it ``Flow("X")`` is an error where no USER is set, though our runs have one.
    """
    from metaflow import namespace
    from metaflow.client import core

    if unnamed_user(os.environ) and getattr(core, "current_namespace", None) is False:
        namespace(f"user:{user_name()}")


LOCAL_ROOT = "METAFLOW_DATASTORE_SYSROOT_LOCAL"


@needs_metaflow("its configuration")
def local_root() -> str | None:
    """Return the folder that Metaflow is told to keep local runs in; None for the directory."""
    from metaflow import metaflow_config

    root: str | None = metaflow_config.DATASTORE_SYSROOT_LOCAL
    return root


@needs_metaflow("its configuration")
def metaflow_settings() -> dict[str, str]:
    """Return which Metaflow configuration this process has: profile, metadata, datastore."""
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


@needs_metaflow("tasks of other namespaces")
def task_of(pathspec: str, metadata: str | None) -> Task:
    """Return the ``metaflow.Task`` of ``"<flow>/<run>/<step>/<task>"``; see `run_of`."""
    from metaflow import Task

    _name_the_namespace()
    return Task(pathspec, _namespace_check=False, _current_metadata=metadata)


def if_reachable(read: Callable[[], _T]) -> _T | None:
    """Return what is read, or None where it cannot be read from here: in another folder, say."""
    from metaflow.exception import MetaflowException

    try:
        return read()
    except (MetaflowException, OSError):
        return None


def reachable_task(pathspec: str, metadata: str | None) -> Task | None:
    """Return a task, or None where it cannot be read from here or with this Metaflow."""
    try:
        return if_reachable(lambda: task_of(pathspec, metadata))
    except MetaflowVersionError:
        return None


def error_headlines() -> frozenset[str]:
    """Return what Metaflow writes above its own errors: ``"Cannot pickle artifact"``."""
    from metaflow.exception import MetaflowException

    kinds, found = [MetaflowException], set()
    while kinds:
        kind = kinds.pop()
        found.add(str(kind.headline))
        kinds += kind.__subclasses__()
    return frozenset(found)


# What pickle puts around a short text, and more.
_PICKLED_BYTES = 100


@dataclass(frozen=True)
class Artifact:
    """What is known of an artifact without loading it.

    Attributes
    ----------
    name : str
    type : str
        Of the value, as ``"pandas.core.frame.DataFrame"``; empty where it was not noted.
    size : int or None
        Bytes of the pickled value.
    """

    name: str
    type: str
    size: int | None


def task_ids(run: Run, step: str, at_most: int) -> list[str]:
    """Return ids of a step's tasks, oldest first; of more than so many the newest."""
    # Metaflow gives the newest first.
    return [task.id for task in islice(run[step], at_most)][::-1]


@needs_metaflow("artifacts without loading them")
def artifacts_of(task: Task) -> list[Artifact] | None:
    """Return the artifacts of a task, sorted by name; Metaflow's own are left out.

    None where nothing is stored: the task has not finished, or was ended before it could.
    """
    from metaflow.datastore.exceptions import DataException

    try:
        infos = _artifact_infos(task)
    except DataException:  # its latest attempt is not completed
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
    """Tell whether this is the flow's name, which Metaflow keeps with every task as ``name``."""
    flow: str = artifact.path_components[0]
    if artifact.id != "name" or (info.get("size") or 0) > len(flow) + _PICKLED_BYTES:
        return False
    return bool(artifact.data == flow)


def _artifact_infos(task: Task) -> dict[str, dict[str, Any]]:
    """Return what the datastore has noted of each artifact, in one read."""
    from metaflow.plugins import DATASTORES

    facts = task.metadata_dict
    storage = next((each for each in DATASTORES if facts.get("ds-type") == each.TYPE), None)
    if storage is None:  # written by a task of an older Metaflow
        return {}
    flow, run, step, name = task.path_components
    flows = flow_store(flow, storage, facts.get("ds-root"))
    store = flows.get_task_datastore(run, step, name, attempt=task.current_attempt)
    return dict(store.ds_metadata["info"])


def flow_store(flow: str, storage: Any, root: str | None) -> Any:
    """Return Metaflow's datastore of a flow."""
    from metaflow.datastore import FlowDataStore

    return FlowDataStore(flow, storage_impl=storage, ds_root=root)


@dataclass(frozen=True)
class StoredRun:
    """What Metaflow has stored of a run.

    Attributes
    ----------
    pathspec : str
    created : float
        Seconds since the epoch.
    seconds : float or None
        How long it took; None where it has not finished.
    status : str
        ``"successful"``, ``"failed"``, or ``"unfinished"``: it runs, or was ended without a
        word; Metaflow's Client does not tell which.
    tags : tuple of str
    user : str
    parameters : dict
        Small values alone.
    """

    pathspec: str
    created: float
    seconds: float | None
    status: str
    tags: tuple[str, ...]
    user: str
    parameters: dict[str, Any]


# What Metaflow itself puts beside the parameters.
_NOT_PARAMETERS = frozenset({"name", "script_name"})
_SMALL_BYTES = 2048


def current_namespace() -> str | None:
    """Return the namespace that Metaflow's Client looks in; None for all."""
    from metaflow import get_namespace

    _name_the_namespace()
    found: str | None = get_namespace()
    return found


@needs_metaflow("the runs of a flow")
def run_starts(flow: str) -> dict[str, float]:
    """Return the id of each run of a flow, whatever its namespace, and when it began.

    Runs of a local datastore are listed by their directories: reading each of thousands
    takes the Client seconds.
    """
    from metaflow import Flow, get_metadata
    from metaflow.exception import MetaflowNotFound

    if not flow.isidentifier():  # no class can be called so
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
    # An id is the time of its start in microseconds, unless somebody chose another.
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
    """Return all tags of a run, Metaflow's own among them; the namespaces it is in."""
    return frozenset(run_of(pathspec, None).tags)


@needs_metaflow("past runs")
def stored_run(pathspec: str) -> StoredRun:
    """Return what Metaflow has stored of a run, whatever its namespace."""
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
        _parameters(run),
    )


def _status(run: Run) -> str:
    if run.finished:
        return "successful" if run.successful else "failed"
    task = next((step.task for step in run), None)  # of the latest step
    ended = task is not None and task.finished_at is not None and not task.successful
    return "failed" if ended else "unfinished"


def _parameters(run: Run) -> dict[str, Any]:
    from metaflow.exception import MetaflowNotFound

    try:
        task = run["_parameters"].task
    except (KeyError, MetaflowNotFound):  # it has just begun
        return {}
    if task is None:
        return {}
    small = {
        each.name
        for each in artifacts_of(task) or ()
        if each.name not in _NOT_PARAMETERS and (each.size or 0) <= _SMALL_BYTES
    }
    return {artifact.id: artifact.data for artifact in task if artifact.id in small}


def step_names(pathspec: str) -> list[str]:
    """Return the steps of a run that have begun, in the order in which they did."""
    return [step.id for step in run_of(pathspec, None)][::-1]


def task_counts(run: Run) -> dict[str, tuple[int, int, int]]:
    """Return for each step how many of its tasks are done, failed, and unfinished."""
    found = {}
    for step in list(run)[::-1]:
        done = failed = unfinished = 0
        for task in step:
            if task.successful:
                done += 1
            elif task.finished_at is not None:
                failed += 1
            else:
                unfinished += 1
        found[step.id] = (done, failed, unfinished)
    return found
