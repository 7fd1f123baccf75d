"""The types of what IPython, ipykernel and a page's comm give, as far as it is used here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypedDict

# The content of a message between a widget and its view in a page.
Content = Mapping[str, object]
Buffers = Sequence[bytes | bytearray | memoryview] | None


class Origin(TypedDict, total=False):
    """What another kernel needs to show the same panel."""

    kind: str
    run: str
    runs: list[str]
    sweep: str
    flow: str
    name: str


class CommData(TypedDict, total=False):
    """The data of a message on a widget's comm, in ipywidgets' protocol."""

    method: str
    state: Mapping[str, object]
    buffer_paths: Sequence[object]
    content: Content
    origin: Origin


class Header(TypedDict, total=False):
    """The header of a message of Jupyter."""

    session: str


class CommContent(TypedDict, total=False):
    """The content of a message of Jupyter on a comm."""

    data: CommData


class Message(TypedDict, total=False):
    """A message of Jupyter."""

    header: Header
    content: CommContent
    buffers: Buffers


class Comm(Protocol):
    """A comm of ipykernel."""

    comm_id: str
    target_name: str
    topic: bytes

    def send(
        self, data: CommData, metadata: Mapping[str, object] | None = None, buffers: Buffers = None
    ) -> None:
        """Send to all pages."""
        ...

    def on_msg(self, callback: Callable[[Message], None] | None) -> None:
        """Set the callback for messages."""
        ...

    def close(self) -> None:
        """Close it on both sides."""
        ...


class CommManager(Protocol):
    """The comms of a kernel."""

    targets: dict[str, object]

    def register_target(self, name: str, opened: Callable[[Comm, Message], None]) -> None:
        """Set the callback for comms that a page opens."""
        ...


class Kernel(Protocol):
    """A kernel of ipykernel."""

    comm_manager: CommManager
    kernel_info: Mapping[str, Sequence[str]]


class Formatter(Protocol):
    """A formatter of IPython."""

    def for_type(self, kind: type, show: Callable[..., object]) -> object:
        """Set how values of a type are displayed."""
        ...

    def pop(self, kind: type, default: object) -> object:
        """Undo that."""
        ...


class DisplayFormatter(Protocol):
    """The formatters of a shell."""

    ipython_display_formatter: Formatter


class Completer(Protocol):
    """The Tab completion of a shell."""

    custom_matchers: list[object]


class Events(Protocol):
    """The events of a shell."""

    def register(self, event: str, callback: Callable[..., None]) -> None:
        """Add a callback."""
        ...

    def unregister(self, event: str, callback: Callable[..., None]) -> None:
        """Remove a callback."""
        ...


class MagicsManager(Protocol):
    """The magics of a shell."""

    registry: dict[str, object]
    magics: Mapping[str, dict[str, object]]


class HistoryManager(Protocol):
    """The executed cells of a shell."""

    input_hist_parsed: Sequence[str]


class Config(Protocol):
    """What was given with ``%config``."""

    FlowRun: dict[str, object]


class Shell(Protocol):
    """IPython's shell; one of a kernel has a kernel."""

    user_ns: dict[str, object]
    kernel: Kernel
    configurables: list[object]
    config: Config
    Completer: Completer
    display_formatter: DisplayFormatter
    events: Events
    magics_manager: MagicsManager
    history_manager: HistoryManager

    def register_magics(self, *magics: object) -> None:
        """Add the magics of a class."""
        ...


class Display(Protocol):
    """IPython's handle of an output that is updated."""

    def update(self, content: Mapping[str, object], *, raw: bool) -> None:
        """Replace the output."""
        ...
