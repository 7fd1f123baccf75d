"""The cards that tasks of a run have made."""

from __future__ import annotations

from typing import Any

from traitlets import Dict, List

from nbrunner.engine import cards as task_cards
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.widgets.run_data import RunData

# Of each step; looking for cards asks the storage once for each task.
MAX_TASKS = 100


class Cards(RunData, bundle="cards"):
    """The cards of a run's tasks; the page of one when it is asked for.

    A card is a page with scripts: it is shown in a frame of its own, from which
    neither the notebook nor its cookies can be reached; what it loads from elsewhere comes.

    Parameters
    ----------
    running : ExecutingRun or ExecutingTask
    aside : callable, optional
        As for `Artifacts`.

    Attributes
    ----------
    rows : list of dict
        ``key``, ``step``, ``task``, ``type`` and ``id`` (empty if the card has none).
    """

    rows = List(Dict()).tag(sync=True)

    _cards: dict[str, Any]

    def _load(self) -> str:
        cards: dict[str, Any] = {}
        rows: list[dict[str, str]] = []
        metadata = self._running.attributes.get("metadata")
        folder = getattr(self._running, "record", {}).get("cwd")
        for step in self._steps():
            for task_id in self._task_ids(step, MAX_TASKS):
                found = task_cards.cards_of(self._task(step, task_id), metadata, folder)
                for number, card in enumerate(found):
                    key = f"{step}/{task_id}/{number}"
                    cards[key] = card
                    about = {"type": str(card.type), "id": str(card.id or "")}
                    rows.append({"key": key, "step": step, "task": task_id, **about})
        self._cards = cards
        self.rows = rows
        return ""

    def _answer(self, asked: dict[str, Any]) -> None:
        page = self._cards[str(asked["card"])].get()
        self.send({"kind": wire.CARD, "id": asked.get("id"), "html": page})
