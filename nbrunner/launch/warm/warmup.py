"""Prepares results in the warm interpreter that every process of every run computes.

No result changes: those that depend on the flow, its folder or the time are still computed in the
fork.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import inspect
import os
import sys
import types
from collections.abc import Sequence
from typing import Any

from nbrunner.launch import metaflow_seam


def take_shortcuts() -> None:
    """Prepare this interpreter, which has imported metaflow, for its forks."""
    # Compiles the regular expressions of inspect.getsource, which Metaflow uses to read the steps
    # for the flow's graph. That takes a seventh of the time of an empty step.
    inspect.getsource(take_shortcuts)
    metaflow_seam.look_up_version()
    sys.meta_path.insert(0, _CompiledFinder())
    # Each call of git takes a third of the time of a task.
    metaflow_seam.ask_git_only_where(_may_be_in_repository)


class _CompiledFinder:
    """Finds a few modules as usual, with code that is compiled already."""

    def __init__(self) -> None:
        self._code: dict[str, types.CodeType] = {}
        for name in metaflow_seam.COMPILED:
            spec = importlib.util.find_spec(name)
            if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
                code = spec.loader.get_code(name)
                assert code is not None, f"{name} has source"
                self._code[name] = code

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the ordinary spec, whose loader returns the compiled code."""
        code = self._code.get(name)
        if code is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin == code.co_filename:
            spec.loader.get_code = lambda _name: code  # type: ignore[union-attr]
        return spec


def _may_be_in_repository(path: Any) -> bool:
    """Return whether git may find a work tree: ``.git`` in the path or one of its parents."""
    if os.environ.keys() & {"GIT_DIR", "GIT_WORK_TREE"}:  # other variables only narrow the search
        return True
    folder = os.path.realpath(path or os.curdir)
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above
    return True
