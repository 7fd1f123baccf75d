"""Finds files next to a flow that a fresh interpreter would import instead of loaded modules."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Collection, Sequence

from nbrunner.text.user_code import is_users


def own_for_python(script: str, names: Collection[str], folders: Sequence[str]) -> str | None:
    """Return a message about a user's file that shadows a module of the standard library, or None.

    Parameters
    ----------
    script : str
        The flow file.
    names : collection of str
        The modules with names of the standard library that the flow file imports.
    folders : sequence of str
        The folders that a generated flow file adds to ``sys.path``.
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
    """Return a message about a file that a fresh interpreter would import instead, or None.

    The flow's folder comes first on ``sys.path``, even while metaflow is imported; the flow file
    itself may shadow a module.

    Parameters
    ----------
    folder : str
        The folder to search.
    names : collection of str
        Top-level modules that imports have loaded, or have looked for without success.
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
    """Return the namespace packages: a folder of that name next to a flow is a part of them."""
    return {
        name
        for name, module in list(sys.modules.items())
        if "__path__" in (facts := getattr(module, "__dict__", {})) and not facts.get("__file__")
    }


def distribution_in(folder: str) -> str | None:
    """Return a message about a distribution that is installed in a flow's folder, or None."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".dist-info", ".egg-info", ".egg")):
                return f"{entry.path} would be read by a preloaded module"
    return None


def _module_name(entry: os.DirEntry[str]) -> str | None:
    """Return the name by which a file or folder can be imported; None if it cannot."""
    for suffix in importlib.machinery.all_suffixes():
        if entry.name.endswith(suffix):
            return entry.name.removesuffix(suffix)
    # A folder without __init__.py does not shadow a module of its name.
    # Only folders are examined further: there may be very many data files.
    try:
        is_folder = entry.is_dir()
    except OSError:  # a circular link, or one into a file system that does not respond
        return None
    package = is_folder and os.path.exists(os.path.join(entry.path, "__init__.py"))
    return entry.name if package else None
