"""Text of a run is shown as text, whatever it contains."""

from __future__ import annotations

import pytest

from nbrunner.text.printable import shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢", "plain ü 漢"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x1b\\click\x1b]8;;\x07", "click"),
        ("10%\r50%\r100%", "100%"),
        ("line\r", "line"),
        ("a\x00b\x07", "a\u2400b\u2407"),
        ("\x7f\x85", "\u2421<U+0085>"),
        ("abc\u202edef", "abc<U+202E>def"),
        ("zero\u200bwidth", "zero<U+200B>width"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


def test_a_text_that_is_too_long_ends_with_an_ellipsis():
    assert [shortened(text, 4) for text in ("", "abcd", "abcde")] == ["", "abcd", "abc…"]
