"""A notebook file -> a flow file, without executing anything."""

from __future__ import annotations

import json

import pytest
from support.step_cells import TRAIN

from nbrunner import __main__ as command
from nbrunner.errors import NbrunnerError
from nbrunner.jupyter.notebook_file import exported_notebook

pytestmark = pytest.mark.once


def notebook(tmp_path, *cells: str, name: str = "a.ipynb") -> str:
    kinds: list[dict[str, object]] = [{"cell_type": "markdown", "source": "# Title"}]
    kinds += [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    path = tmp_path / name
    path.write_text(json.dumps({"nbformat": 4, "cells": kinds}))
    return str(path)


def test_the_file_of_a_notebook(tmp_path):
    magics = ("%load_ext nbrunner\n!ls > nothing", "raise SystemExit", "%%bash\nrm -rf nothing")
    cells = (*magics, *TRAIN, "%%step report\nprint('last')", "%flowrun TrainFlow\n%flow")
    text = exported_notebook(notebook(tmp_path, *cells))
    assert "\n\n\ndef load(count):\n    return list(range(count))\n\n\nclass Model:\n" in text
    assert '        self.next(self.train, foreach="depths")\n' in text
    assert "print('last')" in text
    assert "print('best'" not in text
    compile(text, "train.py", "exec")
    assert [each.name for each in tmp_path.iterdir() if each.name != "a.ipynb"] == []


def test_a_dropped_step_and_a_choice_of_flows(tmp_path):
    cells = ("%%flow A", "%%step a\npass", "%%step b\npass", "%flow A --drop a", "%%flow B")
    path = notebook(tmp_path, *cells, "%%step c\npass")
    text = exported_notebook(path, "A")
    assert "def b(self):" in text
    assert "def a(self):" not in text
    with pytest.raises(NbrunnerError, match="has several flows; choose one by --flow: A, B"):
        exported_notebook(path)
    with pytest.raises(NbrunnerError, match="no %%flow or %%step cell has defined 'C'"):
        exported_notebook(path, "C")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["x = 1"], "has no %%step cells"),
        (["%%step a\nx = ("], r"Cell 2, line 2: '\(' was never closed"),
        (["x = !ls", "%%step a\nself.x = x"], "'x', which Cell 2, line 1 sets in a way that"),
    ],
)
def test_a_mistake_is_named(tmp_path, cells, message):
    with pytest.raises(NbrunnerError, match=message):
        exported_notebook(notebook(tmp_path, *cells))


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "is not a notebook: "), ("[]", "is not a notebook of format 4"), (None, "cannot read")],
)
def test_a_file_that_is_no_notebook(tmp_path, content, message):
    path = tmp_path / "b.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NbrunnerError, match=message):
        exported_notebook(str(path))


def test_the_command(tmp_path, monkeypatch, capsys, private_state):
    path = notebook(tmp_path, "%%step a\nself.x = 1", name="b.ipynb")
    to = tmp_path / "flow.py"
    monkeypatch.setattr("sys.argv", ["nbrunner", "export", path])
    assert command.main() == 0
    text = capsys.readouterr().out
    assert text.endswith('if __name__ == "__main__":\n    NotebookFlow()\n')
    monkeypatch.setattr("sys.argv", ["nbrunner", "export", path, "-o", str(to)])
    assert command.main() == 0
    assert to.read_text() == text
    to.write_text("mine = 1\n")
    assert command.main() == 1
    assert "exists and is not, or no longer, what was" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["nbrunner", "export", path, "-o", str(to), "--force"])
    assert command.main() == 0
    assert to.read_text() == text
