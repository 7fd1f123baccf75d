"""The lines that Tab completes; ``tests/kernel/test_magics.py`` tests the completions."""

from __future__ import annotations

import pytest

from nbrunner.jupyter.magic.completion import line_at

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("text", "line", "cell"),
    [
        ("%flowrun --b|g", "%flowrun --b", None),
        ("x = 1\n  %flowstop |\ny = 2", "%flowstop ", None),
        ("\n%%flowrun --|\nclass F:\n    pass", "%flowrun --", "class F:\n    pass"),
        ("%%flowrun\n%flowrun |", "", None),
        ("%%time\n%flowrun |", "", None),
        ("|", "", None),
    ],
)
def test_the_line_at_the_cursor(text, line, cell):
    before, _, behind = text.partition("|")
    number, column = before.count("\n"), len(before.rpartition("\n")[2])
    assert line_at(before + behind, number, column) == (line, cell)
