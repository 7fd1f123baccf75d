"""What all widgets have in common: where their bundle is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from nbrunner.errors import BundleMissingError
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.front_end import WIDGET_SESSIONS, no_cells_context

STATIC = Path(__file__).parents[2] / "static"


class Widget(anywidget.AnyWidget):
    """A widget whose bundle has the name of its module.

    Raises
    ------
    BundleMissingError
        The package was installed from source without building the bundles.
    """

    _bundle = ""
    _script = ""
    # What the loader imports, which is anywidget's `_esm`. A page keeps every module that it has
    # imported, and anywidget imports one for each widget: so that one is small.
    _bundle_text = traitlets.Unicode(read_only=True).tag(sync=True)

    def __init_subclass__(cls, bundle: str = "", **arguments: Any) -> None:
        if bundle:  # not of the classes that traitlets derives when a trait is added
            cls._bundle = bundle
            # As text: of a path anywidget keeps every instance, to tell it of changes.
            cls._script = _text(f"{bundle}.js")
            cls._css = _text(f"{bundle}.css")
            cls._esm = _text("loader.js") or "export default {}\n"
        super().__init_subclass__(**arguments)

    def __init__(self, **traits: Any) -> None:
        if not (STATIC / f"{self._bundle}.js").exists():
            raise BundleMissingError(
                f"{STATIC / self._bundle}.js is missing: nbrunner was installed from source "
                "without Node. Install Node 18 or newer and run `npm ci && npm run build` in "
                "js/, or install nbrunner's wheel; %flowrun --no-panel works without"
            )
        super().__init__(**traits)

    @traitlets.default("_bundle_text")
    def _text_of_class(self) -> str:
        return self._script

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        """Handle a message of the front end, which thereby shows that it has widgets."""
        WIDGET_SESSIONS.note(msg)
        super()._handle_msg(msg)

    def _answer_action(self, asked: dict[str, Any]) -> None:
        """Tell the front end that what it asked for has been handed over: its button waits."""
        answer = {"kind": wire.ACTION, "id": asked.get("id")}
        no_cells_context().run(self.send, answer)


def _text(name: str) -> str:
    file = STATIC / name
    # A text of one line would be taken for a path.
    return file.read_text(encoding="utf-8") + "\n" if file.exists() else ""
