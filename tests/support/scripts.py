"""Running a user's script as a user does: a program of its own in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path


def run_script(folder: Path, text: str, *words: str, timeout: float = 60) -> list[str]:
    """Run a script and return the lines of its stdout; its failure is the test's."""
    script = folder / "script.py"
    script.write_text(textwrap.dedent(text), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout.splitlines()
