"""What all panels have in common: how they are shown, and that they close what is in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ipywidgets
from IPython.display import display

from nbrunner.jupyter.kept import kept, live_class

_VIEW = "application/vnd.jupyter.widget-view+json"


class Panel(ipywidgets.VBox):
    """A container of widgets that is the output of a cell.

    Parameters
    ----------
    parts : iterable of Widget
    """

    def __init__(self, parts: Iterable[Any]) -> None:
        self._displays: list[Any] = []
        self._pictured: dict[str, str] = {}
        super().__init__(list(parts))
        self.add_class("nbrunner-panel")
        self.add_class(live_class(self.model_id))

    def picture(self) -> dict[str, str]:
        """Return what is shown where no widget can be, as a MIME bundle of text and HTML."""
        raise NotImplementedError

    def bundle(self) -> dict[str, Any]:
        """Return the MIME bundle: the live view, and the picture where none can be shown."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        self._pictured = picture = self.picture()
        page = f'<div class="{live_class(self.model_id)}">{picture["text/html"]}</div>'
        return {_VIEW: view, **picture, "text/html": page}

    def _ipython_display_(self) -> None:
        view = display(self.bundle(), raw=True, display_id=True)
        beside = display(self._kept(), raw=True, display_id=True)
        self._displays = [view, beside]

    def _kept(self) -> dict[str, str]:
        return kept(self._pictured["text/html"], self.model_id)

    def refresh_picture(self) -> None:
        """Put the picture as it is now into the notebook, if the panel is in one.

        A front end then renders the panel anew, so nothing is put that is there already.
        """
        if self._displays and self.picture() != self._pictured:
            view, beside = self._displays
            view.update(self.bundle(), raw=True)
            beside.update(self._kept(), raw=True)

    def close(self) -> None:
        """Close the panel and all that is in it; runs go on."""
        close_all(self.children)
        super().close()
        self.layout.close()


def close_all(parts: Iterable[Any]) -> None:
    """Close widgets, and what is in the containers among them."""
    for part in parts:
        if type(part) in (ipywidgets.Box, ipywidgets.HBox, ipywidgets.VBox):
            close_all(part.children)
        part.close()
        # Widgets by themselves, which ipywidgets leaves open.
        for own in (part.layout, getattr(part, "style", None)):
            if isinstance(own, ipywidgets.Widget):
                own.close()
