"""The lines that tasks have not ended, as the run process tells them beside its log."""

from __future__ import annotations

import os
from pathlib import Path

from nbrunner.record.run_directory import OPEN_LINES, RunDirectory


class TaskLines:
    """Follows what the tasks of a run have begun to print; there are none once it has ended.

    Parameters
    ----------
    folder : Path
        The run's directory.

    Attributes
    ----------
    lines : list of bytes
        Each as it would stand in the log, without a line end.
    """

    def __init__(self, folder: Path) -> None:
        self._directory = RunDirectory(folder)
        self._seen: tuple[int, int] | None = None
        self.lines: list[bytes] = []

    def refresh(self, ended: bool) -> bool:
        """Look again; return whether the lines have changed."""
        before = self.lines
        if ended:
            self.lines = []
        elif (now := self._stamp()) != self._seen:
            self._seen = now
            told = (self._directory.read(OPEN_LINES) or {}).get("lines", ())
            self.lines = [str(line).encode() for line in told]
        return self.lines != before

    def _stamp(self) -> tuple[int, int] | None:
        try:
            facts = os.stat(self._directory.path / OPEN_LINES)
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_ino
