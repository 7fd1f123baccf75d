"""What shows the output of a cell: a notebook, one that runs by itself, a console, a terminal."""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Mapping
from typing import Any, Literal

from nbrunner.jupyter.kernel.cell_panels import cell_id

FrontEnd = Literal["notebook", "headless", "console", "terminal"]


class WidgetSessions:
    """The sessions of front ends that have sent something to one of our widgets."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def note(self, message: Mapping[str, Any]) -> None:
        """Note who sent a message: it shows widgets."""
        session = message.get("header", {}).get("session")
        if session:
            self._seen.add(session)

    def has_sent(self, message: Mapping[str, Any]) -> bool:
        """Tell whether the sender of a message has sent something to a widget before."""
        return message.get("header", {}).get("session") in self._seen


WIDGET_SESSIONS = WidgetSessions()


def front_end(shell: Any) -> FrontEnd:
    """Return what shows the output of the cell that runs now.

    ``"headless"`` takes no input: nbclient, and so nbconvert and papermill, execute with
    ``allow_stdin`` off. ``"notebook"`` shows widgets: it names the cell that it executes, as
    JupyterLab, Notebook and VS Code do (``cellId`` in the request's metadata), or has sent
    something to a widget. All else is a ``"console"``: jupyter console, qtconsole, Spyder, Emacs
    and ``jupyter run`` execute text, and show of a display its text as it is first sent.
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
    """Return a context in which nothing is sent on behalf of a cell.

    ipykernel 7 has a front end's messages to a widget handled where the widget last sent
    something from: for one that a cell has built or changed, behind that cell. A widget that
    is built and changed in this context gets them in the front end's subshell, at once.
    """
    context = contextvars.copy_context()
    kernels = sys.modules.get("ipykernel.kernelbase")
    if kernels is not None and kernels.Kernel.initialized():
        kernel = kernels.Kernel.instance()
        # Set here alone: set_parent() would also change what other threads fall back to.
        for name, empty in (("_shell_parent", {}), ("_shell_parent_ident", b"")):
            variable = getattr(kernel, name, None)
            if isinstance(variable, contextvars.ContextVar):
                context.run(variable.set, empty)
    return context
