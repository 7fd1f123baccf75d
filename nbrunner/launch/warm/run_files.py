"""Detects changes, during a run, of the files that its processes read when they start."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from nbrunner.launch.warm.eligibility import IMPORTED, found_here, loaded, stamp
from nbrunner.launch.warm.fingerprint import difference, installed
from nbrunner.launch.warm.shadowing import distribution_in, shadowed


class RunFiles:
    """The files that each process of a run reads before it imports anything else.

    Parameters
    ----------
    script : str
        The flow file.
    environment : mapping of str to str
        The environment of the run.
    """

    def __init__(self, script: str, environment: Mapping[str, str]) -> None:
        self._script = os.path.realpath(script)
        self._folder = os.path.dirname(self._script)
        # A run writes to folders of PYTHONPATH, for example bytecode, which does not matter.
        self._environment = {
            name: value for name, value in environment.items() if name != "PYTHONPATH"
        }
        self._then = self._look()
        self._listing = stamp(os.path.join(self._folder, ""))

    def runs(self, command: Sequence[str]) -> bool:
        """Return whether a command runs the flow file."""
        return len(command) > 1 and os.path.realpath(command[1]) == self._script

    def changed(self, cwd: str) -> str | None:
        """Return which file a process that starts now would read differently; None if none."""
        return (
            found_here(IMPORTED.files, cwd)
            or difference(self._then, self._look())
            or IMPORTED.outdated(installed=False)
            or self._shadowed()
        )

    def _look(self) -> dict[str, str]:
        return {"the flow file": stamp(self._script), **installed(self._environment)}

    def _shadowed(self) -> str | None:
        if stamp(os.path.join(self._folder, "")) == self._listing:
            return None
        names = loaded() | IMPORTED.looked_for
        return shadowed(self._folder, names) or (
            distribution_in(self._folder) if IMPORTED.metadata else None
        )
