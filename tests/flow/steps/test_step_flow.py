"""What a flow of several cells uses of other cells travels with it, without a kernel."""

from __future__ import annotations

import ast
import re

import pytest
from support.notebooks import Notebook
from support.step_cells import Cells

from nbrunner.errors import BadValueError, FlowLoadError
from nbrunner.flow.capture.scope import magic_texts
from nbrunner.flow.steps.assembly import class_text
from nbrunner.flow.steps.step_flow import StepFlow, captured
from nbrunner.text.line_origins import Origin, origin_of


def taken(notebook: Notebook, *cells: str) -> tuple[str, tuple[Origin, ...]]:
    flow = Cells(*cells)
    text = class_text(flow.flow, flow.steps)
    return captured(text, flow.flow.name, notebook.namespace)


def test_names_of_other_cells_travel_and_those_of_metaflow_are_imported():
    notebook = Notebook(
        "rows = [1, 2]", "import math\n\ndef root():\n    return math.sqrt(rows[1])"
    )
    before = dict(notebook.namespace)
    step = "%%step a -d card\nself.x = root()\nself.y = current.run_id"
    text, origins = taken(notebook, "%%flow F\nn = Parameter('n', default=3)", step)
    assert "from metaflow import FlowSpec, Parameter, card, current, step\n" in text
    assert "rows = [1, 2]\n" in text
    assert "def root():\n" in text
    lines = text.splitlines()
    number = lines.index("        self.x = root()") + 1
    assert origin_of(origins, number) == ("Cell In[2]", 2)
    assert notebook.namespace == before, "the notebook keeps its names"


def test_values_are_those_of_now():
    notebook = Notebook("rows = [1]", "rows.append(2)", "rows = rows + [3]")
    assert "rows = [1, 2, 3]\n" in taken(notebook, "%%step a\nself.x = rows")[0]
    notebook.execute("rows[0] = 5")
    assert "rows = [5, 2, 3]\n" in taken(notebook, "%%step a\nself.x = rows")[0]
    default = "%%flow F\nn = Parameter('n', default=rows[0])"
    assert "rows = [5, 2, 3]\n" in taken(notebook, default, "%%step a\npass")[0]


def test_what_cannot_travel_is_named():
    notebook = Notebook("import threading\nlock = threading.Lock()")
    with pytest.raises(BadValueError, match="F uses 'lock', a lock, which cannot travel"):
        taken(notebook, "%%step a\nself.x = lock")
    assert "F" not in notebook.namespace


def test_a_value_of_the_notebook_may_be_called_project():
    text, _ = taken(Notebook("project = 'churn'"), "%%step a\nself.x = project")
    assert "project = 'churn'\n" in text
    with pytest.raises(BadValueError, match="the notebook has bound 'project' to something else"):
        taken(Notebook("project = 'churn'"), "%%flow F --project p", "%%step a\npass")


@pytest.mark.parametrize("name", ["step", "FlowSpec"])
def test_a_name_that_the_notebook_has_bound_to_something_else_is_told(name):
    with pytest.raises(BadValueError, match=f"the notebook has bound '{name}' to something else"):
        taken(Notebook(f"{name} = 1"), "%%step a\npass")


def test_an_error_of_the_class_names_cell_and_line():
    cells = ("%%flow F\nn = 1\nm = Parameter('m', default=n / 0)", "%%step a\npass")
    with pytest.raises(FlowLoadError, match=r"Cell In\[1\], line 3: ZeroDivisionError: div"):
        taken(Notebook("x = 1"), *cells)


@pytest.mark.parametrize("magic", ["step", "flow", "flowrun"])
def test_a_cell_that_is_not_executed_binds_nothing(magic):
    """Else each name in a step would count as changed by it, and not travel by its source."""
    statement = ast.parse(f"get_ipython().run_cell_magic({magic!r}, '-o a', 'rows = 1')").body[0]
    assert list(magic_texts(statement)) == [magic, "-o a"]
    statement = ast.parse("get_ipython().run_cell_magic('time', '', 'rows = 1')").body[0]
    assert "rows = 1" in list(magic_texts(statement))


def test_a_flow_without_steps_says_how_to_define_one():
    flow = StepFlow("F")
    with pytest.raises(BadValueError, match=re.escape("F has no steps yet; execute a cell that")):
        flow.class_text()
    with pytest.raises(BadValueError, match="F: there is no step 'a'"):
        flow.drop("a")
