"""The README's examples, run as a reader would run them: in order, in one folder."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from support.scripts import run_script

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(?P<kind>\w+)(?: file=(?P<file>\S+))?\n(?P<text>.*?)^```$", re.M | re.S)


def blocks(kind: str) -> list[str]:
    """Return the README's blocks of one kind that are not files."""
    found = BLOCK.finditer((ROOT / "README.md").read_text(encoding="utf-8"))
    return [each["text"] for each in found if each["kind"] == kind and not each["file"]]


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a folder that holds the files the README shows."""
    for each in BLOCK.finditer((ROOT / "README.md").read_text(encoding="utf-8")):
        if each["file"]:
            (tmp_path / each["file"]).write_text(each["text"], encoding="utf-8")
    assert (tmp_path / "slowflow.py").exists()
    return tmp_path


def test_every_python_block_runs_and_prints_what_it_says(folder):
    script = "\n".join(blocks("python"))
    printed = run_script(folder, script, timeout=120)
    expected = [
        "successful 0",
        "1",
        "start 1/1  end 1/1",
        "timeout",
        "failed",
        "ZeroDivisionError",
        "successful 2.0",
        "1",
        "[('seconds', 'int', 3)]",
        "[('start', 'start'), ('end', 'end')]",
        "successful True",
    ]
    rest = iter(printed)
    for line in expected:
        assert line in rest, f"{line!r} not printed, or not in its turn:\n" + "\n".join(printed)
    # A task that was being started when SIGINT came is ended by the signal after it.
    report = re.compile(r"stopped after SIGINT(, SIGTERM)? in \d\.\d s")
    assert any(report.fullmatch(line) for line in printed)


def test_the_notebooks_cells_run_in_a_real_kernel(folder, monkeypatch):
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(folder / name))
    cells = [nbformat.v4.new_code_cell(text) for text in blocks("ipython")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "readme.ipynb")
    # In a process of its own, which takes the sockets of the kernel's client with it.
    printed = run_script(
        folder,
        """
        import nbformat
        from nbclient import NotebookClient

        notebook = nbformat.read("readme.ipynb", as_version=4)
        NotebookClient(notebook, timeout=100, resources={"metadata": {"path": "."}}).execute()
        for cell in notebook.cells:
            for output in cell["outputs"]:
                if output["output_type"] == "stream":
                    print(output["name"], output["text"], end="")
        """,
        timeout=150,
    )
    assert "the cube is 27" in "\n".join(printed)
    # The lines of a sweep come in the order in which its runs end.
    said = [line for line in printed if not line.startswith("stdout n=")]
    assert said[-4:] == [
        "stdout 27 successful",
        "stdout 49",
        "stdout 64",
        "stdout {'successful': 3} [1, 8, 27]",
    ]


def test_the_first_run_runs(tmp_path):
    commands = blocks("bash")[0].splitlines()
    assert commands[0] == "pip install ."
    match = re.fullmatch(r'python -c "(.*)"', commands[1])
    assert match
    (tmp_path / "notebooks").mkdir()
    shutil.copytree(ROOT / "notebooks" / "flows", tmp_path / "notebooks" / "flows")
    done = subprocess.run(
        [sys.executable, "-c", match[1]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert "4 genres measured" in done.stdout


def test_every_make_target_named_exists():
    makefile = (ROOT / "Makefile").read_text()
    named = re.findall(r"\bmake ([a-z-]+)", "\n".join(blocks("bash")))
    assert named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.M), target
