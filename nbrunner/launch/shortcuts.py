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
from collections.abc import Callable, Sequence
from typing import Any

# Metaflow changes these, while they are imported, to fit the flow at hand: each process
# executes them itself. Reading and compiling them is the same for all.
COMPILED = (
    "metaflow.cli",
    "metaflow.cli_components.run_cmds",
    "metaflow.cli_components.step_cmd",
)


def take_shortcuts() -> None:
    """Prepare this interpreter, which has imported metaflow, for its forks."""
    # The expressions with which Python reads source, of the steps for the flow's graph,
    # take a seventh of an empty step to compile.
    inspect.getsource(take_shortcuts)
    # Asks git about the folder that metaflow is installed in.
    sys.modules["metaflow.metaflow_version"].get_version()
    sys.meta_path.insert(0, _CompiledFinder())
    _look_before_asking_git()


class _CompiledFinder:
    """Finds a few modules as ever, with their code at hand: no read, no compile."""

    def __init__(self) -> None:
        self._code: dict[str, types.CodeType] = {}
        for name in COMPILED:
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


def _look_before_asking_git() -> None:
    """Call git only where there may be a repository: each call costs a third of a task.

    Metaflow notes the state of the repository with every task (``metaflow_git.py``).
    """
    module = sys.modules.get("metaflow.metaflow_git")
    ask: Callable[[Any], bool] | None = getattr(module, "_is_in_git_repo", None)
    if module is None or ask is None:
        return

    def look_first(path: Any) -> bool:
        return _may_be_in_repository(path) and ask(path)

    vars(module)["_is_in_git_repo"] = look_first


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
