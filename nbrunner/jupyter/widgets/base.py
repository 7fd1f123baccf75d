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
from nbrunner.jupyter.kernel.protocols import Content, Message
from nbrunner.jupyter.widgets.channel import Channel

STATIC = Path(__file__).parents[2] / "static"

# Traits that a page gets when the model is created, and that are not sent again.
_FIXED = {"_esm", "_bundle_text", "_style_text", "_anywidget_id", "own_id"}
# Traits of DOMWidget for the view of a widget that is displayed on its own.
_OF_VIEW = {"layout", "tabbable", "tooltip", "_dom_classes", "_view_count"}


class Widget(anywidget.AnyWidget):
    """A widget whose JavaScript bundle has the name of its module.

    It opens its comm when its `model_id` is read, for example to display it. Inside a panel it
    needs none: see `nbrunner.jupyter.widgets.channel`.

    Raises
    ------
    BundleMissingError
        The package was installed from source without building the bundles.
    """

    bundle_name = ""
    _script = ""
    _style = ""
    # The bundle imported by the loader, which is anywidget's `_esm`. A page never drops imported
    # modules, and anywidget imports `_esm` for each widget, so the loader is small.
    _bundle_text = traitlets.Unicode(read_only=True).tag(sync=True)
    # Not anywidget's `_css`, which rewrites the page's style sheet for every model.
    _style_text = traitlets.Unicode(read_only=True).tag(sync=True)
    own_id = traitlets.Unicode().tag(sync=True)

    comm: Channel | None

    def __init_subclass__(cls, bundle: str = "", **arguments: Any) -> None:
        if bundle:  # not for the classes that traitlets derives when a trait is added
            cls.bundle_name = bundle
            # As text: for a path, anywidget keeps every instance alive, to reload it on changes.
            cls._script = _text(f"{bundle}.js")
            cls._style = _text(f"{bundle}.css")
            cls._esm = _text("loader.js") or "export default {}\n"
        super().__init_subclass__(**arguments)

    def __init__(self, **traits: object) -> None:
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
        """Prepare the channel; its comm is opened when the model's id is read."""
        if self.comm is None:
            channel = Channel(self._first_state, self._register, _unregister)
            self.own_id = channel.id
            self.comm = channel

    def _first_state(self) -> tuple[dict[str, object], list[object], list[memoryview]]:
        state, paths, buffers = _remove_buffers(self.get_state())
        return state, paths, buffers

    def _register(self, model_id: str) -> None:
        self.own_id = self._model_id = model_id
        _instances[model_id] = self

    @traitlets.observe("comm")
    def _comm_changed(self, change: traitlets.Bunch) -> None:
        if change["new"] is not None:
            change["new"].on_msg(self._handle_msg)

    def close(self) -> None:
        """Close the widget; a page removes its views."""
        channel, self.comm = self.comm, None
        if channel is None:
            return
        channel.close()
        self._repr_mimebundle_ = None  # type: ignore[method-assign,assignment]
        if "layout" in self._trait_values:  # a widget on its own, which ipywidgets does not close
            self.layout.close()

    # -- its state ------------------------------------------------------------------------

    @traitlets.default("layout")
    def _made_layout(self) -> Layout:
        """Create the layout on first use: it is another model in the page."""
        layout = Layout()
        if self.comm is not None and self.comm.real is not None:
            state = {"layout": f"IPY_MODEL_{layout.model_id}"}
            self.comm.send({"method": "update", "state": state, "buffer_paths": []})
        return layout

    def get_state(self, key: object = None, drop_defaults: bool = False) -> dict[str, object]:
        """Return the synchronized traits; the layout only if it is used."""
        if key is None:
            made = "layout" in self._trait_values
            key = [name for name in self.keys if name != "layout" or made]
        state: dict[str, object] = super().get_state(key, drop_defaults)
        return state

    def part_state(self) -> dict[str, object]:
        """Return the state as a part of a panel: without its bundle and traits of single views."""
        names = [name for name in self.keys if name not in _FIXED | _OF_VIEW]
        return self.get_state([name for name in names if not name.startswith("_")])

    def _handle_msg(self, msg: Message) -> None:
        """Handle a message of the front end, and note that this front end supports widgets."""
        WIDGET_SESSIONS.note(msg)
        is_request = msg["content"]["data"].get("method") == "request_state"
        if is_request and self.comm is not None:
            self.comm.answer_state(msg)
        else:
            super()._handle_msg(msg)

    def _answer_action(self, asked: Content) -> None:
        """Confirm to the front end, whose button waits for it, that an action was passed on."""
        answer = {"kind": wire.ACTION, "id": asked.get("id")}
        no_cells_context().run(self.send, answer)


def _unregister(model_id: str) -> None:
    _instances.pop(model_id, None)


def _text(name: str) -> str:
    file = STATIC / name
    # anywidget would treat a single line as a path.
    return file.read_text(encoding="utf-8") + "\n" if file.exists() else ""
