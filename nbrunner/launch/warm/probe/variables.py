"""The environment variables that imports depend on."""

from __future__ import annotations

import contextlib
import os
import sys
import types
from collections.abc import Collection, Iterator

# Functions that iterate over the whole environment, and the prefix of the names they use.
PREFIXES = {
    ("fsspec.config", "set_conf_env"): "FSSPEC",
    ("dask.config", "collect_env"): "DASK_",
}

# Frames of these modules lie between ``os.environ`` and the reader.
_BETWEEN = frozenset({"os", "collections.abc", "_collections_abc"})

Reader = tuple[str, str]


class VariablesRead(Collection[str]):
    """The variables that imports depend on, whether they were set or not.

    Attributes
    ----------
    names : set of str
        Variables that were read by name.
    prefixes : set of str
        Any variable with one of these prefixes counts too; ``""`` matches all.
    for_value : set of str
        Those of the names that were read by other code than ``os.environ.setdefault``.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.prefixes: set[str] = set()
        self.for_value: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return name in self.names or (
            isinstance(name, str) and bool(self.prefixes) and name.startswith(tuple(self.prefixes))
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def is_read_for_its_value(self, name: str) -> bool:
        """Return whether a variable was read, other than by ``os.environ.setdefault``."""
        return name in self.for_value or bool(name.startswith(tuple(self.prefixes)))

    def note(self, name: str, reader: Reader, for_value: bool = True) -> None:
        """Add a variable that a function has read.

        A function of `PREFIXES` reads many that it does not use; its prefix is added instead.
        """
        if reader not in PREFIXES:
            self.names.add(name)
            if for_value:
                self.for_value.add(name)

    def note_all(self, reader: Reader) -> None:
        """Add the prefix that a function looks for, or all variables if it is unknown."""
        self.prefixes.add(PREFIXES.get(reader, ""))

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """Add the variables that the block reads from ``os.environ``."""
        kind = type(os.environ)
        getitem, iterate = kind.__getitem__, kind.__iter__

        def noting_name(environ: os._Environ[str], name: str) -> str:
            frame = sys._getframe(1)
            self.note(os.fsdecode(name), _reader(frame), not _sets_default(frame))
            return getitem(environ, name)

        def noting_all(environ: os._Environ[str]) -> Iterator[str]:
            self.note_all(_reader(sys._getframe(1)))
            return iterate(environ)

        kind.__getitem__ = noting_name  # type: ignore[method-assign]
        kind.__iter__ = noting_all  # type: ignore[method-assign]
        try:
            yield
        finally:
            kind.__getitem__ = getitem  # type: ignore[method-assign]
            kind.__iter__ = iterate  # type: ignore[method-assign]


def _sets_default(frame: types.FrameType | None) -> bool:
    while frame is not None and frame.f_globals.get("__name__") in _BETWEEN:
        if frame.f_code.co_name == "setdefault":
            return True
        frame = frame.f_back
    return False


def _reader(frame: types.FrameType | None) -> Reader:
    """Return the module and the function that read the environment."""
    while frame is not None and frame.f_globals.get("__name__") in _BETWEEN:
        frame = frame.f_back
    if frame is None:
        return ("?", "?")
    return str(frame.f_globals.get("__name__")), frame.f_code.co_qualname
