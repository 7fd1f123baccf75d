"""The imported submodules of a package that a flow may use as attributes of the package.

``import xml`` does not make ``xml.dom`` available; any statement that imports it does.
"""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterable, Iterator

from nbrunner.flow.capture.notebook import Cell
from nbrunner.flow.capture.scope import executed_nodes


def submodules(
    package: types.ModuleType, cells: Iterable[Cell], used: set[str], home: Cell
) -> list[str]:
    """Return the submodules of a package that a flow file must import, sorted.

    Parameters
    ----------
    package : module
        The package.
    cells : iterable of Cell
        The executed cells of the notebook.
    used : set of str
        The names of all attributes that the flow uses. A submodule imported by ``import xml.dom``
        is always returned, one imported otherwise only if its name is used.
    home : Cell
        The flow's own cell, whose ``import xml.dom`` travels with it.
    """
    prefix = f"{package.__name__}."
    found = {
        name
        for cell in {*cells, home}
        for statement in cell.statements
        for name, is_sure in _imported(statement)
        if name.startswith(prefix) and name in sys.modules
        if name.removeprefix(prefix).partition(".")[0] in used or is_sure
        if not (is_sure and cell is home)
    }
    return sorted(found)


def _imported(statement: ast.stmt) -> Iterator[tuple[str, bool]]:
    """Yield each module that a statement may import, and whether it uses ``import a.b``."""
    for node in executed_nodes(statement):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, alias.asname is None
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, False
            for alias in node.names:
                yield f"{node.module}.{alias.name}", False
