"""The build hook: when it builds the widgets' bundles, and its message without Node."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
HOUR_SECONDS = 3600


class Project:
    """A folder that the hook treats as nbrunner's source."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(ROOT / "hatch_build.py", folder)
        self.write("js/src/widgets/badge.ts")
        self.write("js/package-lock.json")
        self.write("js/build.mjs")

    def write(self, name: str, age_seconds: float = HOUR_SECONDS) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
        written = (ROOT / "hatch_build.py").stat().st_mtime - age_seconds
        os.utime(file, (written, written))

    def build(self) -> None:
        """Run the hook as hatchling does before it packs the wheel."""
        spec = importlib.util.spec_from_file_location("hatch_build", self.folder / "hatch_build.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        hook = module.BundleHook(str(self.folder), {}, None, None, "", "wheel")
        hook.initialize("standard", {})


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture
def without_node(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


def test_without_node_the_build_says_what_is_missing_and_what_to_do(project, without_node):
    with pytest.raises(RuntimeError) as raised:
        project.build()
    for words in ("Node 18 or newer", "npm was not found", "install Node", "nbrunner's wheel"):
        assert words in str(raised.value)


def test_a_folder_without_scripts_is_no_bundle(project, without_node):
    project.write("nbrunner/static/badge.css")
    with pytest.raises(RuntimeError, match="npm was not found"):
        project.build()


def test_bundles_newer_than_their_sources_are_taken_without_a_word(project, without_node, capfd):
    project.write("nbrunner/static/badge.js", age_seconds=0)
    project.build()
    assert capfd.readouterr() == ("", "")


def test_older_bundles_are_taken_with_a_warning(project, without_node, capfd):
    project.write("nbrunner/static/badge.js", age_seconds=2 * HOUR_SECONDS)
    project.build()
    out, err = capfd.readouterr()
    assert "npm was not found; using the existing nbrunner/static" in out + err


def test_a_package_without_the_sources_of_its_bundles_needs_no_node(project, without_node):
    shutil.rmtree(project.folder / "js" / "src")
    project.build()


def test_what_npm_says_when_it_fails_is_passed_on(project, monkeypatch, tmp_path):
    """npm fails, as the folder has nothing to install."""
    monkeypatch.setenv("HOME", str(tmp_path))
    project.write("nbrunner/static/badge.js", age_seconds=2 * HOUR_SECONDS)
    with pytest.raises(RuntimeError, match=r"npm ci --omit=dev failed in .*js:\n(.*\n)*npm "):
        project.build()
