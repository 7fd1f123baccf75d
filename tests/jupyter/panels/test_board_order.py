"""The rows that a board draws, and its text about the others."""

from __future__ import annotations

import numpy
import pytest

from nbrunner.jupyter.panels.board_order import BoardRow, chosen, column_of, counts, summary

pytestmark = pytest.mark.once


def rows(*statuses, **values):
    return [
        BoardRow(str(n), status, f"F/{n}", {name: each[n] for name, each in values.items()})
        for n, status in enumerate(statuses)
    ]


def keys(found):
    return [int(row.key) for row in found]


def test_few_rows_stand_in_their_order():
    assert keys(chosen(rows("successful", "failed", "running"))) == [0, 1, 2]


def test_of_many_those_that_need_attention_are_drawn():
    many = rows(*["successful"] * 30, "failed", *["waiting"] * 5, "running")
    found = chosen(many)
    assert len(found) == 20
    assert keys(found)[:2] == [30, 36]
    assert summary(many, found) == "17 more: 12 successful, 5 waiting"
    assert counts([row.status for row in many]) == ("1 failed, 1 running, 30 successful, 5 waiting")


@pytest.mark.parametrize(
    ("descending", "order"), [(False, [3, 0, 2, 1, 4]), (True, [1, 2, 0, 3, 4])]
)
def test_sorting_by_a_parameter_puts_numbers_by_size_and_missing_ones_last(descending, order):
    found = rows(*["successful"] * 5, alpha=[2, 10, 2.5, -1, None])
    assert keys(chosen(found, "alpha", descending)) == order


def test_numbers_of_numpy_are_numbers_and_what_is_none_stands_last():
    values = [numpy.int64(10), float("nan"), numpy.float32(9.5), 100, numpy.float64("nan")]
    found = rows(*["successful"] * 5, alpha=values)
    assert keys(chosen(found, "alpha")) == [2, 0, 3, 1, 4]
    assert keys(chosen(found, "alpha", True)) == [3, 0, 2, 1, 4]
    found = rows("successful", "successful", alpha=[10**400, 1])  # more than a float can be
    assert keys(chosen(found, "alpha")) == [1, 0]


def test_a_parameter_that_is_called_like_a_column_of_the_board_is_sorted_by_its_own():
    found = rows("successful", "failed", time=[2, 1], status=["a", "b"])
    assert [column_of(name) for name in ("time", "status", "alpha")] == [
        *("value time", "value status", "alpha"),
    ]
    assert keys(chosen(found, column_of("time"))) == [1, 0]
    assert keys(chosen(found, column_of("status"))) == [0, 1]
    assert keys(chosen(found, "status")) == [1, 0]


def test_sorting_by_text_and_by_state():
    found = rows("successful", "failed", "running", name=["b", "c", "a"])
    assert keys(chosen(found, "name")) == [2, 0, 1]
    assert keys(chosen(found, "status")) == [1, 2, 0]


def test_nothing_is_said_when_all_are_drawn():
    some = rows("running", "failed")
    assert summary(some, chosen(some)) == ""
