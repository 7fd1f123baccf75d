"""A cell is checked before anything runs: each mistake is named with its line."""

from __future__ import annotations

import pytest
from support.step_cells import Cells

from nbrunner.errors import BadRequest
from nbrunner.flow.steps.cells import step_cell
from nbrunner.flow.steps.words import StepWords


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%step a\nself.x = (", "Cell In[1], line 2: '(' was never closed: self.x = ("),
        ("%%step a\nx = 1\n  y = 2", "Cell In[1], line 3: unexpected indent: y = 2"),
        ("%%step a\n\n\nx = 1\n!ls", "line 5: '!ls' is not Python; magics and shell commands"),
        ("%%step a\nawait x", "Cell In[1], line 2: 'await' outside async function"),
        ("%%step a\nif x:\n    return\ny = 1", "Cell In[1], line 3: return would leave the step"),
        ("%%step a\nself.next(self.b)\nx = 1", "line 2: self.next(...) has to be the last"),
        ("%%step a\nif x:\n    self.next(self.b)", "line 3: self.next(...) has to be the last"),
        ("%%step a\nself.next(self.b, self)", "line 2: expected steps, as in self.next(self.tr"),
        ("%%step next\nx = 1", "a step cannot be named 'next': Metaflow uses it"),
        ("%%step _a\nx = 1", "a step cannot be named '_a': it begins with an underscore"),
        ("%%step\nx = 1", "%%step: expected the name of a step"),
        ("%%step a\ndef b(self):\n    pass", "line 2: the cell defines 'b', its magic names 'a'"),
        ("%%step a\ndef a(self, x, y):\n    pass", "line 2: a step is def a(self), a join def"),
        ("%%step a -d card\ndef a(self):\n    pass", "with the whole def takes no -d; write the"),
        ("%%step a --join\ndef a(self):\n    pass", "takes no --join; write a second argument"),
        ("%%step a\n@step\ndef a(self): x = 1", "write the body of 'a' on lines of its own"),
        ("%%step a\n@step\ndef a(self):\n    x = (", "line 4: '(' was never closed: x = ("),
        ("%%flow F\nx = (", "Cell In[1], line 2: '(' was never closed: x = ("),
        ("%%flow F\n@a\nx = 1\n%ls", "Cell In[1], line 4: '%ls' is not Python"),
        ("%%flow F\nclass G(FlowSpec):\n    x = 1", "line 2: the cell defines 'G', its magic"),
        ("%%flow F\nclass F(FlowSpec): pass", "line 2: write the body of the class on lines of"),
    ],
)
def test_a_mistake_is_named(cell, message):
    with pytest.raises(BadRequest) as raised:
        Cells(cell)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "cells",
    [
        ["%%step best\nx = 1\nself.best = 1"],
        ["%%step a\nx = 1\nself.best, y = 1, 2", "%%step best\npass"],
        ["%%step a\ndef a(self):\n    self.end += 1"],
        ["%%step best\npass", "%%step c\nfor x in y:\n    self.best = x"],
    ],
)
def test_an_artifact_does_not_hide_a_step(cells):
    with pytest.raises(BadRequest, match=r"In\[\d\], line 3: '(best|end)' is a step of this flow"):
        Cells(*cells)


def rows(text: str, name: str = "a") -> list[str]:
    return [row.text for row in step_cell(StepWords(name), text, "Cell In[1]").rows]


def test_a_whole_def_is_kept_and_gets_what_it_lacks():
    text = "# why\n@card\n# more\ndef a(self):  # here\n  x = 1\n"
    assert rows(text, "") == [
        *("    # why", "    @card", "    # more", "    @step", "    def a(self):  # here"),
        "      x = 1",
    ]
    assert step_cell(StepWords(), text, "Cell In[1]").indent == 6
    complete = "@metaflow.step\ndef a(self):\n    self.next(self.end)"
    assert rows(complete) == [f"    {line}" for line in complete.splitlines()]


def test_a_function_without_self_is_part_of_a_body():
    text = "def helper(x):\n    return x"
    assert rows(text)[:2] == ["    @step", "    def a(self):"]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n"])
def test_a_body_may_be_empty(text):
    assert rows(text, "end")[-1] == "        pass"
    compile("class F:\n" + Cells(f"%%step a\n{text}").text.partition("\n")[2], "", "exec")
