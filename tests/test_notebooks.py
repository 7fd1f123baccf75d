"""Every example notebook, executed without a front end, with the expected text."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.scripts import run_script

pytestmark = pytest.mark.once

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))

EXECUTE = """
import sys
import nbformat
from nbconvert import HTMLExporter

sys.path.append({tests!r})
from support.kernels import execute_notebook

notebook = nbformat.read({name!r}, as_version=4)
execute_notebook(notebook)
for cell in notebook.cells:
    for output in cell.get("outputs", []):
        text = output.get("text") or output.get("data", dict()).get("text/plain", "")
        print(text)
page, _ = HTMLExporter().from_notebook_node(notebook)
print("HTML", 'title="fit: 3 of 3 done' in page, "text/plain" in page)
"""

EXPECTED = {
    "quickstart.ipynb": [
        "successful [3.47, 3.12, 3.01]",
        "start 1/1  fit 3/3  join 1/1  end 1/1",
        "step end, task 2: ZeroDivisionError: division by zero",
        "successful [1.0, 3.0] cloned: 1",
        "HTML True",
    ],
    "async-runs.ipynb": [
        "successful 0.464",
        "] fold ",  # the folds are fitted at the same time: any of them may be the first
        "more lines; the last but one: Task finished successfully.",
        "alpha   1.0: successful, r2 = 0.420",
        "5 runs",
    ],
    "past-runs-and-resume.ipynb": [
        "step end, task 2: AttributeError: Flow WineFlow has no attribute 'score'",
        "failed {'tags': ['exploratory']}",
        "successful cloned: 1 accuracy: 0.89",
    ],
    "sweep.ipynb": [
        "{'successful': 5}",
        "best: alpha 0.001, r2 = 0.496",
        "{'successful': 2, 'failed': 1}",
        "why: InvalidParameterError",
        "{'successful': 2}",
    ],
    "step-by-step.ipynb": [
        "start -> fit",
        "failed step choose, task 6: AttributeError",
        "successful best window: ",
        "scores {1: ",
        "PriceFlow is in prices.py",
        "# The window with the smallest error.",
        "exit code 0",
    ],
    "when-things-fail.ipynb": [
        "failed end ZeroDivisionError",
        "26 self.share = strong.count(0) / len(strong)",
        "BadTypeError - seconds: expected an int",
        "timeout",
        "stopped stopped",
        "['caf\N{REPLACEMENT CHARACTER} au lait']",
    ],
}


@pytest.fixture(autouse=True)
def warm(monkeypatch, private_state):
    """Start runs warm, as for a user; their sweeps would take minutes cold."""
    monkeypatch.setenv("NBRUNNER_WARM", "1")


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_it_runs_from_top_to_bottom(notebook, tmp_path, monkeypatch):
    shutil.copy(notebook, tmp_path)
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    script = EXECUTE.format(name=notebook.name, tests=str(Path(__file__).parent))
    printed = "\n".join(run_script(tmp_path, script, timeout=170))
    for text in EXPECTED[notebook.name]:
        assert text in printed, f"{text!r} not in:\n{printed}"


PAPERMILL = """
import nbformat
import papermill

papermill.execute_notebook("with_parameters.ipynb", "done.ipynb", parameters=dict(rows=11),
    progress_bar=False, stdout_file=None)
for cell in nbformat.read("done.ipynb", as_version=4).cells:
    for output in cell.get("outputs", []):
        print(output.get("text") or output["data"]["text/plain"])
        print("views", [each for each in output.get("data", {}) if "widget" in each])
"""


@pytest.mark.slow
def test_papermill_runs_a_flow_with_the_parameter_it_is_given(tmp_path, monkeypatch):
    import nbformat

    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    notebook = nbformat.read(NOTEBOOKS[0].parent / "quickstart.ipynb", as_version=4)
    flow = next(cell for cell in notebook.cells if "class PriceFlow" in cell.source)
    flow.source = flow.source.replace("--rows 40", "--rows $rows")
    rows = nbformat.v4.new_code_cell("rows = 1", metadata={"tags": ["parameters"]})
    notebook.cells.insert(0, rows)
    nbformat.write(notebook, tmp_path / "with_parameters.ipynb")
    printed = "\n".join(run_script(tmp_path, PAPERMILL, timeout=170))
    assert "rows=11" in printed
    assert "start 1/1  fit 3/3  join 1/1  end 1/1" in printed
    assert "views []" in printed, "nobody is there for a panel"


def test_no_notebook_is_saved_with_outputs():
    import nbformat

    assert NOTEBOOKS
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs"), f"{path.name} has outputs"
