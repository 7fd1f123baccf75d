"""The flow of several cells in a notebook file -> a flow file. Nothing is executed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager

from nbrunner.engine.client import is_metaflow_name
from nbrunner.environment import absolute
from nbrunner.errors import BadValueError
from nbrunner.flow.steps.exported import cells_of, exported
from nbrunner.flow.steps.step_flow import StepFlow
from nbrunner.jupyter.magic.step_registry import StepFlows


def exported_notebook(given: str, name: str = "") -> str:
    """Return the text of the flow file of a notebook.

    The cells count as executed once, from top to bottom.

    Parameters
    ----------
    given : str
        Path of the notebook.
    name : str
        Name of the flow; may be empty if the notebook has one.

    Raises
    ------
    BadValueError
        The file is not a notebook, has no such flow, or a cell is wrong.
    """
    flows = StepFlows({})
    plain: list[tuple[str, str]] = []
    for cell, text in _code_cells(given):
        if not _define(flows, cell, text):
            plain.append((cell, TransformerManager().transform_cell(text)))
    flow = _chosen(flows, name, given)
    return exported(flow.flow_name, flow.class_text(), cells_of(plain), is_metaflow_name)


def _chosen(flows: StepFlows, name: str, given: str) -> StepFlow:
    names = flows.names
    if name:
        return flows.named(name)
    if len(names) == 1:
        return flows.named(names[0])
    if names:
        raise BadValueError(f"{given} has several flows; choose one by --flow: {', '.join(names)}")
    raise BadValueError(f"{given} has no %%step cells")


def _define(flows: StepFlows, cell: str, text: str) -> bool:
    """Do what the magic of a cell does to the flows; return False for other cells."""
    first, _, rest = text.lstrip("\n").partition("\n")
    magic, _, line = first.partition(" ")
    if magic == "%%flow":
        flows.define_flow(line, rest, cell)
    elif magic == "%%step":
        flows.define_step(line, rest, cell)
    elif magic == "%flow" and "--drop" in line.split():
        flows.named(line.split()[0]).drop(line.split()[-1])
        return False
    else:
        return False
    return True


def _code_cells(given: str) -> Iterator[tuple[str, str]]:
    """Yield the code cells of a notebook file: their name for messages, and their source."""
    try:
        content = json.loads(Path(absolute(given)).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadValueError(f"cannot read {given}: {error.strerror or error}") from error
    except ValueError as error:
        raise BadValueError(f"{given} is not a notebook: {error}") from error
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list):
        raise BadValueError(f"{given} is not a notebook of format 4, which has a list of cells")
    for number, cell in enumerate(cells, 1):
        if cell.get("cell_type") == "code":
            source = cell.get("source", "")
            yield f"Cell {number}", source if isinstance(source, str) else "".join(source)
