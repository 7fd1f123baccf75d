"""A flow of several cells leaves the notebook: written in a kernel, run without one."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from support.step_cells import TRAIN

pytestmark = pytest.mark.slow


def test_the_exported_file_is_an_ordinary_flow(kernel, tmp_path):
    for cell in TRAIN:
        kernel.execute(cell).checked()
    shown = kernel.execute("%flowexport TrainFlow train.py").checked()
    assert shown.stdout == "TrainFlow is in train.py\n"
    text = (tmp_path / "train.py").read_text()
    assert text.startswith("import math\n\nfrom metaflow import FlowSpec, Parameter, retry, step\n")
    assert "nbrunner" not in text
    assert "Cell" not in text
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "train.py"]
    done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    run = [sys.executable, "train.py", "--no-pylint", "run", "--depth", "4"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert "best 4.0 4" in done.stdout, done.stdout + done.stderr

    name = "train.py"
    kernel.execute(f"name = {name!r}\n%flowexport TrainFlow $name").checked()
    assert (tmp_path / name).read_text() == text
    kernel.execute("%%step report\nprint('edited')").checked()
    kernel.execute("%flowexport TrainFlow train.py").checked()
    edited = (tmp_path / name).read_text()
    line = "print('best', self.top, len(self.rows))"
    assert edited == text.replace(line, "print('edited')")
    (tmp_path / name).write_text(text + "# mine\n")
    shown = kernel.execute("%flowexport TrainFlow train.py")
    assert shown.stderr == (
        "UsageError: train.py exists and is not, or no longer, what was exported to it; "
        "--force overwrites it\n"
    )
    kernel.execute("%flowexport TrainFlow train.py --force").checked()
    assert (tmp_path / name).read_text() == edited
    shown = kernel.execute("%flowexport TrainFlow")
    assert shown.stderr.startswith("UsageError: %flowexport: expected a flow and a file, as in")


INSERTED = "[each['text'] for each in get_ipython().payload_manager.read_payload()]"


def test_a_flow_file_is_loaded_cell_by_cell(kernel, tmp_path, write_flow):
    path = write_flow("slowflow")
    load = f"shell = get_ipython()\nshell.run_line_magic('flowload', {path.name!r})\n{INSERTED}"
    cells = eval(kernel.execute(load).checked().result)
    assert cells[0].startswith("%%flow SlowFlow\nimport time\nfrom metaflow import ")
    for name in ("start", "end"):
        line, _, text = cells[-1].partition("\n")
        magic, _, words = line.removeprefix("%%").partition(" ")
        code = f"shell.run_cell_magic({magic!r}, {words!r}, {text!r})\n{INSERTED}"
        cells += eval(kernel.execute(code).checked().result)
        assert cells[-1].startswith(f"%%step {name}\n")
    shown = kernel.execute(f"{cells[-1]}").checked()
    assert shown.stdout == ""
    kernel.execute("%flowexport SlowFlow again.py").checked()
    one, other = (ast.dump(ast.parse(each.read_text())) for each in (path, tmp_path / "again.py"))
    assert one == other
    for line, message in (
        ("%flowload", "%flowload: expected a flow file, as in %flowload train.py; got ''"),
        ("%flowload nowhere.py", "no flow file at 'nowhere.py'"),
    ):
        assert kernel.execute(line).stderr.startswith(f"UsageError: {message}")
