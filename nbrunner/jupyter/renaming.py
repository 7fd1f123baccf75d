"""Lines of a log with the user's own cells named in place of the files made from them."""

from __future__ import annotations

from collections.abc import Callable

from nbrunner import origins
from nbrunner.executing import ExecutingProcess


def as_written(running: ExecutingProcess) -> Callable[[str], str]:
    """Return what gives the lines of a run's log as they are shown."""
    flow = running.record.get("flow", {})
    file, known = flow.get("file", ""), origins.from_json(flow.get("origins"))
    return lambda text: origins.in_origins(text, file, known)
