"""What the widgets over a run's stored results have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from traitlets import Bool, Unicode

from nbrunner.engine import client
from nbrunner.engine.progress import Progress
from nbrunner.errors import said
from nbrunner.handles import ExecutingTask
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.serial_executors import Aside, Submit
from nbrunner.jupyter.widgets.base import Widget


class HasResults(Protocol):
    """What these widgets need of a run."""

    @property
    def pathspec(self) -> str | None: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...
    @property
    def progress(self) -> Progress: ...


class RunData(Widget):
    """Reads what Metaflow's Client knows of a run, beside everything else.

    A metadata service or a bucket may answer slowly: all reading is done in a thread of its
    own, and nothing is read while the widget is folded.

    Attributes
    ----------
    unfolded : bool
    loading : bool
    error : str
    """

    unfolded = Bool().tag(sync=True)
    loading = Bool().tag(sync=True)
    error = Unicode().tag(sync=True)

    def __init__(self, running: HasResults, aside: Submit | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self._running = running
        self._aside = aside or Aside(f"nbrunner-{self.bundle_name}")
        self._waiting = False
        self._loaded_at = -1
        self.on_msg(self._asked)
        self.observe(lambda _: self.reload(), "unfolded")

    def show(self, over: bool) -> bool:
        """Read again if tasks have ended since; see `nbrunner.jupyter.kernel.feed.Shows`."""
        if self.unfolded and self._ended_tasks() != self._loaded_at:
            self.reload()
        return False

    def reload(self) -> None:
        """Read again what is shown, soon."""
        if not self.unfolded or self._waiting:
            return
        self._waiting = True
        self._aside(self._load_again)

    def _load_again(self) -> None:
        self._waiting = False
        self._loaded_at = self._ended_tasks()
        self.loading = True
        try:
            self.error = self._load()
        except Exception as error:  # of Metaflow or of a storage; shown where it was asked for
            self.error = said(error)
        finally:
            self.loading = False

    def _ended_tasks(self) -> int:
        tasks = self._running.progress.tasks
        return tasks.done + tasks.failed + tasks.cloned

    def _load(self) -> str:
        """Read what is shown; return why nothing is, where that needs to be said."""
        raise NotImplementedError

    def _answer(self, content: dict[str, Any]) -> None:
        raise NotImplementedError

    # -- what is there ------------------------------------------------------------------

    def _steps(self) -> list[str]:
        """Return the steps that have had tasks, in their order."""
        steps = self._running.progress.steps.items()
        return [name for name, counts in steps if counts.total > counts.pending]

    def _task_ids(self, step: str, at_most: int) -> list[str]:
        if isinstance(self._running, ExecutingTask):
            task_id = self._running.attributes.get("task_id")
            return [str(task_id)] if task_id else []
        run = client.run_of(str(self._running.pathspec), self._running.attributes.get("metadata"))
        return client.task_ids(run, step, at_most)

    def _task(self, step: str, task_id: str) -> Any:
        if isinstance(self._running, ExecutingTask):
            return self._running.task
        metadata = self._running.attributes.get("metadata")
        return client.task_of(f"{self._running.pathspec}/{step}/{task_id}", metadata)

    # -- asked by the front end ---------------------------------------------------------

    def _asked(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("kind") == wire.RELOAD:
            self.reload()
        elif content.get("kind") in (wire.VALUE, wire.CARD):
            self._aside(lambda: self._try(self._answer, content))

    def _try(self, answer: Callable[[dict[str, Any]], None], asked: dict[str, Any]) -> None:
        try:
            answer(asked)
        except Exception as error:  # a value may need what is not installed here, and more
            self.send({"kind": wire.ERROR, "id": asked.get("id"), "text": said(error)})
