"""Texts that Python and the page both produce; js/tests/twins.test.ts has the same cases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nbrunner.text.durations import clock, took
from nbrunner.text.printable import visible

pytestmark = pytest.mark.once

CASES = json.loads(Path(__file__).with_name("twins.json").read_text(encoding="utf-8"))
SHOW: dict[str, Callable[..., str]] = {"visible": visible, "clock": clock, "took": took}


@pytest.mark.parametrize(
    ("kind", "given", "shown"), [(kind, *case) for kind in SHOW for case in CASES[kind]]
)
def test_python_shows_what_the_page_shows(kind, given, shown):
    assert SHOW[kind](given) == shown
