"""Detects what displays the output of a cell: notebook, headless notebook, console, terminal."""

from __future__ import annotations

import contextvars
import sys
from typing import Literal

from nbrunner.jupyter.kernel.cell_panels import cell_id
from nbrunner.jupyter.kernel.protocols import Buffers, Comm, CommData, Message

FrontEnd = Literal["notebook", "headless", "console", "terminal"]


class WidgetSessions:
    """The sessions of front ends that have sent a message to one of our widgets."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def note(self, message: Message) -> None:
        """Record the sender of a message as a front end with widgets."""
        session = message.get("header", {}).get("session")
        if session:
            self._seen.add(session)

    def has_sent(self, message: Message) -> bool:
        """Return whether the sender of a message has sent a message to a widget before."""
        return message.get("header", {}).get("session") in self._seen


WIDGET_SESSIONS = WidgetSessions()


def front_end(shell: object) -> FrontEnd:
    """Return the kind of front end that displays the output of the current cell.

    ``"headless"`` takes no input: nbclient, and therefore nbconvert and papermill, execute with
    ``allow_stdin`` off. ``"notebook"`` displays widgets: it sends an id with the cell, as
    JupyterLab, Notebook and VS Code do (``cellId`` in the request's metadata), or has sent a
    message to a widget. Everything else is a ``"console"``: jupyter console, qtconsole, Spyder,
    Emacs and ``jupyter run`` execute text, and display only the first text of an output.
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return "terminal"
    request = kernel.get_parent("shell")
    if not request.get("content", {}).get("allow_stdin", False):
        return "headless"
    shows_widgets = bool(cell_id(shell)) or WIDGET_SESSIONS.has_sent(request)
    return "notebook" if shows_widgets else "console"


def no_cells_context() -> contextvars.Context:
    """Return a context in which no message is sent on behalf of a cell.

    ipykernel 7 handles a front end's messages to a widget in the context that the widget last sent
    from. If that was a cell, messages wait for the cell. Messages to a widget created and changed
    in this context are handled at once, in the front end's subshell.
    """
    context = contextvars.copy_context()
    kernels = sys.modules.get("ipykernel.kernelbase")
    if kernels is not None and kernels.Kernel.initialized():
        kernel = kernels.Kernel.instance()
        # Set in this context only: set_parent() would also change the default of other threads.
        for name, empty in (("_shell_parent", {}), ("_shell_parent_ident", b"")):
            variable = getattr(kernel, name, None)
            if isinstance(variable, contextvars.ContextVar):
                context.run(variable.set, empty)
    return context


def send_as_answer(comm: Comm, data: CommData, buffers: Buffers, request: Message) -> None:
    """Send a comm's message as the answer to a request, with its header as the parent.

    Not by the comm's own ``send``: ipykernel would then handle all further messages to this comm in
    the subshell of that request, even after that page and its subshell have ended.
    """
    kernels = sys.modules.get("ipykernel.kernelbase")
    if kernels is None or not kernels.Kernel.initialized():
        comm.send(data, None, buffers)
        return
    kernel = kernels.Kernel.instance()
    kernel.session.send(
        kernel.iopub_socket,
        "comm_msg",
        {"data": data, "comm_id": comm.comm_id},
        metadata={},
        parent=request,
        ident=comm.topic,
        buffers=buffers,
    )
