"""What a user installs: built, unpacked and imported outside of this folder."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

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
    assert "pytest" not in text.partition("\n\n")[0], "only development needs it"


@pytest.mark.slow
def test_the_metadata_is_what_an_index_takes_and_shows(built):
    wheel = zipfile.ZipFile(built["wheel"])
    folder = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
    metadata = Metadata.from_email(wheel.read(folder), validate=True)
    assert (metadata.name, metadata.license_expression) == ("nbrunner", "Apache-2.0")
    assert str(metadata.requires_python) == ">=3.11"
    assert metadata.description_content_type == "text/markdown"
    assert (metadata.description or "").startswith("# nbrunner\n")
    assert {"Framework :: Jupyter", "Typing :: Typed"} <= set(metadata.classifiers or ())
    versions = {text.rpartition(" ")[2] for text in metadata.classifiers or () if " 3." in text}
    readme = (ROOT / "README.md").read_text()
    tested = re.search(r"^\| Python \| ([^|]*) \|", readme, re.M)
    assert tested and set(tested[1].split(", ")) == versions
    entry_points = wheel.read(folder.replace("METADATA", "entry_points.txt")).decode()
    assert "nbrunner = nbrunner.__main__:main" in entry_points


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


@pytest.mark.slow
def test_the_extension_of_the_wheel_loads_without_node(built, tmp_path):
    """Its panels' scripts are in it; the dependencies are those of this interpreter."""
    with zipfile.ZipFile(built["wheel"]) as wheel:
        wheel.extractall(tmp_path / "unpacked")
    cell = (
        "%load_ext nbrunner\n"
        "from nbrunner.jupyter.panels import RunPanel\n"
        "from nbrunner.jupyter.widgets import StatusBadge\n"
        "print(StatusBadge(status='lost').status, RunPanel.__module__)\n"
        "%flowrun --help"
    )
    printed = run(
        sys.executable, "-m", "IPython", "--colors=NoColor", "-c", cell, cwd=tmp_path,
        PATH=str(tmp_path),
        HOME=str(tmp_path),
        PYTHONPATH=str(tmp_path / "unpacked"),
        NBRUNNER_WARM="0",
    )  # fmt: skip
    assert "lost nbrunner.jupyter.panels.run_panel" in printed
    assert "Our options:" in printed


def test_the_version_stands_in_one_place_and_heads_the_changelog():
    assert nbrunner.__version__ not in (ROOT / "pyproject.toml").read_text()
    for file in PACKAGE.rglob("*.py"):
        holds = f'"{nbrunner.__version__}"' in file.read_text()
        assert holds == (file == PACKAGE / "__init__.py"), file
    for name in ("package.json", "package-lock.json"):
        assert "version" not in json.loads((ROOT / "js" / name).read_text())
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest and newest[1] == nbrunner.__version__
