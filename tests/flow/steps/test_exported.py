"""Cells -> a flow file that a colleague would have written."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from support.step_cells import Cells

from nbrunner.engine.client import is_metaflow_name
from nbrunner.errors import BadValueError
from nbrunner.flow.steps.assembly import class_text
from nbrunner.flow.steps.exported import cells_of, exported

STEP = "%%step a\nself.x = value()"


def file(*cells: str) -> str:
    """Return the flow file of cells in the order of a notebook."""
    flow = Cells(*[each for each in cells if each.startswith("%%")])
    others = cells_of((f"Cell {n}", each) for n, each in enumerate(cells, 1) if each[:2] != "%%")
    text = class_text(flow.flow, flow.steps)
    return exported(flow.flow.name, text, others, is_metaflow_name)


NOTEBOOK = (
    "import os, sys\nimport numpy as np\nfrom math import sqrt, pi\nprint(sys.path)",
    "# The weights.\nweights = {'a': [1, 2]}  # of each\n\nunused = 5\nnames = []",
    "# above\n@property\ndef not_used(self):\n    pass\n\n\n# Roots.\n#  Two lines.\n"
    "def root(x):\n    # inside\n    return sqrt(x) * scale",
    "names.append('b')\nnames",
    "scale = 2",
    "%%flow TrainFlow\nimport os\nimport json\nn = Parameter('n', default=os.curdir)",
    "%%step start\nself.roots = [root(x) for x in weights['a']]  # all\nself.names = names",
    "%%step last\nprint(np.array(self.roots), pi)",
)
EXPECTED = """\
import os
from math import pi, sqrt

import numpy as np
from metaflow import FlowSpec, Parameter, step

# The weights.
weights = {'a': [1, 2]}  # of each
names = []


# Roots.
#  Two lines.
def root(x):
    # inside
    return sqrt(x) * scale


names.append('b')

scale = 2


class TrainFlow(FlowSpec):
    n = Parameter('n', default=os.curdir)

    @step
    def start(self):
        self.roots = [root(x) for x in weights['a']]  # all
        self.names = names
        self.next(self.last)

    @step
    def last(self):
        print(np.array(self.roots), pi)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    TrainFlow()
"""


def test_the_file_has_what_the_flow_uses_and_nothing_else():
    assert file(*NOTEBOOK) == EXPECTED.replace("of each\nnames", "of each\n\nnames")
    assert file(*NOTEBOOK) == file(*NOTEBOOK)


@pytest.mark.parametrize("after", ["none", "a function", "a comment"])
def test_the_file_passes_ruff(tmp_path, after):
    path = tmp_path / "flow.py"
    cells = {
        "none": NOTEBOOK,
        "a function": ("def value():\n    return 1", STEP),
        "a comment": ("# One.\ndef value():\n    return 1", STEP),
    }[after]
    path.write_text(file(*cells).replace("'", '"'))
    for command in (["check", "--select", "E,F,W,I"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(path)]
        done = subprocess.run(ruff, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["def value():\n    return 1", "def value():\n    return 2"], 2),
        (["scale = 2\ndef value():\n    return scale", "scale = 3"], 3),
        (["a = 1", "b = a + 1", "a = 5\ndef value():\n    return a, b"], (5, 2)),
        (["rows = [1]", "rows += [2]\nrows[0] = 3", "def value():\n    return rows"], [3, 2]),
        (["s = 2\ndef f():\n    return s", "t = f()", "s = 3\ndef value():\n    return t"], 2),
        (
            ["d = {}\nd['a'] = 1", "d.update(b=2)", "def value(d=d):\n    return d"],
            {"a": 1, "b": 2},
        ),
        (
            [
                "try:\n    import nothing\nexcept ImportError:\n    nothing = 4",
                "def value():\n    return nothing",
            ],
            4,
        ),
        (["x = 1", "if x > 5:\n    x = 2", "def value():\n    return x"], 1),
        (["class A:\n    k = 1", "class B(A):\n    pass\ndef value():\n    return B.k"], 1),
        (["def f(g):\n    return lambda: g() + 1", "@f\ndef value():\n    return 1"], 2),
        (["a = 1; b = 2; c = 3", "def value():\n    return a, c"], (1, 3)),
        (["from math import pi as value", "value = lambda: 3"], 3),
        (["value = 3", "from math import factorial as value"], TypeError),
        (["import os.path as p, math", "def value():\n    return p.join('a', 'b')"], "a/b"),
    ],
)
def test_names_have_what_they_have_in_the_notebook(cells, expected):
    text = file(*cells, STEP)
    space: dict = {"__name__": "flow"}
    exec(compile(text.partition("class F(")[0], "<flow>", "exec"), space)
    if expected is TypeError:
        with pytest.raises(TypeError):
            space["value"]()
    else:
        assert space["value"]() == expected


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["x = 1"], "F uses 'value', which no cell defines"),
        (["from math import *"], "no cell defines; if Cell 1, line 1 imports it, import it by"),
        (
            ["import os\nvalue = get_ipython().getoutput('ls')"],
            "'value', which Cell 1, line 2 sets",
        ),
        (["step = 1\ndef value():\n    pass"], "Cell 1, line 1 binds 'step' to something else"),
    ],
)
def test_what_a_file_cannot_have_is_named(cells, message):
    with pytest.raises(BadValueError) as raised:
        file(*cells, STEP)
    assert message in str(raised.value)


def test_a_value_of_the_notebook_may_be_called_project():
    cells = ("project = 'churn'", "%%step a\nself.x = project")
    assert 'project = "churn"\n' in file(*cells).replace("'", '"')
    with pytest.raises(BadValueError, match="Cell 1, line 1 binds 'project' to something else"):
        file("project = 'churn'", "%%flow F --project p", "%%step a\npass")


def test_display_is_imported():
    text = file("%%step a\ndisplay(self.x)")
    assert "from IPython.display import display\n" in text
    ast.parse(text)
