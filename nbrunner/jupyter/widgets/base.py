"""What all widgets have in common: where their bundle is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget

from nbrunner.errors import BundleMissingError
from nbrunner.jupyter import wire
from nbrunner.jupyter.front_end import no_cells_context

STATIC = Path(__file__).parents[2] / "static"


class Widget(anywidget.AnyWidget):
    """A widget whose bundle has the name of its module.

    Raises
    ------
    BundleMissingError
        The package was installed from source without building the bundles.
    """

    _bundle = ""

    def __init_subclass__(cls, bundle: str = "", **arguments: Any) -> None:
        if bundle:  # not of the classes that traitlets derives when a trait is added
            cls._bundle = bundle
            script, style = STATIC / f"{bundle}.js", STATIC / f"{bundle}.css"
            # As text: of a path anywidget keeps every instance, to tell it of changes.
            cls._esm = _text(script) if script.exists() else "export default {}\n"
            if style.exists():
                cls._css = _text(style)
        super().__init_subclass__(**arguments)

    def __init__(self, **traits: Any) -> None:
        if not (STATIC / f"{self._bundle}.js").exists():
            raise BundleMissingError(
                f"{STATIC / self._bundle}.js is missing: this installation was made from source "
                "without Node. Install Node 18 or newer and run `npm ci && npm run build` in "
                "js/, or install nbrunner's wheel; %flowrun --no-panel works without"
            )
        super().__init__(**traits)

    def _answer_action(self, asked: dict[str, Any]) -> None:
        """Tell the front end that what it asked for has been handed over: its button waits."""
        answer = {"kind": wire.ACTION, "id": asked.get("id")}
        no_cells_context().run(self.send, answer)


def _text(file: Path) -> str:
    # A text of one line would be taken for a path.
    return file.read_text(encoding="utf-8") + "\n"
