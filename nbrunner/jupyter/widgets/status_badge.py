"""Widget with the state of a run as a word and a shape."""

from __future__ import annotations

from traitlets import Enum, Unicode

from nbrunner.jupyter.widgets.base import Widget
from nbrunner.status import LABELS


class StatusBadge(Widget, bundle="status_badge"):
    """The state of a run.

    Attributes
    ----------
    status : str
        A label of `nbrunner.status.RUN_STATES`.
    detail : str
        Progress of a stop, ``"asked to stop"``; or how the process of a failed run ended.
    """

    status = Enum(list(LABELS.values()), "starting").tag(sync=True)
    detail = Unicode().tag(sync=True)
