"""The names on the wire are the same on both sides."""

from __future__ import annotations

import re

import pytest
from support.documents import ROOT

from nbrunner.jupyter.kernel import wire

pytestmark = pytest.mark.once

TYPESCRIPT = ROOT / "js" / "src" / "core" / "wire.ts"


def test_python_and_typescript_have_the_same_names():
    text = TYPESCRIPT.read_text()
    theirs: dict[str, object] = dict(re.findall(r'export const (\w+) = "([^"]+)";', text))
    for name, items in re.findall(r"export const (\w+) = \[([^\]]*)\]", text):
        theirs[name] = tuple(re.findall(r'"([^"]+)"', items))
    ours = {name: value for name, value in vars(wire).items() if name.isupper()}
    assert theirs == ours
