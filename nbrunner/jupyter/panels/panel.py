"""The base of all panels: how they are displayed, and what the saved notebook keeps."""

from __future__ import annotations

from collections.abc import Mapping

from IPython.display import display

from nbrunner.jupyter.html.fallback_output import kept, live_class
from nbrunner.jupyter.kernel.protocols import Display, Origin
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.jupyter.widgets.composite import Composite

_VIEW = "application/vnd.jupyter.widget-view+json"


class Panel(Composite):
    """A container of widgets that is the output of a cell.

    Parameters
    ----------
    parts : mapping of str to Widget
        By name, in the order in which they are drawn.
    origin : dict, optional
        What another kernel needs to show the same.
    """

    def __init__(self, parts: Mapping[str, Widget], origin: Origin | None = None) -> None:
        self._displays: list[Display] = []
        self._pictured: dict[str, str] = {}
        self._changed = False  # a refresh was requested before the panel was displayed
        self._inside: Panel | None = None
        super().__init__(parts, origin=origin or {})
        self.add_class(live_class(self.own_id))

    # -- panels below ------------------------------------------------------------------------

    def show_below(self, part: Widget, first: bool = True) -> None:
        """Show a part, such as another panel, below this one, before or after the others."""
        if isinstance(part, Panel):
            part._inside = self  # noqa: SLF001 (its own class)
        self.hold_below(part, first)

    def close_below(self, part: Widget) -> None:
        """Close a part that is shown below."""
        self.drop_below(part)

    # -- static HTML in the notebook ---------------------------------------------------------

    def own_picture(self) -> dict[str, str]:
        """Return this panel, without those below, as a MIME bundle of text and HTML."""
        raise NotImplementedError

    def picture(self) -> dict[str, str]:
        """Return this panel and those below as static text and HTML."""
        below = [each for each in self.held_below() if isinstance(each, Panel)]
        pictures = [self.own_picture(), *(each.picture() for each in below)]
        return {
            kind: separator.join(each[kind] for each in pictures)
            for kind, separator in (("text/plain", "\n\n"), ("text/html", "\n"))
        }

    def bundle(self) -> dict[str, object]:
        """Return the MIME bundle: the live view, and static text and HTML as a fallback."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        self._pictured = picture = self.picture()
        page = f'<div class="{live_class(self.own_id)}">{picture["text/html"]}</div>'
        return {_VIEW: view, **picture, "text/html": page}

    def _ipython_display_(self) -> None:
        view = display(self.bundle(), raw=True, display_id=True)
        beside = display(self._kept(), raw=True, display_id=True)
        self._displays = [view, beside]
        if self._changed:
            self.refresh_picture()

    def _kept(self) -> dict[str, str]:
        return kept(self._pictured["text/html"], self.own_id)

    def refresh_picture(self) -> None:
        """Update the static HTML in the notebook, if the panel is displayed there.

        The front end renders the panel again in response, so unchanged HTML is not sent.
        """
        if self._inside is not None:
            self._inside.refresh_picture()
        self._changed = not self._displays
        if self._displays and self.picture() != self._pictured:
            view, beside = self._displays
            view.update(self.bundle(), raw=True)
            beside.update(self._kept(), raw=True)

    def withdraw(self) -> None:
        """Close the panel and remove it from the notebook."""
        for each in self._displays:
            each.update({"text/plain": ""}, raw=True)
        self.close()
