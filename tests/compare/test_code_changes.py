"""Which steps and modules differ between the code of two runs."""

from __future__ import annotations

import pytest

from nbrunner.compare.code_changes import OUTSIDE, code_changes

pytestmark = pytest.mark.once

FLOW = """\
from metaflow import FlowSpec, card, step

RATE = 0.1

class TrainFlow(FlowSpec):

    @step
    def start(self):
        self.x = 1
        self.next(self.train)

    @card(type='blank')
    @step
    def train(self):
        self.y = self.x * RATE
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    TrainFlow()
"""


def changed(before: str, after: str) -> dict[str, str]:
    changes = code_changes({"/a/flow.py": before}, {"/b/flow.py": after})
    return {change.name: change.kind for change in changes}


def test_equal_code_has_no_changes_wherever_it_is():
    assert changed(FLOW, FLOW) == {}


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("self.x = 1", "self.x = 2", "step start"),
        ("@card(type='blank')", "@card(type='default')", "step train"),
        ("    @card(type='blank')\n", "", "step train"),
        ("pass", "pass  # the end", "step end"),
        ("RATE = 0.1", "RATE = 0.2", OUTSIDE),
        ("import FlowSpec", "import current, FlowSpec", OUTSIDE),
    ],
)
def test_an_edit_is_a_change_of_its_step_alone(old, new, name):
    assert changed(FLOW, FLOW.replace(old, new)) == {name: "changed"}


def test_a_step_that_only_one_run_has():
    more = "    @step\n    def more(self):\n        pass\n\n"
    extra = FLOW.replace("    @step\n    def end", f"{more}    @step\n    def end")
    assert changed(FLOW, extra) == {"step more": "added"}
    assert changed(extra, FLOW) == {"step more": "removed"}


def test_modules_are_named_by_their_place_beside_the_flow():
    before = {"/a/flow.py": FLOW, "/a/helper.py": "x = 1\n", "/a/gone.py": "1\n"}
    after = {"/b/flow.py": FLOW, "/b/helper.py": "x = 2\n", "/b/pkg/new.py": "1\n"}
    found = {change.name: change.kind for change in code_changes(before, after)}
    assert found == {"helper.py": "changed", "pkg/new.py": "added", "gone.py": "removed"}


def test_the_lines_of_a_change_have_three_lines_of_context():
    (change,) = code_changes({"/a.py": FLOW}, {"/a.py": FLOW.replace("self.x = 1", "self.x = 2")})
    assert change.lines() == [
        "@@ -1,4 +1,4 @@",
        "     @step",
        "     def start(self):",
        "-        self.x = 1",
        "+        self.x = 2",
        "         self.next(self.train)",
    ]


def test_a_form_feed_in_a_text_moves_no_step():
    before = FLOW.replace("RATE = 0.1", "RATE = '\x0c \u2028'")
    assert changed(before, before.replace("self.y = self.x", "self.y = 2 * self.x")) == {
        "step train": "changed"
    }


def test_code_that_is_no_python_is_compared_as_a_whole():
    assert changed("def :\n", "def ::\n") == {OUTSIDE: "changed"}
