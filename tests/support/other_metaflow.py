"""Copies of the installed Metaflow in which a name is another one, to stand for later versions."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import metaflow

_INSTALLED = Path(metaflow.__file__).parent


def copy_of_metaflow(folder: Path, base: Path = _INSTALLED) -> Path:
    """Copy the package into a folder, by links to its files; return that of the copy."""
    return Path(shutil.copytree(base, folder / "metaflow", copy_function=_link_or_copy))


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another file system; with its times, or its bytecode would be made anew
        shutil.copy2(source, target)


def replace(package: Path, pattern: str, by: str, within: str = "**/*.py") -> None:
    """Replace a pattern in the files of a copy; in one at least."""
    changed = 0
    for file in package.glob(within):
        text = file.read_text(encoding="utf-8")
        new = re.sub(pattern, by, text)
        if new != text:
            file.unlink()  # what it is linked to stays as it is
            file.write_text(new, encoding="utf-8")
            changed += 1
    assert changed, f"{pattern} stands nowhere in Metaflow"


def rename(package: Path, name: str, within: str = "**/*.py") -> None:
    """Rename what a name stands for wherever the copy uses it."""
    replace(package, rf"\b{name}\b", f"{name}_of_old", within)


def rename_module(package: Path, name: str) -> None:
    """Rename a module, ``"plugins.cards.card_cli"``, and what imports it."""
    file = package / f"{name.replace('.', '/')}.py"
    file.rename(file.with_name(f"{file.stem}_of_old.py"))
    rename(package, file.stem)
