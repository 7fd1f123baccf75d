"""A comparison as text and as HTML: differences first, equal rows folded, text as text."""

from __future__ import annotations

import pytest

from nbrunner.compare.as_html import html_of
from nbrunner.compare.as_text import text_of
from nbrunner.compare.code_changes import CodeChange
from nbrunner.compare.diff import DiffRow, RunDiff

pytestmark = pytest.mark.once


@pytest.fixture
def diff():
    rows = [
        DiffRow("run", "user", ("me", "me"), True),
        DiffRow("parameters", "depth", ("3", "4"), False),
        DiffRow("parameters", "label", ("'<b>'", "'\x1b[31m<script>'"), False),
        DiffRow("parameters", "rate", ("0.1", "0.1"), True),
        DiffRow("artifacts", "score", (None, "1" * 5000), False),
        DiffRow("seconds", "start", ("1.00 s", "3.00 s"), False, "3 times as long"),
    ]
    change = CodeChange("step train", "x = old(1)\ny = 2\n", "x = new_name(1)\ny = 2\n")
    return RunDiff(("F/1", "F/2"), rows, {"F/2": [change]}, ["a note <i>"])


def test_as_text(diff):
    lines = text_of(diff).splitlines()
    assert lines[0].split() == ["F/1", "F/2"]
    assert lines[1].split() == ["run", "1", "equal"]
    assert lines[2].split() == ["parameters", "depth", "3", "4"]
    assert lines[4].split() == ["parameters", "1", "equal"]
    assert lines[5].split()[:3] == ["artifacts", "score", "-"]
    assert lines[5].endswith("1…") and "\x1b" not in "".join(lines)
    assert lines[6].endswith("3 times as long")
    assert "code of F/2 against F/1: step train changed" in lines
    assert "  -x = old(1)" in lines and "  +x = new_name(1)" in lines
    assert lines[-1] == "a note <i>"


def test_as_text_with_everything(diff):
    lines = text_of(diff, every=True).splitlines()
    assert [line.split()[:2] for line in lines[1:7]] == [
        ["run", "user"],
        *(["parameters", each] for each in ("depth", "label", "rate")),
        ["artifacts", "score"],
        ["seconds", "start"],
    ]
    assert lines[1].endswith("=")


def test_as_html(diff):
    html = html_of(diff)
    assert "<script>" not in html and "<b>" not in html and "a note &lt;i&gt;" in html
    assert "<details><summary>equal: 1 in run, 1 in parameters</summary>" in html
    assert "- x = <del>old</del>(1)" in html
    assert "+ x = <ins>new_name</ins>(1)" in html
    assert '<span class="same"> y = 2</span>' in html
    assert "1" * 2001 not in html
    assert '<th scope="col">F/<wbr>2</th>' in html


def test_a_line_that_is_only_added_has_no_empty_removed_line(diff):
    added = CodeChange("step end", "a\nb\n", "a\nnew\nb\n")
    html = html_of(RunDiff(("F/1", "F/2"), [], {"F/2": [added]}, []))
    assert "+ <ins>new</ins>" in html and "- " not in html.partition("<pre>")[2]


def test_equal_code_says_so():
    found = RunDiff(("F/1", "F/2"), [], {"F/2": []}, [])
    assert "code of F/2 against F/1: equal" in text_of(found)
    assert "code of F/2 against F/1: equal" in html_of(found)
    assert "The runs are equal" in html_of(found)
