"""Builds the widgets' bundles when the package is built or installed from source."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
STATIC = ROOT / "nbrunner" / "static"
JS = ROOT / "js"


class BundleHook(BuildHookInterface):
    """Runs npm unless the bundles exist and are newer than their sources."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundles; without npm, fail unless bundles exist."""
        if not (JS / "src").is_dir() or _is_fresh():
            return
        npm = shutil.which("npm")
        if npm is None:
            if any(STATIC.glob("*.js")):
                self.app.display_warning("npm was not found; using the existing nbrunner/static")
                return
            raise RuntimeError(
                "nbrunner's widgets are built with Node 18 or newer, and npm was not found: "
                "install Node, or install nbrunner's wheel, which contains them"
            )
        _npm(npm, "ci", "--omit=dev")  # without the packages for tests and checks
        _npm(npm, "run", "build")


def _npm(npm: str, *words: str) -> None:
    done = subprocess.run([npm, *words], cwd=JS, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"npm {' '.join(words)} failed in {JS}:\n{done.stdout}{done.stderr}")


def _is_fresh() -> bool:
    bundles = [path.stat().st_mtime for path in STATIC.glob("*.js")] if STATIC.is_dir() else []
    sources = [JS / "package-lock.json", JS / "build.mjs", *(JS / "src").rglob("*")]
    newest = max(path.stat().st_mtime for path in sources if path.is_file())
    return bool(bundles) and min(bundles) >= newest
