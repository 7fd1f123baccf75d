"""Widget with a form: a labelled control for each field, and a Run button."""

from __future__ import annotations

from collections.abc import Callable

from traitlets import Bool, Bunch, Dict, List, Unicode, validate

from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.protocols import Content
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.text.printable import visible


class LaunchForm(Widget, bundle="launch_form"):
    """A form with fields and their errors.

    Parameters
    ----------
    on_action : callable, optional
        Called with ``"run"`` or ``"take"`` in the thread that receives the message.

    Attributes
    ----------
    label : str
        Accessible name of the region.
    title, doc : str
        Name and docstring of the flow.
    fields : list of dict
        Result of `nbrunner.jupyter.panels.launch_fields.fields_of`.
    values : dict
        Values by field name; a missing one means the default.
    errors : dict of str to str
        Error messages by field name; ``""`` for the whole form.
    code : str
        The equivalent magic line.
    ready : bool
        True if the Run button is enabled.
    earlier : list of dict
        ``key`` and ``label`` of runs whose values can be filled in.
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
    def _visible_doc(self, proposal: Bunch) -> str:
        return visible(proposal["value"])

    @validate("fields")
    def _visible_help(self, proposal: Bunch) -> list[dict[str, object]]:
        return [{**field, "help": visible(field.get("help", ""))} for field in proposal["value"]]

    @validate("errors")
    def _visible_errors(self, proposal: Bunch) -> dict[str, str]:
        return {name: visible(error) for name, error in proposal["value"].items()}

    def __init__(
        self, on_action: Callable[[str, str], None] | None = None, **traits: object
    ) -> None:
        super().__init__(**traits)
        self._on_action = on_action
        self.on_msg(self._message)

    def _message(self, _widget: object, content: Content, _buffers: object) -> None:
        if content.get("kind") != wire.ACTION:
            return
        try:
            if self._on_action is not None:
                self._on_action(str(content.get("name")), str(content.get("key", "")))
        finally:
            self._answer_action(content)
