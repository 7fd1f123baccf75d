"""A flow whose steps are cells: what has been defined of it, and its flow file."""

from __future__ import annotations

import ast
import builtins
import linecache
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nbrunner.engine.client import is_metaflow_name, metaflow_object
from nbrunner.environment import current_directory
from nbrunner.errors import BadValueError, FlowLoadError
from nbrunner.flow.capture.flow_file import flow_file_text
from nbrunner.flow.capture.notebook import Cell, Notebook
from nbrunner.flow.capture.scope import bound_names, used_names
from nbrunner.flow.import_path import import_path
from nbrunner.flow.source import FlowSource, NotebookFlow, write_flow_file
from nbrunner.flow.steps.assembly import (
    ClassText,
    class_text,
    composed,
    origins_of,
    text_of,
    with_header,
)
from nbrunner.flow.steps.cells import StepCell, check_artifacts
from nbrunner.flow.steps.edges import check_added
from nbrunner.flow.steps.exported import cells_of, exported
from nbrunner.flow.steps.flow_cells import FlowCell, flow_cell
from nbrunner.flow.steps.imports import Imports
from nbrunner.flow.steps.layout import Row
from nbrunner.flow.steps.words import FlowWords, one_of
from nbrunner.text.line_origins import Origin, origin_of

_MISSING = object()
#: After every cell that the notebook has executed.
_LATEST = sys.maxsize


@dataclass(frozen=True)
class StepsSource(FlowSource):
    """The flow file of a flow of several cells.

    Attributes
    ----------
    cells : str
        The names of its cells.
    """

    cells: str = ""

    @property
    def cell(self) -> str:
        """The names of the cells, for messages."""
        return self.cells


class StepFlow(NotebookFlow):
    """A flow of several cells; the notebook has it under its name.

    ``Runner``, ``NBRunner``, ``describe`` and the magics accept it like a FlowSpec class, and
    take the cells as they were executed last.

    Parameters
    ----------
    name : str
        Name of the flow.
    """

    def __init__(self, name: str) -> None:
        self.flow_name = name
        self.flow_cell = flow_cell(FlowWords(name), "", "")
        self.steps: dict[str, StepCell] = {}

    def __repr__(self) -> str:
        return f"<flow {self.flow_name} of {self.cells or 'no cells'}>"

    @property
    def cells(self) -> str:
        """The names of its cells, such as ``"Cells In[2], In[5]"``."""
        flow = [row.cell for row in (*self.flow_cell.head, *self.flow_cell.body) if row.cell]
        names = dict.fromkeys([*flow[:1], *(each.cell for each in self.steps.values())])
        numbers = ", ".join(name.removeprefix("Cell ") for name in names)
        return f"Cells {numbers}" if names else ""

    @property
    def attributes(self) -> set[str]:
        """The names behind ``self.`` in a step: parameters, methods, artifacts, Metaflow's own."""
        body = ast.parse("class _:\n" + text_of(self.flow_cell.body) + "    pass").body[0]
        members = body.body if isinstance(body, ast.ClassDef) else []
        own = {name for each in members for name in bound_names(each)}
        made = {name for each in self.steps.values() for name in each.artifacts}
        return own | made | {"input", "index", "next"}

    def define(self, cell: FlowCell) -> None:
        """Replace all but the steps."""
        self.flow_cell = cell

    def add(self, cell: StepCell) -> None:
        """Add a step, or replace it in its place.

        Raises
        ------
        BadValueError
            Its options do not fit the other steps; nothing is changed.
        """
        steps = {**self.steps, cell.name: cell}
        check_artifacts(steps)
        check_added(self.flow_name, steps, cell.name)
        self.steps = steps

    def drop(self, name: str) -> None:
        """Remove a step.

        Raises
        ------
        BadValueError
            There is no such step.
        """
        if name not in self.steps:
            raise BadValueError(f"{self.flow_name}: {one_of(name, self.steps, 'step')}")
        del self.steps[name]

    def class_text(self) -> ClassText:
        """Return the class; see `class_text`."""
        if not self.steps:
            raise BadValueError(
                f"{self.flow_name} has no steps yet; execute a cell that begins with %%step NAME"
            )
        return class_text(self.flow_cell, self.steps)

    def readable(self) -> list[Row]:
        """Return the lines of the class with its imports from Metaflow, as in a flow file."""
        text = self.class_text()
        namespace = vars(sys.modules["__main__"])
        return [*_header(text, namespace), *text.rows]

    def exported(self) -> str:
        """Return the text of a flow file for use without a notebook; see `exported`."""
        notebook = Notebook(vars(sys.modules["__main__"]))
        executed = [(notebook.told(each.filename), each.text) for each in notebook.executed]
        cells = cells_of(reversed(executed))
        return exported(self.flow_name, self.class_text(), cells, is_metaflow_name)

    def source(self, cwd: str | None = None) -> FlowSource:
        """Write the flow file with what the flow uses of other cells, and return it.

        Parameters
        ----------
        cwd : str, optional
            Folder of modules that the flow may import; default the current directory.

        Raises
        ------
        BadValueError
            The steps make no flow, or use something that cannot travel.
        FlowLoadError
            Executing the class raises.
        """
        path = import_path([cwd or current_directory()])
        namespace = vars(sys.modules["__main__"])
        text, origins = captured(
            self.class_text(), self.flow_name, namespace, path.first, path.last
        )
        file = write_flow_file(self.flow_name, text)
        folders = (*path.first, *path.last)
        return StepsSource(file, self.flow_name, origins, folders, cells=self.cells)


