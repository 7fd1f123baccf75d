"""Metaflow's sentences: each is in the installed Metaflow, and defined in one place here."""

from __future__ import annotations

import ast
import re
from datetime import datetime
from pathlib import Path

import metaflow
import pytest

import nbrunner
from nbrunner.engine import log_format
from nbrunner.engine.progress import LogLine, parse_line

pytestmark = pytest.mark.once

METAFLOW = Path(metaflow.__file__).parent
PACKAGE = Path(nbrunner.__file__).parent
HOME = PACKAGE / "engine" / "log_format.py"

FRAGMENTS = [
    (file, each) for file, fragments in log_format.IN_METAFLOW.items() for each in fragments
]
# Sentences whose end Metaflow appends as a suffix.
JOINED = {log_format.STARTING: ".", log_format.RETRYING: " (retry)."}
SENTENCES = sorted(
    {
        value
        for name, value in vars(log_format).items()
        if name.isupper() and isinstance(value, str) and "(?" not in value and "\\" not in value
    }
    | {*log_format.CHECKED}
)
SPELLED = re.compile(
    r"Task (is starting|fallback|finished|failed)|Foreach yields|child steps|\(pid [%{\\]"
    r"|Workflow (starting|interrupted|failed)|(C|c)loning (?!directory)|previously run task"
    r"|The graph looks good|Pylint (is|not)|Pylint checks|Validating your|Running pylint"
)


@pytest.mark.parametrize(("file", "fragment"), FRAGMENTS)
def test_each_sentence_stands_in_the_installed_metaflow(file, fragment):
    assert fragment in (METAFLOW / file).read_text(encoding="utf-8")


def test_there_are_sentences():
    assert len(SENTENCES) > 15
    assert {log_format.DONE, log_format.RETRYING, log_format.INTERRUPTED} <= set(SENTENCES)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_no_sentence_is_without_its_source(sentence):
    """Each sentence that is defined here is also searched for in Metaflow."""
    fragments = [fragment for _, fragment in FRAGMENTS]
    if suffix := JOINED.get(sentence):
        assert sentence == log_format.STARTS + suffix
        assert any(f'"{suffix}"' in each for each in fragments)
    else:
        assert any(sentence in each for each in fragments), sentence


def texts(file):
    """Yield the strings in a module's code, without comments and docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    prose = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in prose:
            if isinstance(node.value, bytes):
                yield node.value.decode("latin-1")
            elif isinstance(node.value, str):
                yield node.value


def test_no_other_module_spells_metaflows_words():
    spelled = {
        file: [text for text in texts(file) if SPELLED.search(text)]
        for file in PACKAGE.rglob("*.py")
    }
    assert spelled.pop(HOME)
    assert {file: found for file, found in spelled.items() if found} == {}


@pytest.mark.parametrize("pid", [17, None])
def test_a_line_that_is_written_is_one_that_is_read(pid):
    moment = datetime(2026, 11, 23, 0, 2, 53, 890_999)
    task = "1763851373/start/1"
    name = log_format.process_name(task, pid) if pid else task
    line = f"{log_format.when(moment)} [{name}] {log_format.STARTING}"
    expected = LogLine(
        "2026-11-23 00:02:53.890", "1763851373", "start", "1", pid, "Task is starting."
    )
    assert parse_line(line) == parse_line(f"\x1b[35m{line}\x1b[0m") == expected


def test_groups_of_other_names_capture_nothing():
    pattern = log_format.only_named(log_format.BRACKET, "step")
    assert re.compile(pattern).groupindex == {"step": 1}
    assert re.compile(log_format.only_named(log_format.BRACKET)).groups == 0
