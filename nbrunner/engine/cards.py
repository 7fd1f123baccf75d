"""The cards of a task, from any place where Metaflow stores them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nbrunner.engine.client import flow_store, task_of
from nbrunner.engine.metaflow_versions import needs_metaflow

if TYPE_CHECKING:
    from metaflow import Task


class Card(Protocol):
    """Metaflow's card, as far as it is used."""

    path: str
    type: str
    id: str | None

    def get(self) -> str:
        """Return the HTML page."""
        ...


@needs_metaflow("cards")
def cards_of(task: Task, metadata: str | None, folder: str | None = None) -> list[Card]:
    """Return the cards of a task; for a cloned task, those of its origin task.

    Parameters
    ----------
    task : metaflow.Task
        The task.
    metadata : str or None
        Metadata provider of the run.
    folder : str, optional
        Working directory of the run.
    """
    from metaflow.cards import get_cards
    from metaflow.plugins.cards.exception import CardNotPresentException

    # Metaflow would look up the origin in the caller's namespace and metadata provider.
    while origin := _origin_of(task):
        task = task_of(origin, metadata)
    with contextlib.suppress(CardNotPresentException):
        if found := list(get_cards(task, follow_resumed=False)):
            return found
    with contextlib.suppress(CardNotPresentException):
        return _cards_beside(task, folder) if folder else []
    return []


def _cards_beside(task: Task, folder: str) -> list[Card]:
    """Return the cards of a local task stored next to its directory.

    Metaflow reads cards from the datastore's location, but always writes them to the nearest
    ``.metaflow`` above the directory (``CardDatastore.get_storage_root``).
    """
    from metaflow.metaflow_config import CARD_SUFFIX, DATASTORE_LOCAL_DIR
    from metaflow.plugins.cards.card_client import CardContainer
    from metaflow.plugins.cards.card_resolver import resolve_paths_from_task
    from metaflow.plugins.datastores.local_storage import LocalStorage

    if task.metadata_dict.get("ds-type") != LocalStorage.TYPE:
        return []
    above = (Path(folder), *Path(folder).parents)
    roots = (each / DATASTORE_LOCAL_DIR for each in above)
    root = next((each for each in roots if each.is_dir()), None)
    if root is None:
        return []
    place = str(root / CARD_SUFFIX)
    store = flow_store(task.path_components[0], LocalStorage, place)
    paths, cards = resolve_paths_from_task(store, pathspec=task.pathspec)
    return list(CardContainer(paths, cards))


def _origin_of(task: Task) -> str:
    facts = task.metadata_dict
    run, name = facts.get("origin-run-id"), facts.get("origin-task-id")
    flow, _, step, _ = task.path_components
    return f"{flow}/{run}/{step}/{name}" if run and name else ""
