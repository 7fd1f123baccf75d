"""The texts about the end of a run."""

from __future__ import annotations

import pytest
from support.documents import ROOT

from nbrunner.status import OTHER_STATES, RUN_STATES, STEP_STATES, how_it_failed, rank
from tools import states

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("status", "returncode", "said"),
    [
        ("failed", 1, "exit code 1"),
        ("failed", -9, "killed by SIGKILL"),
        ("failed", -40, "killed by signal 40"),
        ("failed", None, ""),
        ("stopped", -2, ""),
        ("successful", 0, ""),
        ("lost", None, ""),
    ],
)
def test_how_the_process_of_a_failed_run_has_ended(status, returncode, said):
    assert how_it_failed(status, returncode) == said


def test_the_front_end_has_the_table_as_it_is():
    """TypeScript and CSS are generated; python tools/states.py writes them."""
    core = ROOT / "js" / "src" / "core"
    assert (core / "states.ts").read_text(encoding="utf-8") == states.typescript()
    assert (core / "states.css").read_text(encoding="utf-8") == states.css()


@pytest.mark.parametrize("table", [RUN_STATES, STEP_STATES, RUN_STATES + OTHER_STATES])
def test_each_state_is_told_apart_by_its_word(table):
    names, labels = ([getattr(each, what) for each in table] for what in ("name", "label"))
    assert len(set(names)) == len(set(labels)) == len(table)


@pytest.mark.parametrize("table", [RUN_STATES, STEP_STATES])
def test_each_state_is_told_apart_without_colour(table):
    assert len({each.glyph for each in table}) == len(table)


def test_what_needs_attention_comes_first():
    labels = [each.label for each in (*RUN_STATES, *OTHER_STATES)]
    assert sorted(reversed(labels), key=rank) == labels
    assert rank("something else") == len(labels)
