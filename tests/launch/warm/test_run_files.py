"""Changes by a run during the run: later tasks and cards must see them."""

from __future__ import annotations

import sys

import pytest

from nbrunner.launch.warm.eligibility import IMPORTED, Imported
from nbrunner.launch.warm.run_files import RunFiles

pytestmark = pytest.mark.once


@pytest.fixture
def flow(tmp_path, monkeypatch):
    monkeypatch.setattr(IMPORTED, "files", {"settings.ini": "FileNotFoundError"})
    monkeypatch.setattr(IMPORTED, "looked_for", {"socks"})
    folder = tmp_path / "flow"
    folder.mkdir()
    file = folder / "flow.py"
    file.write_text("import metaflow\n")
    return file


CHANGES = {
    "nothing": (lambda _flow: None, None),
    "another file": (lambda flow: (flow.parent / "result.csv").write_text("1"), None),
    "the flow": (lambda flow: flow.write_text("import metaflow, os\n"), "the flow file differs"),
    "its removal": (lambda flow: flow.unlink(), "the flow file differs"),
    "a module that imports look for": (
        lambda flow: (flow.parent / "socks.py").write_text(""),
        "socks.py shadows a module",
    ),
    "a module that is loaded": (
        lambda flow: (flow.parent / "json.py").write_text(""),
        "json.py shadows a module",
    ),
    "extensions of metaflow": (
        lambda flow: (flow.parent / "metaflow_extensions").mkdir(),
        "metaflow_extensions changes what metaflow imports",
    ),
    "settings of a preloaded module": (
        lambda flow: (flow.parent / "settings.ini").write_text(""),
        "settings.ini would be read by a preloaded module",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_step_may_change_for_later_tasks(change, flow):
    """A9: a task that starts after the change sees it, forked or not."""
    files = RunFiles(str(flow), {"HOME": str(flow.parent)})
    assert files.changed(str(flow.parent)) is None
    make, reason = CHANGES[change]
    make(flow)
    found = files.changed(str(flow.parent))
    assert found is None if reason is None else reason in str(found)


def test_a_command_that_runs_another_file(flow, tmp_path):
    """A9: a flow may set sys.argv, by which Metaflow starts its tasks."""
    files = RunFiles(str(flow), {})
    (tmp_path / "link.py").symlink_to(flow)
    for script in (flow, tmp_path / "link.py"):
        assert files.runs([sys.executable, str(script), "step"])
    for words in ([], [str(tmp_path / "other.py")]):
        assert not files.runs([sys.executable, *words])


def test_an_installed_package_makes_later_tasks_cold(flow, tmp_path, monkeypatch):
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.setattr("site.getsitepackages", lambda: [str(site)])
    files = RunFiles(str(flow), {})
    assert files.changed("/") is None
    (site / "new-1.0.dist-info").mkdir()
    assert "installed packages" in str(files.changed("/"))


@pytest.mark.parametrize(
    ("folder", "installed", "told"),
    [
        ("site-packages", True, True),
        ("site-packages", False, False),  # needed by every run: too many to check
        ("own", False, True),
        ("own", True, True),
    ],
)
def test_a_module_that_is_edited_where_it_is_installed(
    folder, installed, told, tmp_path, monkeypatch
):
    """A9: an interpreter that has already imported it is outdated."""
    place = tmp_path / folder
    place.mkdir()
    name = f"edited_{folder[:3]}_{installed}".lower()
    file = place / f"{name}.py"
    file.write_text("A = 1\n")
    monkeypatch.syspath_prepend(str(place))
    imported = Imported()
    with imported.noting_imports(installed=installed):
        __import__(name)
    assert imported.outdated() is None
    file.write_text("A = 22\n")
    assert (str(file) in str(imported.outdated())) == told
    assert (str(file) in str(imported.outdated(installed=False))) == (folder == "own")
