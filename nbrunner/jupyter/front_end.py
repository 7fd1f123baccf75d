"""Who is looking: a person at a notebook, a notebook that runs by itself, a terminal."""

from __future__ import annotations

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
