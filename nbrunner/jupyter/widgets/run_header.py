"""Widget with the first lines of a panel: state, name, time, arguments and buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from traitlets import Bunch, Dict, Enum, Float, List, Unicode, validate

from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.protocols import Content
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.jupyter.widgets.run_table import Action
from nbrunner.status import LABELS
from nbrunner.text.printable import visible


class RunHeader(Widget, bundle="run_header"):
    """The header of a run's panel.

    Parameters
    ----------
    on_action : callable, optional
        Called with the name of a clicked action in the thread that receives the message.

    Attributes
    ----------
    label : str
        Accessible name of the panel.
    title : str
        Name of the run.
    status, detail : str
        See `StatusBadge`.
    elapsed : float or None
        Duration in seconds; None if unknown.
    parameters : list of [name, text]
        Parameters and options of the run.
    tags : list of str
        Tags of the run.
    warning : str
        Warning or error message; empty if there is none.
    actions : list of dict
        ``name``, ``label``, ``disabled``, ``hint`` of each button.
    code : dict
        ``magic`` and ``python`` code for the "Copy code" button.
    """

    label = Unicode().tag(sync=True)
    title = Unicode().tag(sync=True)
    status = Enum(list(LABELS.values()), "starting").tag(sync=True)
    detail = Unicode().tag(sync=True)
    elapsed = Float(None, allow_none=True).tag(sync=True)
    parameters = List(List(Unicode())).tag(sync=True)
    tags = List(Unicode()).tag(sync=True)
    warning = Unicode().tag(sync=True)
    actions = cast("List[Action]", List(Dict())).tag(sync=True)
    code = Dict({"magic": "", "python": ""}).tag(sync=True)

    @validate("parameters")
    def _visible_parameters(self, proposal: Bunch) -> list[list[str]]:
        return [[visible(text) for text in pair] for pair in proposal["value"]]

    @validate("tags")
    def _visible_tags(self, proposal: Bunch) -> list[str]:
        return [visible(tag) for tag in proposal["value"]]

    @validate("warning")
    def _visible_warning(self, proposal: Bunch) -> str:
        return visible(proposal["value"])

    def __init__(self, on_action: Callable[[str], None] | None = None, **traits: object) -> None:
        super().__init__(**traits)
        self._on_action = on_action
        self.on_msg(self._message)

    def _message(self, _widget: object, content: Content, _buffers: object) -> None:
        if content.get("kind") != wire.ACTION:
            return
        name = content.get("name")
        try:
            if name in wire.ACTIONS and self._on_action is not None:
                self._on_action(name)
        finally:
            self._answer_action(content)
