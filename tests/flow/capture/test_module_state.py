"""An attribute that the notebook sets in a module is missing in the flow; a warning says so."""

from __future__ import annotations

import sys
import types
import warnings

import pytest
from support.notebooks import Notebook

pytestmark = [pytest.mark.slow, pytest.mark.once]


@pytest.fixture(autouse=True)
def _modules(monkeypatch):
    settings = types.ModuleType("settings_of_mine")
    inner = types.ModuleType("settings_of_mine.inner")
    monkeypatch.setattr(settings, "inner", inner, raising=False)
    monkeypatch.setitem(sys.modules, settings.__name__, settings)
    monkeypatch.setitem(sys.modules, inner.__name__, inner)


def flow(value: str, before: str = "") -> str:
    return f"{before}\nclass F:\n    def value(self):\n        return {value}\n"


@pytest.mark.parametrize("change", ["s.LEVEL = 5", "if True:\n    s.LEVEL, x = 5, 1"])
@pytest.mark.parametrize("is_own_cell", [True, False])
def test_an_attribute_of_a_module_that_a_cell_sets_is_told(change, is_own_cell):
    before = "import settings_of_mine as s\n"
    cells = [flow("s.LEVEL", before + change)] if is_own_cell else [before, flow("s.LEVEL"), change]
    told = r"^Cell In\[\d+\], line \d sets settings_of_mine.LEVEL; the processes of F import"
    with pytest.warns(UserWarning, match=told):
        Notebook(*cells).text()


def test_an_attribute_of_a_submodule_that_a_step_imports_is_told_once():
    notebook = Notebook(
        "import settings_of_mine",
        "settings_of_mine.inner.LEVEL = 5",
        "settings_of_mine.inner.LEVEL = 6",
        flow("__import__('settings_of_mine').inner.LEVEL"),
    )
    with pytest.warns(UserWarning, match="Set it in each step") as warned:
        notebook.text()
    assert len(warned) == 1


@pytest.mark.parametrize(
    "cell",
    [
        "settings_of_mine.LEVEL = 5",
        "import sys\nsys.path = [*sys.path]",
        "import types\nthing = types.SimpleNamespace()\nthing.level = 1",
    ],
)
def test_what_the_flow_does_not_use_is_not_told(cell):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Notebook("import settings_of_mine", cell, flow("'sys thing'")).text()
