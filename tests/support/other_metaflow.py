"""Copies of the installed Metaflow with changed names, which simulate later versions."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import metaflow

_INSTALLED = Path(metaflow.__file__).parent


def copy_of_metaflow(folder: Path, base: Path = _INSTALLED) -> Path:
    """Copy the package into a folder, by links to its files; return the folder of the copy."""
    return Path(shutil.copytree(base, folder / "metaflow", copy_function=_link_or_copy))


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another file system; the times are kept, so that the bytecode stays valid
        shutil.copy2(source, target)


def replace(package: Path, pattern: str, by: str, within: str = "**/*.py") -> None:
    """Replace a pattern in the files of a copy; it must occur in at least one."""
    changed = 0
    for file in package.glob(within):
        text = file.read_text(encoding="utf-8")
        new = re.sub(pattern, by, text)
        if new != text:
            file.unlink()  # the linked original must not change
            file.write_text(new, encoding="utf-8")
            changed += 1
    assert changed, f"{pattern} stands nowhere in Metaflow"


def rename(package: Path, name: str, within: str = "**/*.py") -> None:
    """Rename an object wherever the copy uses it."""
    replace(package, rf"\b{name}\b", f"{name}_of_old", within)


def rename_module(package: Path, name: str) -> None:
    """Rename a module such as ``"plugins.cards.card_cli"``, and its imports."""
    file = package / f"{name.replace('.', '/')}.py"
    file.rename(file.with_name(f"{file.stem}_of_old.py"))
    rename(package, file.stem)
