"""Which files beside a flow a fresh interpreter would import in place of what is loaded here."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Collection, Sequence

from nbrunner.text.user_code import is_users


def own_for_python(script: str, names: Collection[str], folders: Sequence[str]) -> str | None:
    """Return which module of the user's is imported in place of one of the standard library.

    Parameters
    ----------
    script : str
    names : collection of str
        The modules that the flow file imports as those of the standard library.
    folders : sequence of str
        The folders that a generated flow file puts on ``sys.path``.
    """
    for folder in (os.path.dirname(os.path.realpath(script)), *folders):
        if os.path.isdir(folder) and (reason := shadowed(folder, names)):
            return reason
    for name in set(names) - sys.modules.keys():
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.has_location and is_users(str(spec.origin)):
            return f"{spec.origin} shadows a module of Python"
    return None


def shadowed(folder: str, names: Collection[str]) -> str | None:
    """Return which file in a folder a fresh interpreter would have imported instead.

    The flow's folder comes first on ``sys.path``, already while metaflow is imported; the
    flow file itself may be in the way of a module.

    Parameters
    ----------
    folder : str
    names : collection of str
        Top-level modules that imports have loaded, or have looked for in vain.
    """
    namespaces = _namespaces() & set(names)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == "metaflow_extensions":
                return f"{entry.path} changes what metaflow imports"
            if entry.name in namespaces or _module_name(entry) in names:
                return f"{entry.path} shadows a module that metaflow imports"
    return None


def _namespaces() -> set[str]:
    """Return the packages without a file of their own: a folder of the flow's is part of them."""
    return {
        name
        for name, module in list(sys.modules.items())
        if "__path__" in (facts := getattr(module, "__dict__", {})) and not facts.get("__file__")
    }


def distribution_in(folder: str) -> str | None:
    """Return which installed distribution in a flow's folder a module would have found first."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".dist-info", ".egg-info", ".egg")):
                return f"{entry.path} would be read by a preloaded module"
    return None


def _module_name(entry: os.DirEntry[str]) -> str | None:
    """Return the name that a file or folder can be imported by, if any."""
    for suffix in importlib.machinery.all_suffixes():
        if entry.name.endswith(suffix):
            return entry.name.removesuffix(suffix)
    # A folder without __init__.py gives way to any module of its name.
    # Only folders are looked into: of data files there may be very many.
    try:
        is_folder = entry.is_dir()
    except OSError:  # a link that leads round in a circle, or where nobody answers
        return None
    package = is_folder and os.path.exists(os.path.join(entry.path, "__init__.py"))
    return entry.name if package else None
