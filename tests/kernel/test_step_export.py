"""A flow of several cells leaves the notebook: written in a kernel, run without one."""

from __future__ import annotations

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
