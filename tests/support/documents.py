"""The project's pages: extracts their blocks of code, and runs them as a reader would."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from support.scripts import run_script

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

_BLOCK = re.compile(r"^```(?P<kind>\w+)(?: file=(?P<file>\S+))?\n(?P<text>.*?)^```$", re.M | re.S)

EXECUTE = f"""
    import sys
    import nbformat

    sys.path.append({str(ROOT / "tests")!r})
    from support.kernels import execute_notebook

    notebook = nbformat.read("page.ipynb", as_version=4)
    execute_notebook(notebook)
    for cell in notebook.cells:
        for output in cell["outputs"]:
            if output["output_type"] == "stream":
                for line in output["text"].splitlines():
                    print(output["name"], line)
"""


def blocks(page: Path, kind: str) -> list[str]:
    """Return the code blocks of one kind on a page, except files."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [each["text"] for each in found if each["kind"] == kind and not each["file"]]


def files(page: Path) -> dict[str, str]:
    """Return the files that a page shows: name -> content."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return {each["file"]: each["text"] for each in found if each["file"]}


def run_cells(cells: list[str], folder: Path) -> list[str]:
    """Run cells in a real kernel; return the printed lines, each after the name of its stream.

    This runs in a separate process, whose end closes the sockets of the kernel's client.
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    nbformat.write(notebook, folder / "page.ipynb")
    return run_script(folder, EXECUTE, timeout=150)
