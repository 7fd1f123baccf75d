"""Attributes of modules that a notebook has set; the processes of a flow do not have them."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator

from nbrunner.flow.capture.notebook import Cell, Notebook
from nbrunner.flow.capture.same_body import named
from nbrunner.flow.capture.scope import set_attributes

_TRAVELS = frozenset({"sys.path"})  # see `nbrunner.flow.import_path`


def set_in_modules(notebook: Notebook, home: Cell, text: str) -> Iterator[str]:
    """Yield a warning for each assignment to an attribute of a module that a flow file uses.

    Other changes of a module's state, such as ``np.random.seed(1)``, are not found.

    Parameters
    ----------
    notebook : Notebook
        The notebook.
    home : Cell
        The flow's own cell.
    text : str
        The text of the flow file.
    """
    told: set[str] = set()
    for cell in dict.fromkeys((*reversed(notebook.executed), home)):
        for node in (each for statement in cell.statements for each in set_attributes(statement)):
            module = named(node.value, notebook.namespace)
            if not isinstance(module, types.ModuleType):
                continue
            name = f"{module.__name__}.{node.attr}"
            top = module.__name__.partition(".")[0]
            if name in told | _TRAVELS or not re.search(rf"\b{top}\b", text):
                continue
            told.add(name)
            place = f"{notebook.told(cell.filename)}, line {node.lineno}"
            yield (
                f"{place} sets {name}; the processes of {notebook.flow_name} import "
                f"{module.__name__} again, without it. Set it in each step that needs it, or "
                f"in the file of the module"
            )
