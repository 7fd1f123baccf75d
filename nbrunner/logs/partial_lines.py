"""The unterminated output lines of tasks, which the run process writes to open.json."""

from __future__ import annotations

import os
from pathlib import Path

from nbrunner.record.run_directory import OPEN_LINES, RunDirectory


class TaskLines:
    """The unterminated lines of a run's tasks; empty once the run has ended.

    Parameters
    ----------
    folder : Path
        Directory of the run.

    Attributes
    ----------
    lines : list of bytes
        Lines as they would appear in the log, without a line end.
    """

    def __init__(self, folder: Path) -> None:
        self._directory = RunDirectory(folder)
        self._seen: tuple[int, int] | None = None
        self.lines: list[bytes] = []

    def refresh(self, ended: bool) -> bool:
        """Read the lines again; return True if they have changed."""
        before = self.lines
        if ended:
            self.lines = []
        elif (now := self._stamp()) != self._seen:
            self._seen = now
            content = self._directory.read(OPEN_LINES)
            self.lines = [line.encode() for line in content["lines"]] if content else []
        return self.lines != before

    def _stamp(self) -> tuple[int, int] | None:
        try:
            facts = os.stat(self._directory.path / OPEN_LINES)
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_ino
