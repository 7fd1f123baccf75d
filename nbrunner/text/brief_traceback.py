"""Short tracebacks in IPython: the caller's own lines and the message.

IPython shows what an exception's ``_render_traceback_`` returns
(``InteractiveShell.showtraceback``) in place of every frame with its source, which for an
error of ours is a hundred lines and takes up to half a second to format. Outside of IPython
tracebacks are as ever, and ``%debug`` sees all frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any

from nbrunner.text.user_code import is_users

_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")

# The call that went wrong and who called it; the rest is in `sys.last_traceback`.
_MAX_FRAMES = 2


def brief(error: BaseException) -> list[str]:
    """Return the lines of a short traceback: the user's last frames, then the message."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if is_users(frame.filename) and not frame.filename.startswith(_PACKAGE)
    ]
    lines: list[str] = []
    for frame in frames[-_MAX_FRAMES:]:
        lines += [f"{_place(frame.filename)}, line {frame.lineno}", f"    {frame.line}"]
    return [*lines, *f"{type(error).__name__}: {error}".splitlines()]


@contextlib.contextmanager
def brief_when_interrupted(consequence: str) -> Iterator[None]:
    """Have IPython show one line for an interrupt or a cancellation in the block.

    Parameters
    ----------
    consequence : str
        What becomes of the run.
    """
    try:
        yield
    except (asyncio.CancelledError, KeyboardInterrupt) as error:
        # The exception itself is marked: asyncio.timeout() takes no subclass of CancelledError.
        lines = [f"{type(error).__name__}: {consequence}"]
        error._render_traceback_ = lambda: lines  # type: ignore[union-attr]
        raise


def _place(file: str) -> str:
    """Return what IPython calls a cell, ``Cell In[3]``, or else ``File a.py``."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    name_of = getattr(getattr(shell, "compile", None), "format_code_name", None)
    names = name_of(file) if name_of else None
    return " ".join(names) if names else f"File {file}"
