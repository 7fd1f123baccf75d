"""Who is looking: a person at a notebook, a notebook that runs by itself, a terminal."""

from __future__ import annotations

import contextvars
import sys
from typing import Any, Literal

FrontEnd = Literal["notebook", "headless", "terminal"]


def front_end(shell: Any) -> FrontEnd:
    """Tell what shows the output of the cell that runs now.

    A front end that takes no input has nobody in front of it: nbclient, and so nbconvert
    and papermill, execute with ``allow_stdin`` off (their ``NotebookClient``), JupyterLab,
    Notebook and VS Code with it on.
    """
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return "terminal"
    content = kernel.get_parent("shell").get("content", {})
    return "notebook" if content.get("allow_stdin", False) else "headless"


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
