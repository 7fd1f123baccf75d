"""Widget with the failure of a run; the user's own lines come first."""

from __future__ import annotations

from typing import TypedDict, cast

from traitlets import Instance

from nbrunner.engine.failure import Failure
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.text.printable import visible


class SourceNote(TypedDict):
    """A source line of a traceback, as the page gets it."""

    place: str
    function: str
    text: str


class FailureNote(TypedDict):
    """A failure, as the page gets it."""

    step: str
    task: str
    exception: str
    message: str
    source: list[SourceNote]
    traceback: str


class FailureBox(Widget, bundle="failure_box"):
    """The failure of a run; empty if there is none.

    Attributes
    ----------
    failure : dict or None
        ``step``, ``task``, ``exception``, ``message``, ``source``, ``traceback``.
    """

    failure = cast("Instance[FailureNote | None]", Instance(dict, allow_none=True)).tag(sync=True)

    def show(self, failure: Failure | None) -> None:
        """Show a failure, with a long message truncated; None shows nothing."""
        self.failure = (
            None
            if failure is None
            else {
                "step": failure.step,
                "task": failure.task_id,
                "exception": failure.exception_type,
                "message": visible(failure.short.message),
                "source": [
                    {"place": each.place, "function": each.function, "text": visible(each.text)}
                    for each in failure.source
                ],
                "traceback": visible(failure.traceback),
            }
        )
