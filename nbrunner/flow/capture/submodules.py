"""The submodules that a notebook has imported of a package, which a flow may reach through it.

``import xml`` alone does not give ``xml.dom``: it is there if any statement has imported it.
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
    """Return the submodules of a package that a flow needs imported, the shortest name first.

    Parameters
    ----------
    package : module
    cells : iterable of Cell
        Those that the notebook has executed.
    used : set of str
        The names of all attributes that the flow uses. ``import xml.dom`` counts in any case,
        other imports if the flow uses the name.
    home : Cell
        The flow's own cell; its ``import xml.dom`` is executed again in its place.
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
    """Yield the modules that a statement may import, and whether it does so by ``import a.b``."""
    for node in executed_nodes(statement):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, alias.asname is None
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, False
            for alias in node.names:
                yield f"{node.module}.{alias.name}", False
