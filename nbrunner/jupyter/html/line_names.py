"""Log lines with the user's own cells in place of generated files."""

from __future__ import annotations

from collections.abc import Callable

from nbrunner.followed_run import FollowedRun
from nbrunner.handles import ExecutingProcess
from nbrunner.record.schema import flow_of
from nbrunner.text import line_origins


def as_written(running: ExecutingProcess | FollowedRun) -> Callable[[str], str]:
    """Return a function that replaces generated files by their origins in log lines."""
    flow = flow_of(running.record)
    file, known = flow["file"], line_origins.from_json(flow["origins"])
    return lambda text: line_origins.in_origins(text, file, known)
