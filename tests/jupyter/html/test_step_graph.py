"""The drawing of a run's steps."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree

import pytest

from nbrunner.engine.progress import Progress, StepProgress
from nbrunner.jupyter.html.step_graph import COLOURS, steps_html
from nbrunner.jupyter.widgets import StepGraph

pytestmark = pytest.mark.once

FOLLOWING = {"start": ["work"], "work": ["join"], "join": ["end"], "end": []}
TYPES = {"start": "foreach", "work": "linear", "join": "join", "end": "end"}


def drawn(following, types, steps, seconds, stopped=False):
    """Return the drawing, which must be well-formed, as a tree."""
    return ElementTree.fromstring(steps_html(following, types, Progress(steps), seconds, stopped))


def style(element):
    return dict(each.split(":", 1) for each in element.get("style").split(";"))


def size(element, name):
    return int(style(element)[name].removesuffix("px"))


def boxes(tree):
    return [element for element in tree.iter("div") if element.get("title")]


def texts(tree):
    """Return the text of each box, which is complete even without styles."""
    return ["".join(box.itertext()) for box in boxes(tree)]


def lines(tree):
    """Return (left, top, right, bottom) of each piece of a line, without the arrows' heads."""
    pieces = [each for each in tree.iter("div") if not len(each) and not each.get("title")]
    pieces = [each for each in pieces if "transparent" not in each.get("style")]
    names = ("left", "top", "width", "height")
    found = [[size(each, name) for name in names] for each in pieces]
    return [(left, top, left + width, top + height) for left, top, width, height in found]


def corners(tree):
    return [(size(box, "left"), size(box, "top")) for box in boxes(tree)]


def places(tree):
    """Return (column, row) of each box."""
    columns = sorted({x for x, _ in corners(tree)})
    rows = sorted({y for _, y in corners(tree)})
    return [(columns.index(x), rows.index(y)) for x, y in corners(tree)]


def test_each_step_with_its_sign_its_counts_and_its_duration():
    steps = {
        "start": StepProgress(done=1),
        "work": StepProgress(done=2, cloned=1, running=1, pending=3),
        "join": StepProgress(failed=1),
        "end": StepProgress(pending=1),
    }
    tree = drawn(FOLLOWING, TYPES, steps, {"start": 0.421, "work": 75.0})
    assert texts(tree) == ["✓ start 0.42 s", "◐ work 3/7 1:15", "✗ join", "○ end"]
    assert [box.get("title") for box in boxes(tree)] == [
        "start: 1 of 1 done, 0 running, 0 failed",
        "work: 2 of 7 done, 1 running, 0 failed, 1 cloned",
        "join: 0 of 1 done, 0 running, 1 failed",
        "end: 0 of 1 done, 0 running, 0 failed",
    ]
    assert tree.find("div").get("aria-label") == "Steps: start 1/1  work 3/7  join 0/1  end 0/1"


def test_the_step_behind_a_foreach_is_counted_also_when_it_has_one_task():
    steps = {name: StepProgress(done=1) for name in FOLLOWING}
    assert texts(drawn(FOLLOWING, TYPES, steps, {})) == ["✓ start", "✓ work 1/1", "✓ join", "✓ end"]


def test_a_step_whose_tasks_were_all_cloned_has_a_sign_of_its_own():
    steps = {"start": StepProgress(cloned=1), "work": StepProgress(cloned=2, done=1)}
    tree = drawn({"start": ["work"], "work": []}, {}, steps, {})
    assert texts(tree) == ["◎ start", "✓ work 3/3"]


def test_what_was_ended_with_a_stopped_run_has_not_failed():
    steps = {"start": StepProgress(done=1, failed=1)}
    tree = drawn({}, {}, steps, {}, stopped=True)
    assert texts(tree) == ["■ start 1/2"]
    assert boxes(tree)[0].get("title") == "start: 1 of 2 done, 0 running, 1 stopped"
    assert style(boxes(tree)[0])["border"] == f"1px solid {COLOURS['stopped']}"
    graph = StepGraph()
    graph.show(Progress(steps), stopped=True)
    assert graph.progress["start"] == {**vars(steps["start"]), "stopped": 1}


BRANCHES = {
    "start": ["a", "b"],
    "a": ["longer"],
    "longer": ["join"],
    "b": ["join"],
    "join": ["again", "end"],
    "again": ["a"],
    "end": [],
}


