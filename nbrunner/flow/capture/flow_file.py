"""A FlowSpec class from a notebook cell (or a script) -> the text of a flow file.

The class travels with the names that it uses, and with nothing else. A name stands for what
the notebook has bound it to now, whichever cell did that, and it travels in the first of
these ways that makes the same object again:

- an import, where it is a module or what a module has;
- an expression, where it is a plain value (a number, a text, a list of them);
- its source, where that is a function or class whose definition makes this very object;
- the statements of the flow's own cell that made it, where no other cell had a part in it;
- the object itself, pickled.

What can travel in none of them is an error that names it. Other statements of the cell stay
in the notebook, be they magics, shell lines, awaits or the very call that starts the run.

A plain value that the flow's own cell computes is computed again by the flow: it may be a
secret, or differ where the flow runs. What was drawn by chance, or from a clock, travels as
it is.
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
) -> tuple[str, tuple[Origin, ...]]:
    """Return the text of a flow file for a class, and where its lines come from.

    Parameters
    ----------
    flow : FlowSpec class
    namespace : mapping
        The globals where the class was defined: a notebook's, or a script's.
    folders, last : sequence of str
        Where the flow file finds modules, before and after Python's own folders.

    Raises
    ------
    BadValueError
        The source of the class is not known, the class is not at the top of its cell, or
        it uses something of the notebook that cannot travel.

    Warns
    -----
    UserWarning
        The notebook has set an attribute of a module that the flow names, or has called a
        method of an object that cannot be pickled and is made again.
    """
    notebook = Notebook(namespace, flow.__name__)
    cell, home = _flow_statement(flow, notebook)
    check_flow(flow, home, cell, notebook)
    pickled: set[str] = set()
    refused: dict[str, Refusal] = {}
    while True:
        collector = Collector(flow, notebook, cell, pickled, refused)
        packed = collector.collect(home)
        if packed is not None:
            break
    # Metaflow first, as in the notebook: then what follows cannot change how it is imported,
    # and the file can be forked from an interpreter that has imported it.
    text, origins = collector.found.written(packed, f"{import_path_line(folders, last)}; {_IMPORT}")
    doubts = [
        f"{flow.__name__} makes {name!r} again, without {place}, which may have changed it"
        for name, place in collector.found.doubts.items()
    ]
    for told in (*doubts, *set_in_modules(notebook, cell, text)):
        warnings.warn(told, stacklevel=2)
    return text, origins


def _flow_statement(flow: type, notebook: Notebook) -> tuple[Cell, ast.stmt]:
    """Return the cell that a flow was defined in, and its statement there."""
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
