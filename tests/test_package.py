"""What a user installs: built, unpacked and imported outside of this folder."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import nbrunner

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "nbrunner"


def run(*words: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> dict[str, Path]:
    """Build the sdist, and the wheel from the sdist, with what is installed here."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT), cwd=out)
    return {"wheel": next(out.glob("*.whl")), "sdist": next(out.glob("*.tar.gz"))}


@pytest.mark.slow
def test_the_wheel_holds_every_module_the_type_marker_and_nothing_else(built):
    names = set(zipfile.ZipFile(built["wheel"]).namelist())
    own = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    expected = {str(file.relative_to(ROOT)) for file in PACKAGE.rglob("*.py") if file.is_file()} | {
        "nbrunner/py.typed"
    }
    assert own >= expected
    assert {name for name in own - expected if not name.startswith("nbrunner/static/")} == set()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_the_wheel_names_the_version_and_needs_what_pyproject_lists(built):
    wheel = zipfile.ZipFile(built["wheel"])
    metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    text = wheel.read(metadata).decode()
    assert f"\nVersion: {nbrunner.__version__}\n" in text
    assert "\nRequires-Dist: metaflow" in text
    assert "pytest" not in text, "what only development needs is no dependency"


@pytest.mark.slow
def test_the_sdist_holds_what_the_wheel_is_built_from(built):
    with tarfile.open(built["sdist"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert names >= {"pyproject.toml", "README.md", "LICENSE", "nbrunner/__init__.py"}


@pytest.mark.slow
def test_the_wheel_works_in_a_clean_environment(built, tmp_path, write_flow, private_state):
    """The dependencies are those of this interpreter: nothing is downloaded."""
    venv.create(tmp_path / "clean", with_pip=True)
    python = str(tmp_path / "clean" / "bin" / "python")
    run(
        python, "-m", "pip", "install", "--no-deps", "--no-index", str(built["wheel"]), cwd=tmp_path
    )
    write_flow("slowflow")
    text = (
        "import nbrunner; print(nbrunner.__version__, nbrunner.__file__)\n"
        "print(nbrunner.Runner('slowflow.py', show_output=False).run(seconds=0).status)"
    )
    printed = run(
        python, "-c", text, cwd=tmp_path,
        PATH="/usr/bin:/bin",
        HOME=str(tmp_path),
        PYTHONPATH=sysconfig.get_path("purelib"),
        NBRUNNER_STATE_DIR=str(private_state),
        METAFLOW_DATASTORE_SYSROOT_LOCAL=str(private_state / "metaflow"),
    ).splitlines()  # fmt: skip
    version, where = printed[0].split()
    assert version == nbrunner.__version__
    assert Path(where).is_relative_to(tmp_path / "clean")
    assert printed[1] == "successful"


def test_the_version_stands_in_one_place_and_heads_the_changelog():
    assert nbrunner.__version__ not in (ROOT / "pyproject.toml").read_text()
    for file in PACKAGE.rglob("*.py"):
        holds = f'"{nbrunner.__version__}"' in file.read_text()
        assert holds == (file == PACKAGE / "__init__.py"), file
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest and newest[1] == nbrunner.__version__
