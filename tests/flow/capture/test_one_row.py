"""Several statements on one line of a cell are treated like those on separate lines."""

from __future__ import annotations

import pytest
from support.notebooks import Notebook

CELLS = [
    ("it = iter([1, 2, 3]); next(it)", "list(it)"),
    ("it = iter([1, 2, 3]); x = next(it); y = next(it)", "x, y, list(it)"),
    ("rows = [3, 1]; later = sorted(rows); rows.append(2)", "later, rows"),
    ("rows = [3, 1]; rows.append(2); later = sorted(rows)", "later, rows"),
    ("n = 1; m = n + 1; n = 5", "m, n"),
    ("import random; random.seed(1); r = random.Random(2); a = r.random(); b = r.random()", "a, b"),
    (
        "from collections import deque; q = deque([1]); q.append(2); p = list(q); q.pop()",
        "p, list(q)",
    ),
    ("import types; s = types.SimpleNamespace(a=1); t = [s.a]; s.a = 2", "t, s.a"),
    ("import types; s = types.SimpleNamespace(a=1); setattr(s, 'a', 2)", "s.a"),
    ("x = [1]; y = x; y += [2]", "x, y, x is y"),
]


@pytest.mark.parametrize(("row", "value"), CELLS)
@pytest.mark.parametrize("is_one_row", [True, False])
def test_the_order_in_a_row_counts(row, value, is_one_row):
    """D: `it = iter(rows); next(it)` gave the flow an iterator at its beginning."""
    own = row if is_one_row else row.replace("; ", "\n")
    flow = f"{own}\nclass F:\n    def value(self):\n        return repr(({value}))\n"
    notebook = Notebook(flow)
    given = notebook.given()
    assert given == notebook.namespace["F"]().value()
