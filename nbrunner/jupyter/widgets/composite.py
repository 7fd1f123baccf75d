"""One model for a panel and all its parts: their messages share its comm."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import cast

from traitlets import Bool, Bunch, Dict, List, Unicode

from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.front_end import no_cells_context
from nbrunner.jupyter.kernel.protocols import Buffers, CommData, Content, Message
from nbrunner.jupyter.widgets.base import Widget

# The page whose change is being applied: messages sent during that answer it.
_BY: ContextVar[str] = ContextVar("_BY", default="")

# The panel's own traits that are sent like those of its parts.
_OWN = ("parts", "below", "live")


class Composite(Widget, bundle="panel"):
    """Widgets that are drawn below each other by one model.

    Every message that changes a page's state has a number. A page that has missed one, or a
    view that has just been drawn, requests the whole state.

    Parameters
    ----------
    parts : mapping of str to Widget
        Name -> widget, in the order in which they are drawn.

    Attributes
    ----------
    parts, below : list of [name, kind]
        The drawn widgets; ``below`` are panels that were opened from this one.
    live : bool
        True while a run is followed: the page then hears from the kernel every second, or
        notices that it does not.
    origin : dict
        The data by which another kernel shows the same; see `nbrunner.jupyter.panels.taking_up`.
    """

    parts = List(List(Unicode())).tag(sync=True)
    below = List(List(Unicode())).tag(sync=True)
    live = Bool().tag(sync=True)
    origin = Dict().tag(sync=True)
    # Part of the model's state, for a page that is opened later or has no kernel.
    snapshot = Dict().tag(sync=True, to_json=lambda _, panel: panel.whole())

    def __init__(self, parts: Mapping[str, Widget], **traits: object) -> None:
        self._held: dict[str, Widget] = {}
        self._sending = threading.RLock()
        self._epoch = uuid.uuid4().hex[:8]
        self._version = 0
        self._opened_below = 0
        super().__init__(**traits)
        for name, part in parts.items():
            self._hold(name, part)
        self.parts = [[name, part.bundle_name] for name, part in parts.items()]

    # -- parts ----------------------------------------------------------------------------

    def _hold(self, name: str, part: Widget) -> None:
        assert part.comm is not None
        part.comm.holder, part.comm.name = self, name
        self._held[name] = part

    def hold_below(self, part: Widget, first: bool = True) -> None:
        """Draw another widget below the others."""
        self._opened_below += 1
        name = f"below{self._opened_below}"
        self._hold(name, part)
        self._introduce(name, part)
        added = [[name, part.bundle_name]]
        self.below = added + self.below if first else self.below + added

    def _introduce(self, name: str, part: Widget) -> None:
        """Send the state of a part that is new to a page, after those of its own parts."""
        inner = list(part.all_parts()) if isinstance(part, Composite) else []
        for path, each in [*((f"{name}/{path}", each) for path, each in inner), (name, part)]:
            self.carry(path, {"method": "update", "state": each.part_state()}, None)

    def drop_below(self, part: Widget) -> None:
        """Remove a widget and close it."""
        for name in [name for name, each in self._held.items() if each is part]:
            self.below = [each for each in self.below if each[0] != name]
            del self._held[name]
        part.close()

    def held_below(self) -> list[Widget]:
        """Return the widgets drawn below, in order."""
        return [self._held[name] for name, _ in self.below]

    def all_parts(self) -> Iterator[tuple[str, Widget]]:
        """Yield the path and widget of each part, and of its parts."""
        for name, part in list(self._held.items()):
            yield name, part
            if isinstance(part, Composite):
                for path, inner in part.all_parts():
                    yield f"{name}/{path}", inner

    # -- to a page ------------------------------------------------------------------------

    def carry(self, path: str, data: CommData, buffers: Buffers) -> None:
        """Send a part's message; a change of state gets the next number."""
        channel = self.comm
        if channel is None:
            return
        if channel.holder is not None:
            channel.holder.carry(f"{channel.name}/{path}", data, buffers)
        self._send_part(path, data, buffers)

    def _send_part(self, path: str, data: CommData, buffers: Buffers) -> None:
        channel = self.comm
        content: dict[str, object] = {
            "kind": wire.PART,
            "part": path,
            "data": data,
            "by": _BY.get(),
        }
        with self._sending:
            if "id" not in data.get("content", {}):  # no answer to one view
                # Counted even without a comm: one may be opened with an earlier state.
                self._version += 1
                content["version"] = [self._epoch, self._version]
            if channel is None or channel.real is None:
                return
            sent: CommData = {"method": "custom", "content": content}
            no_cells_context().run(channel.real.send, sent, None, buffers)

    def part_state(self) -> dict[str, object]:
        """Return the names and kinds of the parts."""
        return self.get_state(_OWN)

    def whole(self) -> dict[str, object]:
        """Return the state of all parts, and its number."""
        with self._sending:
            version = [self._epoch, self._version]
            state = {path: part.part_state() for path, part in self.all_parts()}
            return {"version": version, "state": {"": self.part_state(), **state}}

    def send_whole(self, asked: Content) -> None:
        """Answer a page that requests the state, or checks whether it has the latest."""
        answer: dict[str, object] = {"kind": wire.STATE, "id": asked.get("id")}
        with self._sending:  # nothing newer is sent before it
            same = asked.get("version") == [self._epoch, self._version]
            self.send(answer | ({"same": True} if same else self.whole()))

    def notify_change(self, change: Bunch) -> None:
        """Send a change of the panel's own traits like that of a part, with a number."""
        if change["name"] in _OWN and self.comm is not None:
            state = {change["name"]: change["new"]}
            self._send_part("", {"method": "update", "state": state}, None)
        super().notify_change(change)

    # -- from a page ----------------------------------------------------------------------

    def _handle_custom_msg(self, content: Content, buffers: Buffers) -> None:
        kind = content.get("kind")
        if kind == wire.STATE:
            self.send_whole(content)
        elif kind == wire.PART:
            self._hand_over(content, buffers)
        else:
            super()._handle_custom_msg(content, buffers)

    def _hand_over(self, content: Content, buffers: Buffers) -> None:
        part = dict(self.all_parts()).get(str(content.get("part")))
        if part is None:  # it has been closed
            return
        token = _BY.set(str(content.get("by", "")))
        try:
            data = cast(CommData, content["data"])
            message: Message = {"content": {"data": data}, "buffers": buffers}
            part._handle_msg(message)  # noqa: SLF001 (as ipywidgets' comm calls it)
        finally:
            _BY.reset(token)

    def close(self) -> None:
        """Close the model and all parts."""
        parts = [part for _, part in self.all_parts()]
        super().close()
        for part in parts:
            part.close()
