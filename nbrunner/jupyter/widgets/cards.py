"""The cards that tasks of a run have made, also while they are being made."""

from __future__ import annotations

import hashlib
import time

from traitlets import Dict, List, Unicode

from nbrunner.engine import cards as task_cards
from nbrunner.engine.cards import Card
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.serial_executors import Submit
from nbrunner.jupyter.widgets.run_data import DataRequest, HasResults, RunData

# Per step; the storage is queried once for each task.
MAX_TASKS = 100

# Intervals while a run is running: reading the card that is shown, and listing the cards.
_LOOK_SECONDS = 1.0
_LIST_SECONDS = 5.0


class Cards(RunData, bundle="cards"):
    """The list of cards of a run's tasks; a card's page is loaded on demand.

    A card is a page with scripts. It is shown in a sandboxed frame, without access to the
    notebook and its cookies; it may load content from other sites.

    Parameters
    ----------
    running : ExecutingRun or ExecutingTask
        The run.
    aside : callable, optional
        See `Artifacts`.

    Attributes
    ----------
    rows : list of dict
        ``key``, ``step``, ``task``, ``type``, ``id`` (empty if the card has none) and ``stamp``,
        which changes when the card does.
    shown : str
        The key of the card that a page shows.
    """

    rows = List(Dict()).tag(sync=True)
    shown = Unicode().tag(sync=True)

    _cards: dict[str, Card]
    _looked_at = _listed_at = 0.0
    _looking = False
    _saw_end = False

    def __init__(self, running: HasResults, aside: Submit | None = None, **traits: object) -> None:
        self._sent: dict[str, str] = {}  # the content that pages have, as a digest
        self._changes: dict[str, int] = {}
        super().__init__(running, aside, **traits)

    def show(self, over: bool) -> bool:
        """Look for what has changed since; see `nbrunner.jupyter.kernel.feed.Shows`."""
        if self.unfolded:
            self._follow(over, time.monotonic())
        return super().show(over)

    def _follow(self, over: bool, now: float) -> None:
        ended_now = over and not self._saw_end
        self._saw_end = over
        if ended_now or (not over and now - self._listed_at >= _LIST_SECONDS):
            self._listed_at = self._looked_at = now
            self.reload()
        elif not over and self.shown and now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            if not self._looking:  # a storage may be slower than that
                self._looking = True
                self._aside(self._look)

    def _look(self) -> None:
        """Look whether the card that is shown has changed."""
        try:
            key = self.shown
            row = next((each for each in self.rows if each["key"] == key), None)
            if row is None:
                return
            found = self._cards_of(row["step"], row["task"])
            self._cards.update(found)
            if key in found:
                stamp = self._stamp(key, found[key])
                self.rows = [
                    {**each, "stamp": stamp} if each["key"] == key else each for each in self.rows
                ]
        except Exception as error:  # an error of a storage, or of a card that is being written
            self.log.debug("a card could not be read, and is tried again: %s", error)
        finally:
            self._looking = False

    def _load(self) -> str:
        cards: dict[str, Card] = {}
        rows: list[dict[str, str]] = []
        for step in self._steps():
            for task_id in self._task_ids(step, MAX_TASKS):
                for key, card in self._cards_of(step, task_id).items():
                    cards[key] = card
                    about = {"type": str(card.type), "id": str(card.id or "")}
                    about["stamp"] = self._stamp(key, card)
                    rows.append({"key": key, "step": step, "task": task_id, **about})
        self._cards = cards
        self.rows = rows
        return ""

    def _cards_of(self, step: str, task_id: str) -> dict[str, Card]:
        """Return the cards of a task by their keys."""
        metadata = self._running.attributes.get("metadata")
        folder = getattr(self._running, "record", {}).get("cwd")
        found = task_cards.cards_of(self._task(step, task_id), metadata, folder)
        return {f"{step}/{task_id}/{number}": card for number, card in enumerate(found)}

    def _answer(self, asked: DataRequest) -> None:
        key = str(asked["card"])
        page = self._cards[key].get()
        self._sent[key] = _digest(page)
        self.send({"kind": wire.CARD, "id": asked.get("id"), "html": page})

    def _stamp(self, key: str, card: Card) -> str:
        """Return a stamp that changes with the card; the card that is shown is read for it."""
        if key == self.shown and key in self._sent and _digest(card.get()) != self._sent[key]:
            self._changes[key] = self._changes.get(key, 0) + 1
        return f"{card.path} {self._changes.get(key, 0)}"


def _digest(page: str) -> str:
    return hashlib.sha256(page.encode("utf-8", "replace")).hexdigest()
