"""The value of an artifact as the output of a cell."""

from __future__ import annotations

import pytest

from nbrunner.jupyter.html.value import value_bundle
from nbrunner.jupyter.widgets.value_view import view_of

pytestmark = pytest.mark.once


def test_text_stays_text():
    assert value_bundle(view_of("<b>")) == {"text/plain": "<b>"}


def test_a_table_is_text_in_cells():
    pandas = pytest.importorskip("pandas", reason="a library of the user's")
    bundle = value_bundle(view_of(pandas.DataFrame({"a<": [1, 2], "b": ["<i>", "y"]})))
    assert "<th>a&lt;</th>" in bundle["text/html"]
    assert "<td>&lt;i&gt;</td>" in bundle["text/html"]
    assert bundle["text/plain"].splitlines()[0].split() == ["a<", "b"]
    bundle = value_bundle(view_of(pandas.DataFrame({"a": range(300)})))
    assert bundle["text/plain"].endswith("(the first 200 of 300 rows)")


def test_an_image_and_a_page():
    picture = b"\x89PNG\r\n\x1a\n123"
    bundle = value_bundle(view_of(picture))
    assert bundle == {"image/png": "iVBORw0KGgoxMjM=", "text/plain": "<image/png, 11 bytes>"}

    class Page:
        def _repr_html_(self) -> str:
            return '<script>alert("a")</script>'

    page = value_bundle(view_of(Page()))["text/html"]
    assert page.startswith('<iframe sandbox=""')
    assert "<script" not in page
