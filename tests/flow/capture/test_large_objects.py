"""Objects too large to travel: a flow makes them again, and compares them with the notebook's."""

from __future__ import annotations

import re

import pytest
from support.notebooks import Notebook

from nbrunner.errors import BadValueError

pytestmark = [pytest.mark.slow, pytest.mark.once]

IMPORTS = "import numpy as np\nimport pandas as pd\n"
FRAME = "df = pd.DataFrame({'a': np.arange(200_000), 'b': np.arange(200_000) * .5})\n"
TOLD = "(len(df), list(df.columns), df.b.sum(), df.b.iloc[0])"
ROWS = """\
class Rows:
    def __init__(self):
        self.rows = [(each, str(each)) for each in range(100_000)]
rows = Rows()
"""


def flow(value: str, before: str = "") -> str:
    return f"{before}\nclass F:\n    def value(self):\n        return {value}\n"


def notebook_with(statements: str, is_own_cell: bool) -> Notebook:
    """Return a notebook with a flow, and statements in its cell or in a later one."""
    if is_own_cell:
        return Notebook(IMPORTS, flow(TOLD, FRAME + statements))
    return Notebook(IMPORTS, flow(TOLD, FRAME), statements)


READS = [
    "X = df[['a']]\ny = df['a'].values.sum()\nn = len(df)",
    "df.describe()",
    "for name in df.columns:\n    pass",
    "v = df.to_numpy()",
    "other = df",
    "def show(frame):\n    return frame.head()\nshow(df)",
]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("is_own_cell", [True, False])
def test_a_large_object_that_was_only_read_is_made_again(read, is_own_cell):
    """D: statements that only read a large object do not prevent making it again."""
    notebook = notebook_with(read, is_own_cell)
    assert notebook.given() == notebook.namespace["F"]().value()


CHANGES = [
    "a = df.pop('a')",
    "other = df\nother['c'] = 1",
    "def change(frame):\n    frame['c'] = 1\nchange(df)",
    "v = df.insert(0, 'c', 1)",
    "with pd.option_context('mode.sim_interactive', True):\n    df.insert(0, 'c', 1)",
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("is_own_cell", [True, False])
def test_a_large_object_that_was_changed_is_never_another_one(change, is_own_cell):
    """D: a change that the flow does not repeat ends it before its first step."""
    notebook = notebook_with(change, is_own_cell)
    try:
        assert notebook.given() == notebook.namespace["F"]().value()
    except ValueError as error:
        assert "'df', made again here by its cell, differs from the notebook's" in str(error)
        assert re.search(r"perhaps by .*line \d of Cell In\[\d+\]", str(error))
    else:
        assert is_own_cell and "with" in change, "only what is executed again gives the same"


@pytest.mark.parametrize("change", ["df['c'] = 1", "df.loc[0, 'b'] = 7", "df = df[df.a > 5]"])
def test_a_change_of_the_flows_own_cell_is_done_again(change):
    notebook = Notebook(IMPORTS, flow(TOLD, FRAME + change))
    assert notebook.given() == notebook.namespace["F"]().value()
    with pytest.raises(BadValueError, match=r"F uses 'df', a DataFrame, .* larger than 1 MB"):
        Notebook(IMPORTS, flow(TOLD, FRAME), change).text()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (ROWS + "kept = [rows]", "len(rows.rows)"),
        ("rng = np.random.default_rng(1)\nx = rng.random(200_000)\nm = x.mean()", "x.sum()"),
        (FRAME + "x = df.to_numpy()\nm = df.mean()", "x.sum()"),
    ],
)
def test_large_objects_of_other_kinds_are_compared(text, value):
    notebook = Notebook(IMPORTS, flow(value, text))
    assert notebook.given() == notebook.namespace["F"]().value()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (ROWS + "kept = [rows]\nkept[0].rows.append(1)", "len(rows.rows)"),
        ("x = np.random.rand(200_000)\nm = x.mean()", "x.sum()"),
        (FRAME + "x = df.to_numpy()\nm = df.mean()\nx[0] += 1\nkept = x\nkept += 1", "x.sum()"),
    ],
)
def test_large_objects_of_other_kinds_that_differ_are_refused(text, value):
    with pytest.raises(ValueError, match=r"'(rows|x)', made again here by its cell, differs"):
        Notebook(IMPORTS, flow(value, text)).given()
