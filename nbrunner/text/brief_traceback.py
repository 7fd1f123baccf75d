"""Short tracebacks in IPython: the caller's own lines and the message.

IPython calls an exception's ``_render_traceback_`` (``InteractiveShell.showtraceback``) instead
of formatting all frames with their source, which for nbrunner's errors is a hundred lines and
takes up to half a second. Outside IPython tracebacks are unchanged, and ``%debug`` still has
all frames.
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

# The failing call and its caller; all frames are in `sys.last_traceback`.
_MAX_FRAMES = 2


def brief(error: BaseException) -> list[str]:
    """Return the lines of a short traceback: the last frames of the user's code and the message."""
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
    """Make IPython show one line for an interrupt or cancellation in this block.

    Parameters
    ----------
    consequence : str
        What happens to the run.
    """
    try:
        yield
    except (asyncio.CancelledError, KeyboardInterrupt) as error:
        # Set on the exception itself: asyncio.timeout() accepts no subclass of CancelledError.
        lines = [f"{type(error).__name__}: {consequence}"]
        error._render_traceback_ = lambda: lines  # type: ignore[union-attr]
        raise


def _place(file: str) -> str:
    """Return IPython's name for a cell, ``Cell In[3]``, or else ``File a.py``."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    name_of = getattr(getattr(shell, "compile", None), "format_code_name", None)
    names = name_of(file) if name_of else None
    return " ".join(names) if names else f"File {file}"
