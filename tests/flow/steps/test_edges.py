"""Which step follows which."""

from __future__ import annotations

import pytest
from support.step_cells import Cells

from nbrunner.errors import BadValueError


def steps(*lines: str) -> list[str]:
    return [f"%%step {line}\nself.x = 1" for line in lines]


@pytest.mark.parametrize(
    ("cells", "leads"),
    [
        ([], {"start": "end"}),
        (steps("a", "b"), {"start": "a", "a": "b", "b": "end"}),
        (steps("start", "a", "end"), {"start": "a", "a": "end"}),
        (steps("a", "start"), {"start": "a", "a": "end"}),
        (
            steps("a", "b --after start", "c --join"),
            {"start": "a, b", "a": "c", "b": "c", "c": "end"},
        ),
        (
            steps("a", "b --after start", "c --after start", "d --join --after a,b,c"),
            {"start": "a, b, c", "a": "d", "b": "d", "c": "d", "d": "end"},
        ),
        (
            steps("start", "work --foreach items", "join --join"),
            {"start": 'work, foreach="items"', "work": "join", "join": "end"},
        ),
        (
            steps("outer --foreach xs", "inner --foreach ys", "j1 --join", "j2 --join"),
            {
                "start": 'outer, foreach="xs"',
                "outer": 'inner, foreach="ys"',
                "inner": "j1",
                "j1": "j2",
                "j2": "end",
            },
        ),
        (
            # A foreach in one of two branches: the first join is that of the foreach.
            steps("a", "b --after start", "each --foreach xs", "j --join", "all --join"),
            {
                "start": "a, b",
                "b": 'each, foreach="xs"',
                "each": "j",
                "a": "all",
                "j": "all",
                "all": "end",
            },
        ),
        (
            ["%%step start\nself.next(self.a, self.b)", *steps("a", "b", "c --join")],
            {"start": "a, b", "a": "c", "b": "c", "c": "end"},
        ),
        (
            [
                "%%step start\nself.way = 'a'\nself.next({'a': self.a, 'b': self.b},"
                " condition='way')",
                "%%step a\nself.next(self.last)",
                "%%step b\nself.next({'again': self.b, 'on': self.last}, condition='way')",
                *steps("last"),
            ],
            {
                "start": "{'a': a, 'b': b}, condition='way'",
                "a": "last",
                "b": "{'again': b, 'on': last}, condition='way'",
                "last": "end",
            },
        ),
    ],
)
def test_each_step_leads_to_its_next(cells, leads):
    assert Cells(*cells).leads() == leads


def test_a_step_executed_again_stays_in_its_place():
    cells = Cells(*steps("a", "b", "c"))
    cells.execute("%%step b\nself.y = 2")
    assert cells.leads() == {"start": "a", "a": "b", "b": "c", "c": "end"}
    cells.execute("%%step b --after start\nself.y = 2")
    with pytest.raises(BadValueError, match="F: nothing follows a and c; join them in a step"):
        cells.leads()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (steps("train", "b --after trian"), "b --after: there is no step 'trian'; did you mean"),
        (steps("end --after nowhere"), "end --after: there is no step 'nowhere'"),
        (steps("a", "b --join"), "b --join: no branches or foreach before it to be joined"),
        (steps("a --foreach xs", "b --after start"), "b: a follows start already, and a foreach"),
        (steps("a", "b --after start --foreach xs"), "b: a follows start already, and a foreach"),
        (
            ["%%step start\nself.next(self.a)", *steps("b")],
            "b cannot follow start, whose self.next leads to a; name the step before it with",
        ),
        (
            ["%%step start\nself.next(self.a)", *steps("a --foreach xs")],
            "a --foreach: the self.next of start leads to a; write self.next\\(self.a, foreach=",
        ),
        (["%%step start\nself.next(self.aa)", *steps("a --after start")], "a cannot follow start"),
        (["%%step start\nself.next(self.fit)"], "self.next of start: there is no step 'fit'"),
        (["%%step a\nself.next(self.a)"], "F: no path of steps leads from start to end"),
        (steps("a", "b --after start"), "F: nothing follows a and b; join them in a step with"),
    ],
)
def test_steps_that_make_no_flow_are_an_error(cells, message):
    with pytest.raises(BadValueError, match=message):
        Cells(*cells).leads()
