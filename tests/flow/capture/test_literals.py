"""Values that can be written into a flow file, and their value there."""

from __future__ import annotations

import collections
import enum
import math

import numpy
import pytest

from nbrunner.flow.capture.literals import is_plain, plain_source

pytestmark = pytest.mark.once

Point = collections.namedtuple("Point", "x y")


class Colour(enum.IntEnum):
    RED = 1


class Word(str):
    __slots__ = ()


class Names(list):
    pass


def again(value):
    """Return a value from its source, evaluated with Python's own names only."""
    return eval(plain_source(value), {})


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 7, 2**20000, 0.5, -0.0, 1e300, 3 - 2j, "ü'\n", b"\x00"),
        *([], (), {}, set(), frozenset(), (1,), [1, "a"], {1, 2}, frozenset({3})),
        {"a": [1, (2, {None: {True}})]},
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_plain_value_comes_back_with_its_type(value):
    assert is_plain(value)
    assert (again(value), type(again(value))) == (value, type(value))


def test_numbers_that_have_no_literal():
    values = [math.inf, -math.inf, math.nan, complex(math.nan, -math.inf), complex(-0.0, 1)]
    assert all(map(is_plain, values))
    assert repr(again(values)) == repr(values)


@pytest.mark.parametrize(
    "value",
    [
        *(Colour.RED, Word("a"), Point(1, 2), Names(), collections.OrderedDict(a=1)),
        *(collections.defaultdict(int), collections.Counter("a"), range(3), object()),
        *(numpy.zeros(1), numpy.array(1.0), numpy.datetime64(0, "s"), numpy.longdouble(1)),
        *(numpy.datetime64(0, "ns"), numpy.timedelta64(1, "ns"), numpy.timedelta64(1, "D")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_only_looks_like_a_plain_value_is_none(value):
    assert not is_plain(value)
    assert not is_plain([value])
    assert not is_plain({"key": (value,)})


def test_numbers_of_numpy_stay_those_of_numpy():
    values = [numpy.float64(0.5), numpy.int32(7), numpy.bool_(True), numpy.str_("a")]
    assert is_plain(values)
    assert repr(again(values)) == repr(values)
    assert "numpy').bool_(True)" in plain_source(numpy.bool_(True))


def nested(depth, wrap):
    value = 1
    for _ in range(depth):
        value = wrap(value)
    return value


WRAPS = [lambda x: [x], lambda x: {"a": x}, lambda x: (x,), lambda x: frozenset([x])]


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_value_that_is_nested_deeply_is_not_plain(wrap):
    """CPython does not parse more than 200 nested brackets."""
    assert again(nested(50, wrap)) == nested(50, wrap)
    assert is_plain(nested(50, wrap))
    assert not is_plain(nested(51, wrap))


HOLDS_ITSELF: list = []
HOLDS_ITSELF.append(HOLDS_ITSELF)
ROW: list = [0]


@pytest.mark.parametrize(
    "value",
    [
        HOLDS_ITSELF,
        [ROW] * 2,
        {"a": ROW, "b": [ROW]},
        (ROW, {"a": ROW}),
        nested(60, lambda x: [x, x]),
        nested(60, lambda x: (x, x)),
    ],
    ids=range(6),
)
def test_a_value_that_holds_a_list_twice_is_not_plain(value):
    """D: a list that is shared in the notebook is shared in the flow."""
    assert not is_plain(value)


@pytest.mark.parametrize("value", [[(1, 2)] * 2, [(), ()], [ROW, [0]], [frozenset([1])] * 2])
def test_what_cannot_be_changed_may_be_held_twice(value):
    assert is_plain(value)
    assert again(value) == value
