"""The project's pages: their blocks of code, and running these as a reader would."""

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
    """Return a page's blocks of one kind that are not files."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [each["text"] for each in found if each["kind"] == kind and not each["file"]]


def files(page: Path) -> dict[str, str]:
    """Return the files that a page shows, by their names."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return {each["file"]: each["text"] for each in found if each["file"]}


def run_cells(cells: list[str], folder: Path) -> list[str]:
    """Run cells in a real kernel and return the lines printed, each behind its stream.

    In a process of its own, which takes the sockets of the kernel's client with it.
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    nbformat.write(notebook, folder / "page.ipynb")
    return run_script(folder, EXECUTE, timeout=150)
