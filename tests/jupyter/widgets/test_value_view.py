"""The display of an artifact's value."""

from __future__ import annotations

import dataclasses

import pandas
import pytest

from nbrunner.jupyter.widgets.value_view import MAX_CHARACTERS, MAX_ROWS, view_of

pytestmark = pytest.mark.once


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Page:
    def _repr_html_(self) -> str:
        return "<b>bold</b>"


class Picture:
    def _repr_png_(self) -> bytes:
        return b"\x89PNG\r\n\x1a\nrest"


@pytest.mark.parametrize(
    "value, text",
    [
        (1, "1"),
        ("two\nlines", "two\nlines"),
        (None, "None"),
        (Point(1, 2), "Point(x=1, y=2)"),
        ([1, 2, 3], "[1, 2, 3]"),
        ({}, "{}"),
        ({"deep": [1]}, "{'deep': [1]}"),
        (b"\x00\x01", "b'\\x00\\x01'"),
        ("a\x07\u202eb", "a\u2407<U+202E>b"),
        (Page, repr(Page)),
    ],
)
def test_text(value, text):
    found = view_of(value)
    assert (found.kind, found.text, found.cut) == ("text", text, "")


def test_long_text_is_cut_and_says_so():
    found = view_of("x" * (MAX_CHARACTERS + 1))
    assert len(found.text) == MAX_CHARACTERS
    assert found.cut == "the first 50,000 of 50,001 characters"


def test_a_data_frame():
    frame = pandas.DataFrame({"a": range(300), "b": ["<b>x</b>"] * 300}, index=range(10, 310))
    found = view_of(frame)
    assert found.kind == "table"
    assert found.columns == ["", "a", "b"]
    assert found.rows[0] == ["10", "0", "<b>x</b>"]
    assert len(found.rows) == MAX_ROWS
    assert found.cut == "the first 200 of 300 rows"


def test_a_series_and_its_index():
    found = view_of(pandas.Series([1.5, 2.5], index=["x", "y"], name="weight"))
    assert found.columns == ["", "weight"]
    assert found.rows == [["x", "1.5"], ["y", "2.5"]]


@pytest.mark.parametrize(
    "value",
    [
        pandas.DataFrame([range(80)]),
        pandas.DataFrame([range(80)]).to_numpy(),
        [dict.fromkeys(map(str, range(80)), 1)],
    ],
    ids=["frame", "array", "dicts"],
)
def test_many_columns_are_cut(value):
    found = view_of(value)
    assert len(found.columns) == len(found.rows[0]) == 50
    assert found.cut == "the first 49 of 80 columns"


class Number(float):
    """Counts its conversions to text."""

    shown = 0

    def __repr__(self):
        Number.shown += 1
        return "0.5"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [list, tuple, set, frozenset, dict])
def test_of_very_many_items_no_more_are_made_into_text_than_are_shown(kind):
    Number.shown = 0
    numbers = map(Number, range(60_000))
    value = {number: [0] for number in numbers} if kind is dict else kind(numbers)
    found = view_of(value)
    assert found.cut.startswith("the first 50,000 of 60,000 items, the first 50,000 of ")
    assert 0 < Number.shown <= 2 * 50_000  # pprint converts some of them twice
    assert len(found.text) == MAX_CHARACTERS


def test_arrays():
    numpy = pytest.importorskip("numpy", reason="comes with pandas")
    assert view_of(numpy.array([[1, 2], [3, 4]])).rows == [["0", "1", "2"], ["1", "3", "4"]]
    assert view_of(numpy.array([1.5, 2])).rows == [["0", "1.5"], ["1", "2"]]
    named = numpy.array([(1, "a")], dtype=[("n", int), ("s", "U1")])
    assert view_of(named).columns == ["", "n", "s"]
    assert view_of(named).rows == [["0", "1", "a"]]
    assert view_of(numpy.zeros((2, 2, 2))).kind == "text"


def test_dicts():
    found = view_of({"alpha": 0.5, "name": "x"})
    assert (found.columns, found.rows) == (["", "value"], [["alpha", "0.5"], ["name", "x"]])
    found = view_of([{"a": 1, "b": 2}, {"a": 3, "b": 4}])
    assert (found.columns, found.rows[1]) == (["", "a", "b"], ["1", "3", "4"])
    assert view_of([{"a": 1}, {"b": 2}]).kind == "text"


def test_images_and_pages():
    data = b"\x89PNG\r\n\x1a\nrest"
    found = view_of(data)
    assert (found.kind, found.mime, found.data) == ("image", "image/png", data)
    assert view_of(Picture()).mime == "image/png"
    found = view_of(Page())
    assert (found.kind, found.text) == ("html", "<b>bold</b>")