def captured(
    flow: ClassText,
    name: str,
    namespace: dict[str, Any],
    folders: Sequence[str] = (),
    last: Sequence[str] = (),
) -> tuple[str, tuple[Origin, ...]]:
    """Return the text of a flow file for a class given as text, and the origins of its lines.

    The class is executed in the notebook's namespace for a moment, as if its cell were the latest
    one: what it uses of other cells is captured like that of any FlowSpec class of a cell.
    """
    rows = [*_header(flow, namespace), *flow.rows]
    text, inner = text_of(rows), origins_of(rows)
    file = f"<cells of {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    home = Cell(file, text, _LATEST)
    try:
        with _bound_for_a_moment([*home.binding], namespace):
            _execute(text, file, inner, namespace)
            found, outer = flow_file_text(namespace[name], namespace, folders, last, home)
    finally:
        linecache.cache.pop(file, None)
    return found, composed(outer, file, inner)


def _header(flow: ClassText, namespace: Mapping[str, Any]) -> list[Row]:
    """Return the imports above a class."""
    lines = metaflow_imports(flow, namespace)
    return [*with_header(flow.above, [*map(Row, lines)]), Row(""), Row("")]


@contextmanager
def _bound_for_a_moment(names: Sequence[str], namespace: dict[str, Any]) -> Iterator[None]:
    """Give names their earlier values back at the end."""
    before = {name: namespace.get(name, _MISSING) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is _MISSING:
                namespace.pop(name, None)
            else:
                namespace[name] = value


def _execute(text: str, file: str, origins: Sequence[Origin], namespace: dict[str, Any]) -> None:
    try:
        exec(compile(text, file, "exec", dont_inherit=True), namespace)
    except Exception as error:  # the user's own code may raise anything
        lines = []
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == file:
                lines.append(trace.tb_lineno)
            trace = trace.tb_next
        origin = origin_of(origins, lines[-1]) if lines else None
        place = f"{origin[0]}, line {origin[1]}: " if origin else ""
        raise FlowLoadError(f"{place}{type(error).__name__}: {error}") from error


def metaflow_imports(flow: ClassText, bound: Mapping[str, Any]) -> list[str]:
    """Return the lines that import what the class uses of Metaflow and the notebook lacks.

    Raises
    ------
    BadValueError
        The notebook has bound a name that the class needs to something else.
    """
    above = ast.parse(text_of(flow.above)).body
    imported = {name for each in above for name in bound_names(each)}
    statements = [*above, ast.parse(flow.source).body[0]]
    used = {name for each in statements for name in used_names(each, "<flow>")} - imported
    generated = flow.generated & used
    found = set()
    for name in set() if "*" in imported else used:
        if name not in bound and not hasattr(builtins, name) and is_metaflow_name(name):
            found.add(name)
        elif name in generated and name in bound:
            if bound[name] is not metaflow_object(name):
                raise BadValueError(
                    f"the notebook has bound {name!r} to something else than Metaflow's {name}; "
                    "rename it"
                )
            found.add(name)
    imports = Imports()
    for name in found:
        imports.add_from("metaflow", name)
    return imports.text().splitlines()
