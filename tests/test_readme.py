"""The README's examples, run as a reader would run them: in order, in one folder."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.documents import PAGES, ROOT, blocks, files, run_cells
from support.scripts import run_script

pytestmark = pytest.mark.slow

README = ROOT / "README.md"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a folder that holds the files the README shows."""
    for name, text in files(README).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert (tmp_path / "slowflow.py").exists()
    return tmp_path


def test_every_python_block_runs_and_prints_what_it_says(folder):
    script = "\n".join(blocks(README, "python"))
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
    report = re.compile(r"stopped after SIGINT(, SIGTERM)? in \d+\.\d s")
    assert any(report.fullmatch(line) for line in printed)


def test_the_notebooks_cells_run_in_a_real_kernel(folder, monkeypatch):
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(folder / name))
    printed = run_cells(blocks(README, "ipython"), folder)
    assert "the cube is 27" in "\n".join(printed)
    # The lines of a sweep come in the order in which its runs end.
    said = [line for line in printed if not line.startswith("stdout n=")]
    assert said[-5:] == [
        "stdout 27 successful",
        "stdout 49",
        "stdout 64",
        "stdout {'successful': 3} [1, 8, 27]",
        "stdout [('cube', '1', '8')]",
    ]


def test_the_first_run_runs(tmp_path):
    commands = blocks(README, "bash")[0].splitlines()
    # test_package.py installs the package into a separate environment.
    assert commands[:2] == ["python3 -m venv .venv && . .venv/bin/activate", "pip install ."]
    match = re.fullmatch(r'python -c "(.*)"', commands[2])
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
    named = re.findall(r"\bmake ([a-z-]+)", "\n".join(blocks(README, "bash")))
    assert named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.M), target


@pytest.mark.once
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_link_and_picture_is_there(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.once
def test_the_picture_of_the_modules_is_true():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    picture = text.partition("\nnbrunner/\n")[2].partition("```")[0]
    told = {
        name.rstrip("/")
        for line in picture.splitlines()
        if re.match(r"  \S", line)  # folders of a folder are deeper
        for name in line.strip().split("  ")[0].split(", ")
    }
    there = {
        each.name
        for each in (ROOT / "nbrunner").iterdir()
        if each.suffix == ".py" or (each / "__init__.py").exists()
    }
    assert told == there - {"__init__.py"}


@pytest.mark.once
@pytest.mark.parametrize(
    "page", [*PAGES, *sorted((ROOT / "notebooks").glob("*.ipynb"))], ids=lambda path: path.name
)
def test_readers_are_shown_public_names_alone(page):
    """Names outside these modules' __all__ may change without notice."""
    public = {"nbrunner", "nbrunner.jupyter.panels", "nbrunner.jupyter.widgets"}
    text = page.read_text(encoding="utf-8")
    for module, names in re.findall(r"from (nbrunner[\w.]*) import ([\w, ]+)", text):
        assert module in public, f"{module} is internal"
        shown = {name.partition(" as ")[0].strip() for name in names.split(",")}
        assert shown <= set(importlib.import_module(module).__all__)
