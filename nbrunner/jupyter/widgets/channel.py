"""Sends a widget's messages over its own comm, that of the panel around it, or both.

ipywidgets opens a comm, and with it a model in the page, for each new widget. Here
a comm is opened when the widget is displayed on its own. Inside a panel its messages are sent
over the panel's comm, so that a panel is one model, however many parts it has.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Protocol

import comm

from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.front_end import no_cells_context, send_as_answer
from nbrunner.jupyter.kernel.protocols import Buffers, Comm, CommData, Message

TARGET = "jupyter.widget"
_PROTOCOL = "2.1.0"  # of ipywidgets' messages


class Holder(Protocol):
    """A panel, which forwards the messages of its parts."""

    def carry(self, path: str, data: CommData, buffers: Buffers) -> None:
        """Send the message of a part."""
        ...


class Channel:
    """The object that a widget uses as its comm.

    Parameters
    ----------
    state : callable
        Returns the state that the comm is opened with.
    opened, closed : callable
        Called with the model id when the comm is opened or closed.
    """

    def __init__(
        self,
        state: Callable[[], tuple[dict[str, object], list[object], list[memoryview]]],
        opened: Callable[[str], None],
        closed: Callable[[str], None],
    ) -> None:
        #: Known before the comm is opened: the state and the HTML next to the view contain it.
        self.id = uuid.uuid4().hex
        self.real: Comm | None = None
        self.holder: Holder | None = None
        self.name = ""
        self._state = state
        self._opened = opened
        self._closed = closed
        self._hear: Callable[[Message], None] | None = None

    @property
    def comm_id(self) -> str:
        """Open the comm if it is not; return its id, which is the model's."""
        if self.real is None:
            no_cells_context().run(self._open)
        return self.id

    def _open(self) -> None:
        state, paths, buffers = self._state()
        real: Comm = comm.create_comm(  # type: ignore[assignment] # of ipykernel, with a topic
            target_name=TARGET,
            comm_id=self.id,
            data={"state": state, "buffer_paths": paths},
            buffers=buffers,
            metadata={"version": _PROTOCOL},
        )
        self._take(real)
        # JupyterLab handles one message after the other, and in anywidget each waits for its
        # model: with this message a page makes the next model when this one is ready.
        real.send({"method": "custom", "content": {"kind": wire.OPENED}})

    def adopt(self, real: Comm) -> None:
        """Use a comm that a page has opened, and its id."""
        self.id = real.comm_id
        real.target_name = TARGET  # a reloaded page requests the comms of this target
        self._take(real)

    def _take(self, real: Comm) -> None:
        self.real = real
        real.on_msg(self._hear)
        self._opened(self.id)

    def on_msg(self, hear: Callable[[Message], None]) -> None:
        """Set the callback for messages from the page."""
        self._hear = hear
        if self.real is not None:
            self.real.on_msg(hear)

    def send(
        self, data: CommData, metadata: Mapping[str, object] | None = None, buffers: Buffers = None
    ) -> None:
        """Send to all views, outside of any cell's context; see `no_cells_context`."""
        if self.holder is not None:
            self.holder.carry(self.name, data, buffers)
        if self.real is not None:
            no_cells_context().run(self.real.send, data, metadata, buffers)

    def answer_state(self, request: Message) -> None:
        """Send the whole state to a page that has no model yet.

        ipywidgets' manager makes a model from it. It accepts only an answer whose parent is its
        request.
        """
        if self.real is not None:
            state, paths, buffers = self._state()
            data: CommData = {"method": "update", "state": state, "buffer_paths": paths}
            send_as_answer(self.real, data, buffers, request)

    def close(self) -> None:
        """Detach from the panel and close the comm."""
        self.holder = None
        real, self.real = self.real, None
        if real is not None:
            self._closed(self.id)
            no_cells_context().run(real.close)
