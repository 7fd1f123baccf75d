"""Lines of a log in messages to a page."""

from __future__ import annotations

import pytest

from nbrunner.jupyter.widgets.log_wire import window_lines
from nbrunner.logs.index import LogSearch, MergedLog

pytestmark = pytest.mark.once

GREETING = """\
\x1b[1mMetaflow 2.19.39\x1b[0m\x1b[22m executing \x1b[0m\x1b[31mF\x1b[0m for user:ada
Validating your flow...
    The graph looks good!
Running pylint...
    Pylint is happy!
"""
WARNINGS = """\
UserWarning: slow
Validating your flow... with doubts
    Flow failed
2026-11-29 12:00:00.000 [1/start/1 (pid 7)] Validating your flow...
"""


def test_metaflows_greeting_is_no_warning(tmp_path):
    """E10: its lines on stderr are not marked as warnings, all others are."""
    out, err = tmp_path / "stdout.log", tmp_path / "stderr.log"
    out.write_text("")
    err.write_text(GREETING + WARNINGS)
    search = LogSearch(MergedLog(out, err))
    while search.work(None):
        pass
    lines = window_lines(search.shown, 0, 9, None)
    assert [line[1] for line in lines] == [0] * 5 + [1] * 4
    search.log.close()
