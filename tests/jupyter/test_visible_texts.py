"""Every character of a run's texts is visible in widgets, and none has an effect."""

from __future__ import annotations

import pytest

from nbrunner.engine.failure import Failure, SourceLine
from nbrunner.jupyter.magic.launch import failed
from nbrunner.jupyter.widgets import FailureBox, LaunchForm, RunHeader, RunTable, StepGraph

pytestmark = pytest.mark.once

NASTY = "a\x1b[31mb\u202ec\x07d\x1b]8;;http://x\x07e"
SHOWN = "ab<U+202E>c\u2407de"


def test_of_a_run():
    header = RunHeader(parameters=[["text", NASTY]], tags=[NASTY], warning=NASTY)
    assert (header.parameters, header.tags, header.warning) == ([["text", SHOWN]], [SHOWN], SHOWN)
    graph = StepGraph(steps=[{"name": "start", "doc": NASTY}])
    assert graph.steps[0]["doc"] == SHOWN


def test_of_a_failure():
    source = (SourceLine("flow.py", 1, "start", NASTY),)
    failure = Failure("start", "1", "ValueError", NASTY, NASTY, source)
    box = FailureBox()
    box.show(failure)
    said = box.failure
    assert [said["message"], said["traceback"], said["source"][0]["text"]] == [SHOWN] * 3

    box.show(Failure("start", "1", "ValueError", "\n".join("abcdefghijklm"), ""))
    assert box.failure["message"].splitlines() == [*"abcdefgh", "… 5 more lines"]

    class Run:
        pathspec, status = "F/1", "failed"

    Run.failure = failure  # type: ignore[attr-defined]
    assert SHOWN in str(failed(Run())) and NASTY not in str(failed(Run()))
    assert str(failed(Run(), is_told=True)).splitlines() == [
        f"F/1 failed: step start, task 1: ValueError: {SHOWN}",
        f"  flow.py:1, in start: {SHOWN}",
    ]


def test_of_tables_and_forms():
    table = RunTable(rows=[{"key": "1", "status": "failed", "cells": ["F/1", NASTY]}], error=NASTY)
    assert (table.rows[0]["cells"], table.error) == (["F/1", SHOWN], SHOWN)
    form = LaunchForm(doc=NASTY, fields=[{"name": "x", "help": NASTY}], errors={"x": NASTY})
    assert (form.doc, form.fields[0]["help"], form.errors["x"]) == (SHOWN, SHOWN, SHOWN)


@pytest.mark.parametrize("text", ["ordinary", "naïve ü 漢字 🎉", "a\tb\nc"])
def test_what_is_harmless_stays(text):
    assert RunHeader(warning=text).warning == text
