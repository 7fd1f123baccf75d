"""What the warm interpreter prepares so that its forks come to the same result sooner.

Each of these is asked for by every process of every run, and by a cold one anew. None
changes an answer: what depends on the flow, its folder or the moment is still looked up.
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
    # The expressions with which Python reads source, of the steps for the flow's graph,
    # take a seventh of an empty step to compile.
    inspect.getsource(take_shortcuts)
    metaflow_seam.look_up_version()
    sys.meta_path.insert(0, _CompiledFinder())
    # Each call of git costs a third of a task.
    metaflow_seam.ask_git_only_where(_may_be_in_repository)


class _CompiledFinder:
    """Finds a few modules as ever, with their code at hand: no read, no compile."""

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
        """Return the ordinary spec; its loader gives the code that is there already."""
        code = self._code.get(name)
        if code is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin == code.co_filename:
            spec.loader.get_code = lambda _name: code  # type: ignore[union-attr]
        return spec


def _may_be_in_repository(path: Any) -> bool:
    """Tell whether git could find a work tree at a path: it looks for ``.git`` upwards."""
    if os.environ.keys() & {"GIT_DIR", "GIT_WORK_TREE"}:  # all else only narrows the search
        return True
    folder = os.path.realpath(path or os.curdir)
    while not os.path.lexists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above
    return True
