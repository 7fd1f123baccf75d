"""The base class of widgets that show stored results of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypedDict

from traitlets import Bool, Unicode

from nbrunner.engine import client
from nbrunner.engine.progress import Progress
from nbrunner.errors import said
from nbrunner.handles import ExecutingTask
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.serial_executors import Aside, Submit
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.record.schema import Attributes

if TYPE_CHECKING:
    from metaflow import Task


class DataRequest(TypedDict, total=False):
    """A request of the page: ``kind`` and ``id``, and what they are about."""

    kind: str
    id: str
    name: str
    large: bool
    card: str


class HasResults(Protocol):
    """The attributes of a run that these widgets use."""

    @property
    def pathspec(self) -> str | None:
        """``"<flow name>/<run id>"``; None until the run has an id."""
        ...

    @property
    def attributes(self) -> Attributes:
        """Metaflow's attributes of the run."""
        ...

    @property
    def progress(self) -> Progress:
        """The progress of its steps."""
        ...


class RunData(Widget):
    """Reads results of a run with Metaflow's Client, in the background.

    A metadata service or bucket may be slow: all reading is done in a thread, and nothing is read
    while the widget is folded.

    Attributes
    ----------
    unfolded : bool
        True if the content is visible.
    loading : bool
        True while results are being read.
    error : str
        Message of the last error; empty if there is none.
    """

    unfolded = Bool().tag(sync=True)
    loading = Bool().tag(sync=True)
    error = Unicode().tag(sync=True)

    def __init__(self, running: HasResults, aside: Submit | None = None, **traits: object) -> None:
        super().__init__(**traits)
        self._running = running
        self._aside = aside or Aside(f"nbrunner-{self.bundle_name}")
        self._waiting = False
        self._loaded_at = -1
        self.on_msg(self._asked)
        self.observe(lambda _: self.reload(), "unfolded")

    def show(self, over: bool) -> bool:
        """Read again if more tasks have ended; see `nbrunner.jupyter.kernel.feed.Shows`."""
        if self.unfolded and self._ended_tasks() != self._loaded_at:
            self.reload()
        return False

    def reload(self) -> None:
        """Schedule reading the content again."""
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
        except Exception as error:  # raised by Metaflow or a storage; shown in the widget
            self.error = said(error)
        finally:
            self.loading = False

    def _ended_tasks(self) -> int:
        tasks = self._running.progress.tasks
        return tasks.done + tasks.failed + tasks.cloned

    def _load(self) -> str:
        """Read the content; return a message if it is empty for a reason."""
        raise NotImplementedError

    def _answer(self, content: DataRequest) -> None:
        raise NotImplementedError

    # -- reading ------------------------------------------------------------------------

    def _steps(self) -> list[str]:
        """Return the steps that have had tasks, in order."""
        steps = self._running.progress.steps.items()
        return [name for name, counts in steps if counts.total > counts.pending]

    def _task_ids(self, step: str, at_most: int) -> list[str]:
        if isinstance(self._running, ExecutingTask):
            task_id = self._running.attributes.get("task_id")
            return [str(task_id)] if task_id else []
        run = client.run_of(str(self._running.pathspec), self._running.attributes.get("metadata"))
        return client.task_ids(run, step, at_most)

    def _task(self, step: str, task_id: str) -> Task:
        if isinstance(self._running, ExecutingTask):
            return self._running.task
        metadata = self._running.attributes.get("metadata")
        return client.task_of(f"{self._running.pathspec}/{step}/{task_id}", metadata)

    # -- requests of the front end ------------------------------------------------------

    def _asked(self, _widget: object, content: DataRequest, _buffers: object) -> None:
        if content.get("kind") == wire.RELOAD:
            self.reload()
        elif content.get("kind") in (wire.VALUE, wire.CARD):
            self._aside(lambda: self._try(self._answer, content))

    def _try(self, answer: Callable[[DataRequest], None], asked: DataRequest) -> None:
        try:
            answer(asked)
        except Exception as error:  # for example a package that is not installed here
            self.send({"kind": wire.ERROR, "id": asked.get("id"), "text": said(error)})
