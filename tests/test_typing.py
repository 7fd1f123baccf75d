"""What a type checker says of users' code, and how much of our own code it cannot check."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import nbrunner

pytestmark = [pytest.mark.once, pytest.mark.slow]

ROOT = Path(nbrunner.__file__).parent

# Lower it when there are fewer.
MOST_ANY = 281

USES = """
from nbrunner import Runner, async_sweep, sweep

runner = Runner("flow.py", pylint=False)
sweep(runner, {"x": [1], "label": ["a"]})
sweep(runner, {"x": range(3), "label": ("a", None)}, artifacts=["accuracy"], epochs=3)
sweep(runner, [{"x": 1}, {"label": "a"}])
numbers = {"x": [1, 2]}
sweep(runner, numbers)


async def begin() -> str:
    started = await async_sweep(runner, {"x": [1], "label": ["a"]})
    run = runner.run(alpha=1)
    return f"{started.name} {run.parameters['alpha'] + 1} {run.record['cwd']}"
"""


def checked(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "uses.py"
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    command += ["--config-file", str(ROOT.parent / "pyproject.toml"), "--cache-dir", str(folder)]
    return subprocess.run(
        [*command, str(file)], capture_output=True, text=True, check=False, cwd=ROOT.parent
    )


def test_a_type_checker_accepts_what_the_documentation_shows(tmp_path):
    """Each parameter of a sweep has values of its own type."""
    done = checked(USES, tmp_path)
    assert done.returncode == 0, done.stdout


def test_a_type_checker_refuses_what_a_sweep_refuses(tmp_path):
    done = checked(USES + "\nsweep(runner, {'x': 1})\nsweep(runner, 5)\n", tmp_path)
    assert re.findall(r":(\d+): error", done.stdout) == ["17", "18"], done.stdout


def test_any_stands_for_values_of_users_code_alone():
    """See CONTRIBUTING: a value that is only passed on is an object."""
    files = [file.read_text(encoding="utf-8") for file in ROOT.rglob("*.py")]
    assert sum(len(re.findall(r"\bAny\b", text)) for text in files) <= MOST_ANY
