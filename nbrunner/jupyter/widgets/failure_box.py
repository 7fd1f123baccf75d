"""Widget with the failure of a run; the user's own lines come first."""

from __future__ import annotations

from traitlets import Instance

from nbrunner.engine.failure import Failure
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.text.printable import visible


class FailureBox(Widget, bundle="failure_box"):
    """The failure of a run; empty if there is none.

    Attributes
    ----------
    failure : dict or None
        ``step``, ``task``, ``exception``, ``message``, ``source``, ``traceback``.
    """

    failure: object = Instance(dict, allow_none=True).tag(sync=True)

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
