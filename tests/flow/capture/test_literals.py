"""Which values can be written into a flow file, and what the file then has."""

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
    """Return a value as a file has it that knows nothing but Python's own names."""
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


def test_a_list_that_holds_itself_is_not_plain():
    names = ["a"]
    names.append(names)
    assert not is_plain(names)
