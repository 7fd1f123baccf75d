"""The drawing of a run's steps."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from nbrunner.jupyter.step_picture import step_svg
from nbrunner.progress import Progress, StepProgress

FOLLOWING = {"start": ["work"], "work": ["join"], "join": ["end"], "end": []}
TYPES = {"start": "foreach", "work": "linear", "join": "join", "end": "end"}


def drawn(following, types, steps, seconds):
    """Return the drawing, which must be well-formed, as a tree."""
    return ElementTree.fromstring(step_svg(following, types, Progress(steps), seconds))


def boxes(tree):
    """Return what stands in each box, without what is empty."""
    return [[text.text for text in box.iter("text") if text.text] for box in tree.iter("g")]


def corners(tree):
    return [(int(box.get("x")), int(box.get("y"))) for box in tree.iter("rect")]


def test_each_step_with_its_sign_its_counts_and_its_duration():
    steps = {
        "start": StepProgress(done=1),
        "work": StepProgress(done=2, cloned=1, running=1, pending=3),
        "join": StepProgress(failed=1),
        "end": StepProgress(pending=1),
    }
    tree = drawn(FOLLOWING, TYPES, steps, {"start": 0.421, "work": 75.0})
    assert boxes(tree) == [
        ["✓", "start", "1/1", "0.42 s"],
        ["◐", "work", "3/7", "1:15"],
        ["✗", "join"],
        ["○", "end"],
    ]
    assert [title.text for title in tree.iter("title")] == [
        "start: 1 of 1 done, 0 running, 0 failed",
        "work: 2 of 7 done, 1 running, 0 failed, 1 cloned",
        "join: 0 of 1 done, 0 running, 1 failed",
        "end: 0 of 1 done, 0 running, 0 failed",
    ]
    picture = tree.find("svg")
    assert picture.get("role") == "img"
    assert picture.get("aria-label") == "Steps: start 1/1  work 3/7  join 0/1  end 0/1"


def test_a_step_whose_tasks_were_all_cloned_has_a_sign_of_its_own():
    steps = {"start": StepProgress(cloned=1), "work": StepProgress(cloned=2, done=1)}
    tree = drawn({"start": ["work"], "work": []}, {}, steps, {})
    assert boxes(tree) == [["◎", "start"], ["✓", "work", "3/3"]]


def test_branches_stand_below_each_other_and_a_join_behind_the_longest():
    following = {
        "start": ["a", "b"],
        "a": ["longer"],
        "longer": ["join"],
        "b": ["join"],
        "join": ["end"],
        "end": [],
    }
    tree = drawn(following, {}, {}, {})
    columns = sorted({x for x, _ in corners(tree)})
    rows = sorted({y for _, y in corners(tree)})
    places = [(columns.index(x), rows.index(y)) for x, y in corners(tree)]
    assert places == [(0, 0), (1, 0), (2, 0), (1, 1), (3, 0), (4, 0)]
    assert len(list(tree.iter("path"))) == 6


def test_an_edge_that_leads_back_is_a_bow_inside_the_drawing():
    following = {"start": ["work"], "work": ["check"], "check": ["work", "end"], "end": []}
    tree = drawn(following, {}, {}, {})
    bow, *others = (path.get("d") for path in tree.iter("path") if path.get("stroke-dasharray"))
    assert others == []
    points = [(int(x), int(y)) for x, y in re.findall(r"(\d+) (\d+)", bow)]
    (_, top), (_, work), (_, check), _ = corners(tree)
    begin, *_, end = points
    assert begin[0] > end[0]
    assert top == work == check < min(y for _, y in points)
    assert max(y for _, y in points) < int(tree.find("svg").get("height"))


def test_steps_of_an_unknown_graph_are_drawn_from_what_the_run_told():
    tree = drawn({}, {}, {"start": StepProgress(done=1)}, {})
    assert boxes(tree) == [["✓", "start"]]


def test_a_long_name_is_cut_and_whole_in_the_tooltip():
    name = "a_step_with_a_long_name"
    tree = drawn({name: []}, {}, {name: StepProgress(running=1)}, {})
    assert boxes(tree) == [["◐", "a_step_with_a_…"]]
    assert next(tree.iter("title")).text.startswith(f"{name}: ")


def test_what_a_damaged_record_calls_its_steps_is_text_too():
    name = '"/><i>\x1b[31m\u202e\x07&'
    tree = drawn({name: []}, {}, {name: StepProgress(done=1)}, {})
    shown = '"/><i><U+202E>␇&'
    assert next(tree.iter("title")).text.startswith(f"{shown}: 1 of 1 done")
    assert tree.find("svg").get("aria-label") == f"Steps: {shown} 1/1"
    assert {element.tag for element in tree.iter()} <= {"div", "svg", "g", "title", "rect", "text"}


@pytest.mark.parametrize(("count", "boxes_drawn"), [(0, 0), (1, 1), (120, 120), (121, 0), (500, 0)])
def test_so_many_steps_that_nobody_could_read_them_are_not_drawn(count, boxes_drawn):
    names = [f"step_{number}" for number in range(count)]
    following = (
        dict(zip(names, [[each] for each in names[1:]] + [[]], strict=True)) if names else {}
    )
    steps = {name: StepProgress(done=1) for name in names}
    assert step_svg(following, {}, Progress(steps), {}).count("<rect") == boxes_drawn
