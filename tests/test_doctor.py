"""``nbrunner doctor``: its findings about working and broken installations."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.waiting import until

from nbrunner import doctor

pytestmark = [pytest.mark.slow, pytest.mark.once]


@pytest.fixture
def examined(tmp_path):
    """Return a function that runs the command and returns its exit code and lines."""
    home = tmp_path / "home"
    home.mkdir()

    def examine(**environment: str) -> tuple[int, list[str]]:
        known = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", "nbrunner", "doctor"],
            cwd=tmp_path,
            env=known | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    return examine


def line_of(name: str, lines: list[str]) -> str:
    return next(line for line in lines if line[2:].startswith(name))


def test_a_sound_installation_has_nothing_to_mend_and_keeps_nothing(examined, tmp_path):
    code, lines = examined()
    assert (code, lines[-1]) == (0, "No problems found")
    assert "successful in" in line_of("trial run", lines)
    assert line_of("trial run", lines).endswith("s, warm")
    assert "metadata local@" in line_of("Metaflow", lines)
    assert f"{tmp_path}/home/.local/state/nbrunner: 0 runs" in line_of("state directory", lines)
    until(lambda: sorted(each.name for each in tmp_path.iterdir()) == ["home"], "no folder left")
    runs = tmp_path / "home" / ".local" / "state" / "nbrunner" / "runs"
    until(lambda: not [each for each in runs.iterdir() if each.is_dir()], "no record left")


def test_it_tells_why_runs_start_cold(examined):
    code, lines = examined(NBRUNNER_WARM="0")
    assert code == 0
    assert line_of("trial run", lines).endswith("cold: turned off by $NBRUNNER_WARM")


def test_it_tells_which_modules_are_not_preloaded(examined):
    """A1: a module that was not preloaded is named, with the reason."""
    code, lines = examined(NBRUNNER_PRELOAD="colorsys sympy no_such_module")
    assert (code, lines[-1]) == (1, "1 problem found (lines marked !)")
    assert line_of("trial run", lines).endswith("s, warm, with colorsys preloaded")
    remedy = lines[lines.index(line_of("trial run", lines)) + 1]
    assert "sympy: while it is imported, " in remedy
    assert "no_such_module: ModuleNotFoundError" in remedy
    assert "colorsys" not in remedy


def test_the_trial_writes_nothing_where_metaflow_keeps_its_runs(examined, tmp_path):
    kept = tmp_path / "kept"
    code, lines = examined(METAFLOW_DATASTORE_SYSROOT_LOCAL=str(kept))
    assert code == 0
    assert f"metadata local@{kept}" in line_of("Metaflow", lines)
    assert not kept.exists()


def test_a_state_directory_that_is_none(examined, tmp_path):
    (tmp_path / "file").touch()
    code, lines = examined(NBRUNNER_STATE_DIR=str(tmp_path / "file"))
    assert (code, lines[-1]) == (1, "2 problems found (lines marked !)")
    assert line_of("state directory", lines).startswith("! ")
    assert "another folder, or unset it for" in line_of("state directory", lines)


@pytest.mark.parametrize(
    "environment", [{"METAFLOW_PROFILE": "absent"}, {"METAFLOW_DEFAULT_METADATA": "service"}]
)
def test_settings_of_metaflow_that_cannot_work(examined, environment):
    code, lines = examined(**environment)
    assert code == 1
    line = line_of("Metaflow", lines)
    assert line.startswith("! ")
    assert "METAFLOW_PROFILE" in lines[lines.index(line) + 1]


def test_panels_without_their_scripts(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "_BUNDLE", tmp_path / "absent.js")
    first = next(doctor.examine())
    assert first.name == "nbrunner"
    assert "Node.js" in first.remedy


def test_a_disk_that_is_nearly_full(monkeypatch):
    monkeypatch.setattr(doctor, "_LITTLE_BYTES", float("inf"))
    found = next(each for each in doctor.examine() if each.name == "state directory")
    assert "%flowruns --clean" in found.remedy


def test_the_installed_command_is_the_same():
    command = Path(sys.executable).with_name("nbrunner")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"nbrunner {doctor.__version__}\n"
