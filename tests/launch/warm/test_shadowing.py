"""Files next to a flow that a fresh interpreter would import instead of loaded modules."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from nbrunner.launch.warm.preamble import preamble
from nbrunner.launch.warm.shadowing import own_for_python, shadowed

pytestmark = pytest.mark.once


@pytest.fixture
def namespace(monkeypatch):
    module = ModuleType("corp")
    module.__path__ = ["/lib/site-packages/corp"]
    monkeypatch.setitem(sys.modules, "corp", module)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["corp/tool.py"], True),  # comes before the installed part of the package
        (["corp/__init__.py"], True),
        (["corp.py"], True),
        (["json/data.txt"], False),  # a folder without __init__.py does not shadow json
        (["json/__init__.py"], True),
        (["other/tool.py"], False),
    ],
)
def test_a_folder_beside_the_flow(files, found, tmp_path, namespace):
    """A9: a namespace package consists of all folders of its name."""
    for each in files:
        (tmp_path / each).parent.mkdir(exist_ok=True)
        (tmp_path / each).write_text("")
    assert bool(shadowed(str(tmp_path), {"corp", "json"})) == found


@pytest.mark.parametrize(
    ("file", "found"),
    [("profile.py", True), ("mailbox/__init__.py", True), ("profile/data.txt", False)],
)
@pytest.mark.parametrize("where", ["beside the flow", "on the path", "on PYTHONPATH"])
def test_a_module_of_the_users_with_a_name_of_pythons(where, file, found, tmp_path, monkeypatch):
    """A9: it may have any effect, so it does not count as a module of Python."""
    for name in ("profile", "mailbox"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    flow, library = tmp_path / "flow" / "flow.py", tmp_path / "library"
    for folder in (flow.parent, library):
        folder.mkdir()
    flow.write_text(
        f"__import__('sys').path[1:1] = [{str(library)!r}]\n" if where == "on the path" else ""
    )
    if where == "on PYTHONPATH":
        monkeypatch.syspath_prepend(str(library))
    own = (flow.parent if where == "beside the flow" else library) / file
    own.parent.mkdir(exist_ok=True)
    own.write_text("")
    folders = preamble(flow.read_bytes(), lambda _name: True).folders
    told = own_for_python(str(flow), {"profile", "mailbox", "sys"}, folders)
    assert bool(told) == found, told
