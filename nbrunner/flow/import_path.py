"""Where a generated flow file finds modules: the folders on ``sys.path`` of this process."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ImportPath:
    """The folders that a flow file adds to ``sys.path``.

    Attributes
    ----------
    first : tuple of str
        In front of Python's own folders.
    last : tuple of str
        Behind them.
    """

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()


def import_path(own: Sequence[str]) -> ImportPath:
    """Return the folders of a flow, and those that were added to ``sys.path`` of this process.

    Parameters
    ----------
    own : sequence of str
        The folders of the flow: of its script, and the one it runs in.
    """
    entries = [os.path.abspath(each) for each in sys.path if isinstance(each, str)]
    there = {each for each in entries if os.path.exists(each)}
    absolute = [os.path.abspath(each) for each in own]
    return arranged([each for each in entries if each in there], absolute, _of_python())


def arranged(entries: Sequence[str], own: Sequence[str], fresh: Collection[str]) -> ImportPath:
    """Return the entries of ``sys.path`` that a fresh interpreter lacks, in their order. Pure.

    Parameters
    ----------
    entries : sequence of str
        Absolute paths.
    own : sequence of str
        The folders of the flow, which it has in any case.
    fresh : collection of str
        What a fresh interpreter has.
    """
    before: list[str] = []
    between: list[str] = []
    behind: list[str] = []
    found = before
    for each in dict.fromkeys(entries):
        if each in fresh:
            found = behind
        elif each not in own:
            found.append(each)
        elif found is before:
            found = between
    return ImportPath((*before, *own, *between), tuple(behind))


def _of_python() -> set[str]:
    """Return the folders that Python and its installation put on ``sys.path``.

    An entry too few does no harm: it is added a second time. ``site`` describes the files
    ``*.pth`` (https://docs.python.org/3/library/site.html).
    """
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    version = "".join(map(str, sys.version_info[:2]))
    sites = [*site.getsitepackages(), site.getusersitepackages()]
    variable = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    found = [*map(sysconfig.get_path, names), *sites, *filter(None, variable)]
    found += [os.path.join(sysconfig.get_path("stdlib"), "lib-dynload")]
    found += [os.path.join(sys.base_prefix, sys.platlibdir, f"python{version}.zip")]
    for folder in sites:
        for file in Path(folder).glob("*.pth"):
            found += [os.path.join(folder, line) for line in _lines(file)]
    return {os.path.abspath(each) for each in found}


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:  # `site` leaves it out as well
        return []
    return [each.strip() for each in lines if each.strip() and not each.startswith(("#", "import"))]
