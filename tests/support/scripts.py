"""Runs a script as a user would: as a program in its own folder."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path


def run_script(folder: Path, text: str, *words: str, timeout: float = 60) -> list[str]:
    """Run a script and return the lines of its stdout; fail the test if it fails."""
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
