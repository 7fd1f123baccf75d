"""What all panels have in common: how they are shown, and that they close what is in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ipywidgets
from IPython.display import display

from nbrunner.jupyter.html.fallback_output import kept, live_class

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
        self._changed = False  # asked to put a new picture before there was a place for it
        self._inside: Panel | None = None
        self._below = ipywidgets.VBox()
        super().__init__([*parts, self._below])
        self.add_class("nbrunner-panel")
        self.add_class(live_class(self.model_id))

    # -- panels below ------------------------------------------------------------------------

    def show_below(self, part: Any, first: bool = True) -> None:
        """Show a part below this panel, a panel of its own perhaps: above or behind the others."""
        if isinstance(part, Panel):
            part._inside = self  # noqa: SLF001 (its own class)
        others = self._below.children
        self._below.children = (part, *others) if first else (*others, part)

    def close_below(self, part: Any) -> None:
        """Close a part that is shown below."""
        self._below.children = tuple(each for each in self._below.children if each is not part)
        part.close()

    # -- what stays in the notebook ----------------------------------------------------------

    def own_picture(self) -> dict[str, str]:
        """Return this panel, without those below, as a MIME bundle of text and HTML."""
        raise NotImplementedError

    def picture(self) -> dict[str, str]:
        """Return what is shown where no widget can be: this panel, and those below."""
        below = [each for each in self._below.children if isinstance(each, Panel)]
        pictures = [self.own_picture(), *(each.picture() for each in below)]
        return {
            kind: separator.join(each[kind] for each in pictures)
            for kind, separator in (("text/plain", "\n\n"), ("text/html", "\n"))
        }

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
        if self._changed:
            self.refresh_picture()

    def _kept(self) -> dict[str, str]:
        return kept(self._pictured["text/html"], self.model_id)

    def refresh_picture(self) -> None:
        """Put the picture as it is now into the notebook, if the panel is in one.

        A front end then renders the panel anew, so nothing is put that is there already.
        """
        if self._inside is not None:
            self._inside.refresh_picture()
        self._changed = not self._displays
        if self._displays and self.picture() != self._pictured:
            view, beside = self._displays
            view.update(self.bundle(), raw=True)
            beside.update(self._kept(), raw=True)

    def withdraw(self) -> None:
        """Close the panel, and leave nothing of it in the notebook."""
        for each in self._displays:
            each.update({"text/plain": ""}, raw=True)
        self.close()

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
