"""A form: a labelled control for each field, and a button that runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from traitlets import Bool, Dict, List, Unicode, validate

from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.text.printable import visible


class LaunchForm(Widget, bundle="launch_form"):
    """Fields and what is wrong with them.

    Parameters
    ----------
    on_action : callable, optional
        Called with ``"run"`` or ``"take"``, in whichever thread the message arrives.

    Attributes
    ----------
    label : str
        Accessible name of the region.
    title, doc : str
    fields : list of dict
        As `nbrunner.jupyter.panels.launch_fields.fields_of` gives them.
    values : dict
        What the fields hold; of one that is missing, its default.
    errors : dict of str to str
        What is wrong with a field; under ``""`` with all of it.
    code : str
        The equal magic line.
    ready : bool
        Whether the button can be pressed.
    earlier : list of dict
        ``key`` and ``label`` of runs whose values can be taken.
    """

    label = Unicode().tag(sync=True)
    title = Unicode().tag(sync=True)
    doc = Unicode().tag(sync=True)
    fields = List(Dict()).tag(sync=True)
    values = Dict().tag(sync=True)
    errors = Dict().tag(sync=True)
    code = Unicode().tag(sync=True)
    ready = Bool().tag(sync=True)
    earlier = List(Dict()).tag(sync=True)

    @validate("doc")
    def _visible_doc(self, proposal: Any) -> str:
        return visible(proposal["value"])

    @validate("fields")
    def _visible_help(self, proposal: Any) -> list[dict[str, Any]]:
        return [{**field, "help": visible(field.get("help", ""))} for field in proposal["value"]]

    @validate("errors")
    def _visible_errors(self, proposal: Any) -> dict[str, str]:
        return {name: visible(error) for name, error in proposal["value"].items()}

    def __init__(self, on_action: Callable[[str, str], None] | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self._on_action = on_action
        self.on_msg(self._message)

    def _message(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("kind") != wire.ACTION:
            return
        try:
            if self._on_action is not None:
                self._on_action(str(content.get("name")), str(content.get("key", "")))
        finally:
            self._answer_action(content)
