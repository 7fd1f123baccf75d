"""Objects that replace functions and modules while imports are recorded."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

# Attributes of __main__ that differ between the warm interpreter and a flow that runs cold.
_OF_MAIN = frozenset({"__file__", "__spec__", "__loader__", "__cached__", "__dict__"})

_ARGUMENTS = frozenset({"argv", "orig_argv"})


class Unbound:
    """Replaces a C function. As an attribute of a class it is not bound, like a C function."""

    def __init__(self, real: Callable[..., object], stand_in: Callable[..., object]) -> None:
        self._real = real
        self._stand_in = stand_in

    def __call__(self, *arguments: object, **options: object) -> object:
        return self._stand_in(self._real, *arguments, **options)

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    # Modules look functions up in sets such as ``os.supports_follow_symlinks``.
    def __eq__(self, other: object) -> bool:
        return other is self or other == self._real

    def __hash__(self) -> int:
        return hash(self._real)


class NotingList(list[str]):
    """Replaces ``sys.path``; calls ``note`` whenever its entries are read."""

    def __init__(self, items: list[str], note: Callable[[], None]) -> None:
        super().__init__(items)
        self._note = note

    def __getitem__(self, index: Any) -> Any:
        self._note()
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[str]:
        self._note()
        return super().__iter__()

    def __reversed__(self) -> Iterator[str]:
        self._note()
        return super().__reversed__()

    def __contains__(self, item: object) -> bool:
        self._note()
        return super().__contains__(item)

    def copy(self) -> list[str]:
        """Return a list of the entries."""
        self._note()
        return super().copy()

    def index(self, *arguments: Any) -> int:
        """Return the index of an entry."""
        self._note()
        return super().index(*arguments)


def note_reads_of_arguments(note: Callable[[], None]) -> None:
    """Call ``note`` whenever ``sys.argv`` is read, as each fork gets another list."""

    class Sys(types.ModuleType):
        def __getattribute__(self, name: str) -> object:
            if name in _ARGUMENTS:
                note()
            return super().__getattribute__(name)

    sys.__class__ = Sys


def note_reads_of_main(note: Callable[[], None]) -> None:
    """Call ``note`` whenever an attribute of ``__main__`` is read that differs in a cold run."""

    class Main(types.ModuleType):
        def __getattribute__(self, name: str) -> object:
            if name in _OF_MAIN:
                note()
            return super().__getattribute__(name)

    sys.modules["__main__"].__class__ = Main
