"""Imports point down: what each part of the package may import, read from its source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import nbrunner

pytestmark = pytest.mark.once

ROOT = Path(nbrunner.__file__).parent
FILES = {
    ".".join(("nbrunner", *file.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): file
    for file in sorted(ROOT.rglob("*.py"))
}

# From the top to the bottom; a part imports from its own row and from those below. The more
# specific name counts: nbrunner.launch.warm is not a part of nbrunner.launch.
ROWS = (
    ("nbrunner.__main__",),
    ("nbrunner.jupyter",),
    ("nbrunner.jupyter.panels",),
    ("nbrunner.jupyter.magic",),
    ("nbrunner.jupyter.html",),
    ("nbrunner.jupyter.widgets",),
    ("nbrunner.jupyter.kernel",),
    ("nbrunner.cli", "nbrunner.doctor"),
    ("nbrunner.compare",),
    ("nbrunner.sweeps", "nbrunner.history"),
    ("nbrunner.rerun", "nbrunner.notebook_runner"),
    ("nbrunner.runner",),
    ("nbrunner.to_the_end",),
    ("nbrunner.starter",),
    ("nbrunner.any_run",),
    ("nbrunner.handles", "nbrunner.metaflow_attributes", "nbrunner.followed_run"),
    ("nbrunner.failed_run", "nbrunner.resumed", "nbrunner.how_started"),
    ("nbrunner.flow.describe", "nbrunner.deployer"),
    ("nbrunner.flow",),
    ("nbrunner.flow.capture",),
    ("nbrunner.launch.warm",),
    ("nbrunner.launch.warm.probe",),
    ("nbrunner.launch",),
    ("nbrunner.logs",),
    ("nbrunner.record",),
    ("nbrunner.engine",),
    ("nbrunner.env_vars",),
    ("nbrunner.environment",),
    ("nbrunner.aio",),
    ("nbrunner.errors", "nbrunner.status", "nbrunner.version", "nbrunner.late_module"),
    ("nbrunner.data_frame",),
    ("nbrunner.text",),
    ("nbrunner.engine.log_format",),
)
NOTEBOOK_ONLY = {"IPython", "ipywidgets", "anywidget", "nest_asyncio2", "ipykernel", "traitlets"}


def imports(file: Path, name: str) -> Iterator[tuple[str, bool]]:
    """Yield every module that a file imports anywhere, and whether only for type checking."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports are absolute"
            yield from ((f"{node.module}.{each.name}", node in for_types) for each in node.names)


def imported(name: str, types: bool = False) -> set[str]:
    return {module for module, typed in imports(FILES[name], name) if types or not typed}


def row_of(module: str) -> int | None:
    """Return the row of the most specific part that contains the module."""
    found = [
        (len(part), index)
        for index, row in enumerate(ROWS)
        for part in row
        if module == part or module.startswith(f"{part}.")
    ]
    return max(found)[1] if found else None


@pytest.mark.parametrize("name", FILES)
def test_imports_point_down(name):
    row = row_of(name)
    if row is None:
        assert name == "nbrunner", f"{name} belongs to no row"
        return
    below = {module: row_of(module) for module in imported(name, types=True)}
    upward = [module for module, other in below.items() if other is not None and other < row]
    assert not upward, f"{name} imports from above: {upward}"


@pytest.mark.parametrize("name", FILES)
def test_the_notebook_is_known_in_jupyter_alone(name):
    found = {module.partition(".")[0] for module in imported(name, types=True)}
    if not name.startswith("nbrunner.jupyter"):
        assert not found & NOTEBOOK_ONLY


@pytest.mark.parametrize("name", FILES)
def test_metaflow_is_imported_in_few_places(name):
    """In the user's process by three modules, otherwise in separate processes."""
    found = {module for module in imported(name) if module.split(".")[0] == "metaflow"}
    allowed = name in {
        *("nbrunner.engine.client", "nbrunner.engine.cards", "nbrunner.deployer"),
        "nbrunner.flow.describe.metaflow_description",
    }
    assert allowed or not found, found
    assert not any(module.startswith("metaflow.runner") for module in imported(name, types=True))


@pytest.mark.parametrize("name", FILES)
def test_modules_of_metaflow_are_named_in_few_places(name):
    """F2: nor are they looked up by name, except where each private name is checked."""
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    module = re.compile(r"metaflow(\.[a-z_]+)+")
    named = {text for text in texts if isinstance(text, str) and module.fullmatch(text)}
    assert name == "nbrunner.launch.metaflow_seam" or not named, named


def test_all_that_the_supervisor_may_ever_import_is_in_the_standard_library():
    """This includes late imports, as it runs without site-packages."""
    seen: set[str] = set()
    left = ["nbrunner.launch.supervisor"]
    while left:
        name = left.pop()
        seen.add(name)
        for module in imported(name):
            of_ours = module if module in FILES else module.rpartition(".")[0]
            if of_ours in FILES:
                left += [of_ours] if of_ours not in seen else []
            else:
                assert module.partition(".")[0] in sys.stdlib_module_names, f"{name}: {module}"


def test_the_supervisor_starts_on_the_standard_library_alone():
    """It is started isolated, without site-packages."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules)\n"
        "import nbrunner.launch.supervisor\n"
        "tops = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(tops - set(sys.stdlib_module_names)))\n"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["nbrunner"]
