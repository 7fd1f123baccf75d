"""Attributes a draw to the module and the function that made it, from its frames."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

# A draw in a function of these modules is attributed to the function's caller.
_THROUGH = frozenset(
    {
        *("random", "secrets", "uuid", "tempfile", "os", "posixpath", "genericpath", "pathlib"),
        *("threading", "subprocess", "socket", "contextlib", "functools", "io", "codecs", "shutil"),
        *("collections.abc", "glob", "fnmatch", "datetime", "_pydatetime", "ssl", "weakref"),
        *("inspect", "linecache", "tokenize", "configparser", "json", "concurrent.futures.thread"),
    }
)

# The import itself, if no single function is known.
IMPORT = ("it", "<module>")

# The recording's own modules.
_RECORDING = frozenset(
    {f"nbrunner.launch.warm.probe.{name}" for name in ("recording", "stand_ins", "variables")}
    | {__name__}
)


def outside() -> types.FrameType:
    """Return the innermost frame outside the recording."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and is_ours(frame):
        frame = frame.f_back
    assert frame is not None, "the recording is called by other code"
    return frame


def is_importing(frame: types.FrameType) -> bool:
    """Return whether a frame belongs to Python's import system."""
    name = str(frame.f_globals.get("__name__"))
    return name.startswith(("_frozen_importlib", "importlib._bootstrap", "zipimport"))


def is_of_importer(frame: types.FrameType) -> bool:
    """Return whether a frame belongs to the caller of the import."""
    name = str(frame.f_globals.get("__name__"))
    return name == "__main__" or (name.startswith("nbrunner.") and not is_ours(frame))


def is_of_metadata(frame: types.FrameType) -> bool:
    """Return whether a frame looks for installed distributions."""
    name = str(frame.f_globals.get("__name__"))
    return name.startswith(("importlib.metadata", "importlib_metadata"))


def drawer(frame: types.FrameType | None) -> tuple[str, str]:
    """Return the module and the function to which a draw in a frame is attributed."""
    for each in _frames(frame):
        name = str(each.f_globals.get("__name__"))
        passing = name in _THROUGH and each.f_code.co_name != "<module>"
        if not passing and not is_importing(each) and not is_ours(each):
            return name, each.f_code.co_qualname
    return IMPORT


def is_of_tempfile(frame: types.FrameType) -> bool:
    """Return whether `tempfile` seeds its generator of names, as it does in each process."""
    return any(
        each.f_globals.get("__name__") == "tempfile" and each.f_code.co_name == "rng"
        for each in _frames(frame)
    )


def _frames(frame: types.FrameType | None) -> Iterator[types.FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def is_ours(frame: types.FrameType) -> bool:
    """Return whether a frame belongs to the recording."""
    return frame.f_globals.get("__name__") in _RECORDING
