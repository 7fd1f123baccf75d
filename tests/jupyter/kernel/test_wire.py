"""The names on the wire are the same on both sides."""

from __future__ import annotations

import re

import pytest
from support.documents import ROOT

from nbrunner.jupyter import widgets
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.panels.resume_bar import ResumeBar
from nbrunner.jupyter.widgets.base import Widget

pytestmark = pytest.mark.once

TYPESCRIPT = ROOT / "js" / "src" / "core" / "wire.ts"


def test_python_and_typescript_have_the_same_names():
    text = TYPESCRIPT.read_text()
    theirs: dict[str, object] = dict(re.findall(r'export const (\w+) = "([^"]+)";', text))
    for name, items in re.findall(r"export const (\w+) = \[([^\]]*)\]", text):
        theirs[name] = tuple(re.findall(r'"([^"]+)"', items))
    ours = {name: value for name, value in vars(wire).items() if name.isupper()}
    assert theirs == ours


def names_in(part) -> set[str]:
    """Return the names that the part in TypeScript reads, from its source."""
    text = part.read_text()
    listed = re.search(r"(?:const NAMES =|part<\w+>\()\s*\[([^\]]*)\]", text)
    assert listed, part
    return set(re.findall(r'"(\w+)"', listed[1]))


def kinds() -> dict[str, type[Widget]]:
    """Return every kind of widget, by the name of its bundle."""
    classes = [*(getattr(widgets, name) for name in widgets.__all__), ResumeBar]
    return {each.bundle_name: each for each in classes}


@pytest.mark.parametrize("bundle", sorted(kinds()))
def test_a_widget_has_the_same_traits_on_both_sides(bundle):
    kind = kinds()[bundle]
    inherited = set(Widget.class_trait_names(sync=True))
    ours = set(kind.class_trait_names(sync=True)) - inherited
    assert names_in(TYPESCRIPT.parents[1] / bundle / "part.ts") == ours


def test_a_panel_can_draw_each_kind_of_widget():
    text = (TYPESCRIPT.parents[1] / "panel" / "parts.ts").read_text()
    drawn = set(re.findall(r'from "\.\./(\w+)/part\.ts"', text))
    assert drawn == set(kinds())
    assert set(re.findall(r"^  (\w+)[,:]", text, re.MULTILINE)) == drawn
