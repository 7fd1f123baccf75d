"""A FlowSpec class from a notebook cell (or a script) -> the text of a flow file.

The class travels with the names that it uses, and with nothing else. The current value of a name
travels, whichever cell bound it, in the first of these ways that makes the same object again:

- an import, for a module or an attribute of one;
- an expression, for a plain value (a number, a text, a list of them);
- its source, for a function or class whose definition makes this very object;
- the statements of the flow's own cell that made it, if no other cell contributed to it;
- the object itself, pickled.

If none is possible, an error names the object. Other statements of the cell stay in the notebook:
magics, shell lines, awaits, and the call that starts the run.

A plain value that the flow's own cell computes is computed again by the flow: it may be a secret,
or differ where the flow runs. A random number or a time travels as a value.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping, Sequence

from nbrunner.errors import BadValueError
from nbrunner.flow.capture.collector import Collector
from nbrunner.flow.capture.flow_text import import_path_line
from nbrunner.flow.capture.made_again import Refusal
from nbrunner.flow.capture.module_state import set_in_modules
from nbrunner.flow.capture.notebook import Cell, Notebook, codes_of
from nbrunner.flow.capture.same_flow import check_flow
from nbrunner.text.line_origins import Origin

# Binds no name.
_IMPORT = "__import__('metaflow')"


def flow_file_text(
    flow: type,
    namespace: Mapping[str, object],
    folders: Sequence[str] = (),
    last: Sequence[str] = (),
    home: Cell | None = None,
) -> tuple[str, tuple[Origin, ...]]:
    """Return the text of a flow file for a class, and the origins of its lines.

    Parameters
    ----------
    flow : FlowSpec class
        A class at the top level of a cell or script.
    namespace : mapping
        The globals where the class was defined, of a notebook or a script.
    folders, last : sequence of str
        Folders of modules, for ``sys.path`` before and after Python's own.
    home : Cell, optional
        The cell that defines the class, if the notebook's shell does not have it.

    Raises
    ------
    BadValueError
        The source of the class is unknown, the class is not at the top level of its cell, or it
        uses an object of the notebook that cannot travel.

    Warns
    -----
    UserWarning
        The notebook has set an attribute of a module that the flow uses, or has called a method
        of an object that is made again because it cannot be pickled.
    """
    notebook = Notebook(namespace, flow.__name__, home)
    cell, statement = _flow_statement(flow, notebook)
    check_flow(flow, statement, cell, notebook)
    pickled: set[str] = set()
    refused: dict[str, Refusal] = {}
    while True:
        collector = Collector(flow, notebook, cell, pickled, refused)
        packed = collector.collect(statement)
        if packed is not None:
            break
    # Metaflow is imported first, as in the notebook: later lines then cannot change its import,
    # and the file can be executed in a fork of an interpreter that has imported it.
    text, origins = collector.found.written(packed, f"{import_path_line(folders, last)}; {_IMPORT}")
    doubts = [
        f"{flow.__name__} makes {name!r} again, without {place}, which may have changed it"
        for name, place in collector.found.doubts.items()
    ]
    for told in (*doubts, *set_in_modules(notebook, cell, text)):
        warnings.warn(told, stacklevel=2)
    return text, origins


def _flow_statement(flow: type, notebook: Notebook) -> tuple[Cell, ast.stmt]:
    """Return the cell that defines a flow, and its statement there."""
    cell = notebook.cell_defining(flow)
    if cell is None:
        files = dict.fromkeys(code.co_filename for code in codes_of(flow))
        if any(map(notebook.cell, files)):
            raise BadValueError(
                f"{flow.__qualname__} is not defined at the top level of its cell; a flow must be"
            )
        raise BadValueError(
            f"the source of {flow.__qualname__} is unknown; define it in a notebook "
            "cell or in a file"
        )
    home = cell.binding.get(flow.__name__, [])
    if not home or "." in flow.__qualname__:
        raise BadValueError(
            f"{flow.__qualname__} is not defined at the top level of its cell; a flow must be"
        )
    return cell, home[-1]
