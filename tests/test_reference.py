"""The reference is generated from the docstrings, which must be complete."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import nbrunner
from nbrunner.jupyter import panels, widgets
from tools import reference

pytestmark = pytest.mark.once

PACKAGE = Path(nbrunner.__file__).parent
CLASSES = {name: value for name, value in reference.public().items() if inspect.isclass(value)}
NAMES = {
    **reference.public(),
    **{f"panels.{name}": getattr(panels, name) for name in panels.__all__},
    **{f"widgets.{name}": getattr(widgets, name) for name in widgets.__all__},
    **{
        f"{name}.{member}": what
        for name, kind in CLASSES.items()
        for member, what in reference.members(kind).items()
    },
}

# A variable by which the processes of a run are found; users do not set it.
OUR_MARKS = {"NBRUNNER_RUN_DIRECTORY", "NBRUNNER_LEARNED"}


def test_the_reference_is_what_the_docstrings_say():
    told = reference.FILE.read_text(encoding="utf-8")
    assert told == reference.text(), "make reference writes it anew"


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_says_what_it_is_and_what_it_takes(name):
    value = NAMES[name]
    docstring = inspect.getdoc(value) or ""
    assert docstring, "no docstring"
    if isinstance(value, property) or re.search(r"(Do as|[Ss]ee) `", docstring):
        return
    for parameter in taken(value):
        assert re.search(rf"^[*\w, ]*\b{parameter}\b.*$", docstring, re.M), parameter


def taken(value: Any) -> list[str]:
    """Return the names of the parameters of a function or of a class's constructor."""
    is_named = inspect.isclass(value) and issubclass(value, Exception)
    if is_named:
        return []
    return [
        each.name
        for each in inspect.signature(value).parameters.values()
        if each.name not in ("self", "traits")
    ]


def test_every_environment_variable_is_told_of():
    sources = [file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py")]
    read = {name for text in sources for name in re.findall(r'"(NBRUNNER_[A-Z_]+)"', text)}
    assert read == {*reference.VARIABLES, *OUR_MARKS}


def test_every_magic_is_told_of():
    from nbrunner.jupyter.magics import FlowMagics
    from nbrunner.jupyter.step_magics import StepMagics

    assert set(FlowMagics.magics["line"]) == set(reference.MAGICS)
    steps = StepMagics.magics["line"] | StepMagics.magics["cell"]
    assert set(steps) == set(reference.STEP_MAGICS)
