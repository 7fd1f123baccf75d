"""Durations as text."""

from __future__ import annotations

import pytest

from nbrunner.text.durations import clock, elapsed, took


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (42.9, "0:42"), (3723, "1:02:03")])
def test_what_goes_on(seconds, shown):
    assert clock(seconds) == shown
    assert elapsed(seconds, "running") == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.134, "0.13 s"), (9.996, "10.0 s"), (12.34, "12.3 s"), (59.96, "1:00"), (185, "3:05")],
)
def test_what_is_over(seconds, shown):
    assert took(seconds) == shown
    assert elapsed(seconds, "timed out") == shown


def test_what_nobody_knows():
    assert elapsed(None, "lost") == ""