def test_branches_stand_below_each_other_and_a_join_behind_the_longest():
    following = {**BRANCHES, "join": ["end"]}
    del following["again"]
    tree = drawn(following, {}, {}, {})
    assert places(tree) == [(0, 0), (1, 0), (2, 0), (1, 1), (3, 0), (4, 0)]


@pytest.mark.parametrize(
    "following",
    [
        BRANCHES,
        {"start": ["work"], "work": ["check"], "check": ["work", "check", "end"], "end": []},
        {"start": ["a", "end"], "a": ["b", "end"], "b": ["c", "end"], "c": ["end"], "end": []},
    ],
)
def test_lines_lead_from_box_to_box_and_through_none(following):
    tree = drawn(following, {}, {}, {})
    drawing = tree.find("div")
    width, height = size(drawing, "width"), size(drawing, "height")
    for left, top, right, bottom in lines(tree):
        assert 0 <= left <= right <= width and 0 <= top <= bottom <= height
        for x, y in corners(tree):
            beside = right <= x + 1 or left >= x + 127
            above_or_below = bottom <= y or top >= y + 34
            assert beside or above_or_below, (left, top, right, bottom)
    heads = [each for each in tree.iter("div") if "transparent" in each.get("style", "")]
    ends = {(size(each, "left") + 5, size(each, "top") + 4) for each in heads}
    assert {x for x, _ in ends} == {x for x, _ in corners(tree)[1:]}


def test_a_line_that_leads_back_is_dashed():
    following = {"start": ["work"], "work": ["work", "end"], "end": []}
    tree = drawn(following, {}, {}, {})
    dashed = [each for each in tree.iter("div") if "dashed" in each.get("style", "")]
    assert len(dashed) == 5
    solid = [each for each in tree.iter("div") if "1px solid" in each.get("style")]
    assert len(solid) == 3 + 2, "boxes and lines"


def test_steps_of_an_unknown_graph_are_drawn_from_what_the_run_told():
    tree = drawn({}, {}, {"start": StepProgress(done=1)}, {})
    assert texts(tree) == ["✓ start"]


def test_a_long_name_is_cut_and_whole_in_the_tooltip():
    name = "a_step_with_a_long_name"
    tree = drawn({name: []}, {}, {name: StepProgress(running=1)}, {})
    assert texts(tree) == ["◐ a_step_with_a_…"]
    assert boxes(tree)[0].get("title").startswith(f"{name}: ")
    tree = drawn({name: []}, {}, {name: StepProgress(running=12)}, {})
    assert texts(tree) == ["◐ a_step_wit… 0/12"]


def test_what_a_damaged_record_calls_its_steps_is_text_too():
    name = '"/><i>\x1b[31m\u202e\x07&'
    tree = drawn({name: []}, {}, {name: StepProgress(done=1)}, {})
    shown = '"/><i><U+202E>␇&'
    assert boxes(tree)[0].get("title").startswith(f"{shown}: 1 of 1 done")
    assert tree.find("div").get("aria-label") == f"Steps: {shown} 1/1"
    assert {element.tag for element in tree.iter()} <= {"div", "span"}


@pytest.mark.parametrize(("count", "boxes_drawn"), [(0, 0), (1, 1), (120, 120), (121, 0), (500, 0)])
def test_so_many_steps_that_nobody_could_read_them_are_not_drawn(count, boxes_drawn):
    names = [f"step_{number}" for number in range(count)]
    following = {name: [behind] for name, behind in itertools.pairwise([*names, ""])}
    steps = {name: StepProgress(done=1) for name in names}
    page = steps_html(following, {}, Progress(steps), {})
    assert len(re.findall("1 of 1 done", page)) == boxes_drawn


def test_no_style_is_one_that_jupyterlab_strips_from_untrusted_notebooks():
    """Its sanitizer requires a digit before the decimal point, and lengths with a unit."""
    page = steps_html(BRANCHES, TYPES, Progress({"a": StepProgress(done=2)}), {"a": 1.0})
    assert "svg" not in page and "var(" not in page
    assert not re.search(r"[:,]\.\d", page)


# White; the dark backgrounds of JupyterLab and VS Code.
GROUNDS = {"#ffffff": 4.5, "#111111": 4.1, "#1f1f1f": 3.6}


def luminance(colour):
    values = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", COLOURS.values())
def test_signs_and_borders_stand_out_on_light_and_on_dark_ground(colour):
    for ground, least in GROUNDS.items():
        darker, lighter = sorted(luminance(each) + 0.05 for each in (colour, ground))
        assert lighter / darker >= least, ground
