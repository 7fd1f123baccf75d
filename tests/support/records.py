"""Excerpts from the records of a test's runs, to explain a failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

_LAST_CHARACTERS = 6000


def unsuccessful_runs(state: Path) -> Iterator[tuple[str, str]]:
    """Yield a title and the end of the logs of each run that did not succeed."""
    for directory in sorted(state.glob("runs/[0-9]*")):
        record = directory / "exit.json"
        ended = json.loads(record.read_text()) if record.exists() else {}
        if ended.get("returncode") == 0:
            continue
        logs = (directory / name for name in ("supervisor.log", "stdout.log", "stderr.log"))
        said = [f"{log.name}:\n{_end_of(log)}" for log in logs if log.exists()]
        yield f"run {directory.name}: {ended or 'no exit record'}", "\n".join(said)


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-_LAST_CHARACTERS:]
