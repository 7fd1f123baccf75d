"""The package that a user installs: built, unpacked and imported outside this folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

import nbrunner
from nbrunner.errors import BundleMissingError
from nbrunner.jupyter.widgets import StatusBadge, base

pytestmark = [pytest.mark.slow, pytest.mark.once]

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "nbrunner"


def run(*words: str, cwd: Path, timeout: float = 150, **environment: str) -> str:
    done = subprocess.run(
        words,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> dict[str, Path]:
    """Build the sdist, and the wheel from the sdist, with the packages installed here."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT), cwd=out)
    return {"wheel": next(out.glob("*.whl")), "sdist": next(out.glob("*.tar.gz"))}


def bundles() -> set[str]:
    """Return the names of the bundles that the widgets' modules use."""
    modules = (PACKAGE / "jupyter").rglob("*.py")
    return {name for file in modules for name in re.findall(r'bundle="(\w+)"', file.read_text())}


def static() -> set[str]:
    """Return the files of the bundles; each widget has a style sheet, and one loads them all."""
    files = {f"nbrunner/static/{name}.{kind}" for name in bundles() for kind in ("js", "css")}
    return {*files, "nbrunner/static/loader.js"}


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_bundle_the_type_marker_and_nothing_else(built):
    names = set(zipfile.ZipFile(built["wheel"]).namelist())
    own = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    modules = {str(file.relative_to(ROOT)) for file in PACKAGE.rglob("*.py") if file.is_file()}
    assert own == modules | static() | {"nbrunner/py.typed"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_each_widget_has_an_entry_of_its_name_and_each_entry_a_widget():
    entries = (ROOT / "js" / "src" / "widgets").glob("*.ts")
    assert {file.stem for file in entries} == bundles()


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
    assert names >= static(), "built: whoever installs it needs no Node"
    sources = {str(file.relative_to(ROOT)) for file in (ROOT / "js/src").rglob("*.*")}
    assert names >= sources | {"hatch_build.py", "js/build.mjs", "js/package-lock.json"}
    assert not [name for name in names if "node_modules" in name]


TWO_STEPS = """\
from metaflow import FlowSpec, step

class TwoFlow(FlowSpec):

    @step
    def start(self):
        self.answer = 42
        self.next(self.end)

    @step
    def end(self):
        print('the answer is', self.answer)

if __name__ == '__main__':
    TwoFlow()
"""

CELL = """\
%load_ext nbrunner
%flowrun --no-raise-error twoflow.py --no-pylint run
import nbrunner
from nbrunner.jupyter.panels import RunPanel
panel = RunPanel(running)
print(nbrunner.__version__, nbrunner.__file__, running.status, running.warm, run.data.answer)
print(panel.header.title == run.pathspec, len(panel.log_view._bundle_text) > 1000)
panel.close()
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_and_what_it_asks_for_work_in_a_fresh_environment(
    built, tmp_path, write_flow, private_state
):
    """Installed like by a user, from pip's configured index, and without Node."""
    fresh = tmp_path / "fresh"
    venv.create(fresh)
    python = str(fresh / "bin" / "python")
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-compile"]
    wheel = str(built["wheel"])
    run(*install, "--only-binary=:all:", wheel, cwd=tmp_path, timeout=500, **settings)
    write_flow("twoflow.py", TWO_STEPS)
    lines = run(
        python, "-m", "IPython", "--colors=NoColor", "-c", CELL, cwd=tmp_path,
        PATH=str(fresh / "bin"),
        HOME=str(tmp_path),
        NBRUNNER_STATE_DIR=str(private_state),
        METAFLOW_DATASTORE_SYSROOT_LOCAL=str(private_state / "metaflow"),
    ).splitlines()  # fmt: skip
    assert any(line.endswith("] the answer is 42") for line in lines)
    version, where, *told = lines[-2].split()
    assert version == nbrunner.__version__
    assert Path(where).is_relative_to(fresh)
    assert told == ["successful", "True", "42"]
    assert lines[-1] == "True True"


def test_without_its_bundle_a_widget_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(base, "STATIC", tmp_path)
    with pytest.raises(BundleMissingError) as raised:
        StatusBadge(status="lost")
    message = str(raised.value)
    assert f"{tmp_path / 'status_badge.js'} is missing" in message
    for words in ("`npm ci && npm run build` in js/", "nbrunner's wheel", "%flowrun --no-panel"):
        assert words in message


def test_the_version_stands_in_one_place_and_heads_the_changelog():
    assert nbrunner.__version__ not in (ROOT / "pyproject.toml").read_text()
    for file in PACKAGE.rglob("*.py"):
        holds = f'"{nbrunner.__version__}"' in file.read_text()
        assert holds == (file == PACKAGE / "version.py"), file
    for name in ("package.json", "package-lock.json"):
        assert "version" not in json.loads((ROOT / "js" / name).read_text())
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest and newest[1] == nbrunner.__version__
