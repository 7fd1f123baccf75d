"""Lines of a log with the user's own cells named in place of the files made from them."""

from __future__ import annotations

from collections.abc import Callable

from nbrunner.handles import ExecutingProcess
from nbrunner.text import line_origins


def as_written(running: ExecutingProcess) -> Callable[[str], str]:
    """Return what gives the lines of a run's log as they are shown."""
    flow = running.record.get("flow", {})
    file, known = flow.get("file", ""), line_origins.from_json(flow.get("origins"))
    return lambda text: line_origins.in_origins(text, file, known)
