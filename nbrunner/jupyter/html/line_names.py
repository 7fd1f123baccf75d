"""Log lines with the user's own cells in place of generated files."""

from __future__ import annotations

from collections.abc import Callable

from nbrunner.handles import ExecutingProcess
from nbrunner.text import line_origins


def as_written(running: ExecutingProcess) -> Callable[[str], str]:
    """Return a function that replaces generated files by their origins in log lines."""
    flow = running.record.get("flow", {})
    file, known = flow.get("file", ""), line_origins.from_json(flow.get("origins"))
    return lambda text: line_origins.in_origins(text, file, known)
