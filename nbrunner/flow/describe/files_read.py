"""The files that a process reads, on which the description of a flow depends."""

from __future__ import annotations

import os
import sys
from typing import Any


class FilesRead:
    """Records every file that this process reads from now on: modules, configs, data.

    Missing files are recorded too, as the result may differ once they exist. Installed files are
    left out: they depend on the environment, not on the flow.
    """

    def __init__(self) -> None:
        self._opened: set[str] = set()
        self._written: set[str] = set()
        places = ("lib", "lib64", "share", "local/lib")  # Debian's /usr may contain a project too
        installed = [f"{each}/{name}" for each in (sys.prefix, sys.base_prefix) for name in places]
        installed += [os.path.dirname(os.__file__), "/proc", "/sys", "/dev"]
        self._prefixes = tuple(os.path.join(each, "") for each in installed)
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path = os.path.abspath(os.fsdecode(arguments[0]))
            _, mode, flags = arguments
            writes = any(letter in (mode or "") for letter in "wax+")
            writes = writes or (mode is None and flags & (os.O_WRONLY | os.O_RDWR))
            (self._written if writes else self._opened).add(path)

    def facts(self) -> list[list[object]]:
        """Return [path, mtime in ns, size] of each file; None for both if it does not exist."""
        # A module loaded from cached bytecode was not opened itself.
        modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        return [
            [path, *stamp(path)]
            for path in sorted(filter(None, modules | self._opened - self._written))
            if not path.startswith(self._prefixes) and not path.endswith(".pyc")
        ]


def stamp(path: str) -> tuple[int, int] | tuple[None, None]:
    """Return mtime in ns and size of a file; None for both if it does not exist."""
    try:
        facts = os.stat(path)
    except OSError:
        return None, None
    return facts.st_mtime_ns, facts.st_size
