"""The base of all widgets: their bundle, and how their messages reach a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets
from ipywidgets import Layout
from ipywidgets.widgets.widget import _instances, _remove_buffers

from nbrunner.errors import BundleMissingError
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.front_end import WIDGET_SESSIONS, no_cells_context
from nbrunner.jupyter.widgets.channel import Channel

STATIC = Path(__file__).parents[2] / "static"

# What a page has from the model's creation on, and is not sent again.
_FIXED = {"_esm", "_bundle_text", "_style_text", "_anywidget_id", "own_id"}
# What DOMWidget has for the view of a widget that stands by itself.
_OF_VIEW = {"layout", "tabbable", "tooltip", "_dom_classes", "_view_count"}


class Widget(anywidget.AnyWidget):
    """A widget whose bundle has the name of its module.

    It opens its comm when its `model_id` is asked for, as a display does. Inside a panel it
    needs none: see `nbrunner.jupyter.widgets.channel`.

    Raises
    ------
    BundleMissingError
        The package was installed from source without building the bundles.
    """

    bundle_name = ""
    _script = ""
    _style = ""
    # What the loader imports, which is anywidget's `_esm`. A page keeps every module that it has
    # imported, and anywidget imports one for each widget: so that one is small.
    _bundle_text = traitlets.Unicode(read_only=True).tag(sync=True)
    # Not anywidget's `_css`, which sets the text of the page's style sheet for each model anew.
    _style_text = traitlets.Unicode(read_only=True).tag(sync=True)
    own_id = traitlets.Unicode().tag(sync=True)

    comm: Channel | None

    def __init_subclass__(cls, bundle: str = "", **arguments: Any) -> None:
        if bundle:  # not of the classes that traitlets derives when a trait is added
            cls.bundle_name = bundle
            # As text: of a path anywidget keeps every instance, to tell it of changes.
            cls._script = _text(f"{bundle}.js")
            cls._style = _text(f"{bundle}.css")
            cls._esm = _text("loader.js") or "export default {}\n"
        super().__init_subclass__(**arguments)

    def __init__(self, **traits: Any) -> None:
        if not (STATIC / f"{self.bundle_name}.js").exists():
            raise BundleMissingError(
                f"{STATIC / self.bundle_name}.js is missing: nbrunner was installed from "
                "source without Node. Install Node 18 or newer and run `npm ci && npm run build` "
                "in js/, or install nbrunner's wheel; %flowrun --no-panel works without"
            )
        super().__init__(**traits)

    @traitlets.default("_bundle_text")
    def _text_of_class(self) -> str:
        return self._script

    @traitlets.default("_style_text")
    def _style_of_class(self) -> str:
        return self._style

    # -- its comm -------------------------------------------------------------------------

    def open(self) -> None:
        """Prepare the channel; the comm is opened when somebody asks for the model's id."""
        if self.comm is None:
            channel = Channel(self._first_state, self._register, _unregister)
            self.own_id = channel.id
            self.comm = channel

    def _first_state(self) -> tuple[dict[str, Any], list[Any], list[Any]]:
        state, paths, buffers = _remove_buffers(self.get_state())
        return state, paths, buffers

    def _register(self, model_id: str) -> None:
        self.own_id = self._model_id = model_id
        _instances[model_id] = self

    @traitlets.observe("comm")
    def _comm_changed(self, change: Any) -> None:
        if change["new"] is not None:
            change["new"].on_msg(self._handle_msg)

    def close(self) -> None:
        """Close the widget; a page removes its views."""
        channel, self.comm = self.comm, None
        if channel is None:
            return
        channel.close()
        self._repr_mimebundle_ = None  # type: ignore[method-assign,assignment]
        if "layout" in self._trait_values:  # a widget by itself, which ipywidgets leaves open
            self.layout.close()

    # -- its state ------------------------------------------------------------------------

    @traitlets.default("layout")
    def _made_layout(self) -> Layout:
        """Make the layout once somebody uses it: it is another model in the page."""
        layout = Layout()
        if self.comm is not None and self.comm.real is not None:
            state = {"layout": f"IPY_MODEL_{layout.model_id}"}
            self.comm.send({"method": "update", "state": state, "buffer_paths": []})
        return layout

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        if key is None:
            made = "layout" in self._trait_values
            key = [name for name in self.keys if name != "layout" or made]
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        return state

    def part_state(self) -> dict[str, Any]:
        """Return what a part of a panel shows: no bundle, and nothing of a view's own."""
        names = [name for name in self.keys if name not in _FIXED | _OF_VIEW]
        return self.get_state([name for name in names if not name.startswith("_")])

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        """Handle a message of the front end, which thereby shows that it has widgets."""
        WIDGET_SESSIONS.note(msg)
        if msg["content"]["data"].get("method") == "request_state":
            self.send_state([name for name in self.keys if name not in _FIXED | _OF_VIEW])
        else:
            super()._handle_msg(msg)

    def _answer_action(self, asked: dict[str, Any]) -> None:
        """Tell the front end that what it asked for has been handed over: its button waits."""
        answer = {"kind": wire.ACTION, "id": asked.get("id")}
        no_cells_context().run(self.send, answer)


def _unregister(model_id: str) -> None:
    _instances.pop(model_id, None)


def _text(name: str) -> str:
    file = STATIC / name
    # A text of one line would be taken for a path.
    return file.read_text(encoding="utf-8") + "\n" if file.exists() else ""
