"""The cells of a notebook -> a flow file that contains what the flow uses of them. Pure.

Nothing is executed. The file has the statements that the flow needs in the order of their cells:
replaying this part of the notebook gives each name what it has in the notebook.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from nbrunner.errors import BadValueError
from nbrunner.flow.capture.notebook import Cell
from nbrunner.flow.capture.scope import (
    bound_names,
    changed_names,
    deferred_names,
    executed_names,
    is_definition,
    is_import,
    only_in_notebook,
    with_decorators,
)
from nbrunner.flow.steps.assembly import ClassText, text_of, with_header
from nbrunner.flow.steps.imports import Imports
from nbrunner.flow.steps.layout import Row
from nbrunner.text.python_lines import python_lines

_BLOCKS = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match)
_CLASSES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
#: Methods that show an object and do not change it; a notebook often ends cells with them.
_LOOKS = frozenset(
    ["describe", "head", "hist", "info", "items", "keys", "plot", "sample", "show", "tail"]
)
#: Every module has these.
_OF_EVERY_MODULE = frozenset(["__name__", "__file__", "__doc__", "__builtins__"])


@dataclass(frozen=True)
class _Top:
    """A statement at the top of a cell."""

    cell: Cell
    statement: ast.stmt

    @property
    def place(self) -> str:
        return f"{self.cell.filename}, line {self.statement.lineno}"


def exported(
    name: str, flow: ClassText, cells: Sequence[Cell], in_metaflow: Callable[[str], bool]
) -> str:
    """Return the text of a flow file.

    Parameters
    ----------
    name : str
        Name of the flow.
    flow : ClassText
        The class.
    cells : sequence of Cell
        The other cells in the order of their execution; their file names are for messages.
    in_metaflow : callable
        Returns whether metaflow has a name.

    Raises
    ------
    BadValueError
        The flow uses a name that no cell defines, or a statement that works in notebooks only.
    """
    above = Cell(name, text_of(flow.above))
    found = _Exported(name, cells if flow.is_whole else [*cells, above], in_metaflow)
    statements = ast.parse(flow.source).body + (above.statements if flow.is_whole else [])
    names = {x for each in statements for x in _names(each, name)}
    own = above.binding.keys() if flow.is_whole else set()
    need = found.need_if_bound if "*" in own else found.need
    for each in sorted(names - {name} - own):
        need(each)
    found.check_generated(flow)
    imports, blocks = found.imports.text(), found.blocks()
    if flow.is_whole and flow.above:
        header = "\n\n\n".join(filter(None, [imports, *blocks]))
        lines = [Row(line) for line in header.splitlines()]
        imports = text_of(with_header(flow.above, lines)).rstrip("\n")
        blocks = []
    gap = "\n\n" if blocks and found.begins_plainly else "\n\n\n"
    main = f'if __name__ == "__main__":\n    {name}()'
    text = "\n\n\n".join([*blocks, flow.source.rstrip("\n"), main]) + "\n"
    return f"{imports}{gap}{text}" if imports else text


def _names(statement: ast.stmt, name: str) -> set[str]:
    return executed_names(statement, name) | deferred_names(statement, name)


class _Exported:
    """The statements of the notebook that a flow needs, as they are found."""

    def __init__(
        self, name: str, cells: Sequence[Cell], in_metaflow: Callable[[str], bool]
    ) -> None:
        self.imports = Imports()
        self._name = name
        self._in_metaflow = in_metaflow
        self._tops = [_Top(cell, each) for cell in cells for each in cell.statements]
        self._taken: set[int] = set()
        self._seen: set[tuple[str, int]] = set()
        self._bound = [set(bound_names(top.statement)) for top in self._tops]

    def need(self, name: str, before: int | None = None) -> None:
        """Take the statements that give a name its value.

        Parameters
        ----------
        before : int, optional
            Number of the statement that reads the name when it is executed; None: the end.
        """
        end = len(self._tops) if before is None else before
        if (name, end) in self._seen:
            return
        self._seen.add((name, end))
        last = next((at for at in reversed(range(end)) if name in self._bound[at]), None)
        if last is None:
            self._take_unbound(name, end)
            return
        top = self._tops[last]
        self._take(last, name)
        if isinstance(top.statement, _BLOCKS):  # it may not bind the name
            self.need_if_bound(name, last)
        if is_import(top.statement):
            return
        for at in range(last + 1, end):
            if _changes(self._tops[at].statement, name):
                self._take(at, name)
        if isinstance(top.statement, _CLASSES) and before is not None:  # it may be called now
            for each in sorted(deferred_names(top.statement, top.cell.filename)):
                self.need_if_bound(each, end)

    def need_if_bound(self, name: str, before: int | None = None) -> None:
        """Take the statements that give a name its value, if there are any; see `need`."""
        if any(name in bound for bound in self._bound[:before]):
            self.need(name, before)

    def _take_unbound(self, name: str, end: int) -> None:
        if (hasattr(builtins, name) and name != "display") or name in _OF_EVERY_MODULE:
            return
        later = any(name in bound for bound in self._bound[end:])
        if later:
            return  # a function that is called later
        if self._in_metaflow(name):
            self.imports.add_from("metaflow", name)
        elif name == "display":
            self.imports.add_from("IPython.display", name)
        else:
            star = next((top for top in self._tops if "*" in set(bound_names(top.statement))), None)
            hint = f"; if {star.place} imports it, import it by its name" if star else ""
            raise BadValueError(f"{self._name} uses {name!r}, which no cell defines{hint}")

    def _take(self, at: int, name: str) -> None:
        top = self._tops[at]
        if is_import(top.statement):
            if self._has_others(name):
                self._taken.add(at)  # stays in its place
            else:
                self.imports.add(top.statement, name)
            return
        if at in self._taken:
            return
        if only_in_notebook(top.statement):
            raise BadValueError(
                f"{self._name} uses {name!r}, which {top.place} sets in a way that works in a "
                "notebook only: "
                f"{top.cell.source_of(top.statement).splitlines()[0]}"
            )
        self._taken.add(at)
        for each in sorted(executed_names(top.statement, top.cell.filename)):
            self.need(each, at)
        for each in sorted(deferred_names(top.statement, top.cell.filename)):
            self.need(each)

    def _has_others(self, name: str) -> bool:
        """Return whether the notebook binds an imported name otherwise as well."""
        return any(
            name in bound and not is_import(top.statement)
            for top, bound in zip(self._tops, self._bound, strict=True)
        )

    def check_generated(self, flow: ClassText) -> None:
        """Raise if a name in a generated line is not Metaflow's."""
        generated = flow.generated
        for at in sorted(self._taken):
            for name in sorted(generated & self._bound[at]):
                raise BadValueError(
                    f"{self._tops[at].place} binds {name!r} to something else than Metaflow's "
                    f"{name}; rename it"
                )

    @property
    def begins_plainly(self) -> bool:
        """Whether the first statement is neither a function nor a class."""
        first = min(self._taken, default=None)
        return first is not None and not isinstance(self._tops[first].statement, _CLASSES)

    def blocks(self) -> list[str]:
        """Return the statements as blocks, which two blank lines separate."""
        blocks: list[str] = []
        previous: int | None = None
        for at in sorted(self._taken):
            top = self._tops[at]
            text = _with_comments(top)
            is_class = isinstance(top.statement, _CLASSES)
            if previous is None or is_class or is_definition(self._tops[previous].statement):
                blocks.append(text)
            else:
                gap = "\n\n" if _is_apart(self._tops[previous], top) else "\n"
                blocks[-1] += gap + text
            previous = at
        return blocks


def _changes(statement: ast.stmt, name: str) -> bool:
    """Return whether a statement may change the object of a name in place."""
    certain = None if is_definition(statement) else changed_names(statement).get(name)
    if certain is None or certain:
        return bool(certain)
    call = statement.value if isinstance(statement, ast.Expr) else None
    function = call.func if isinstance(call, ast.Call) else None
    return not (isinstance(function, ast.Attribute) and function.attr in _LOOKS)


def _is_apart(one: _Top, other: _Top) -> bool:
    """Return whether a blank line separates two statements."""
    if one.cell is not other.cell:
        return True
    lines = python_lines(one.cell.text)
    between = lines[one.statement.end_lineno or 0 : other.statement.lineno - 1]
    return any(not line.strip() for line in between)


def _with_comments(top: _Top) -> str:
    """Return the source of a statement with the comments above it and at its end."""
    lines = python_lines(top.cell.text)
    first = with_decorators(top.statement).lineno - 1
    last = top.statement.end_lineno or first + 1
    shares = [
        each
        for each in top.cell.statements
        if each is not top.statement and each.lineno <= last and (each.end_lineno or 0) > first
    ]
    if shares:  # `a = 1; b = 2` on one line
        return top.cell.source_of(top.statement)
    above = first
    while above and lines[above - 1].startswith("#"):
        above -= 1
    return "\n".join(line.rstrip() if line.startswith("#") else line for line in lines[above:last])


def cells_of(texts: Iterable[tuple[str, str]]) -> list[Cell]:
    """Return the cells of named texts, in their order; those with syntax errors are left out."""
    found = []
    for number, (name, text) in enumerate(texts, 1):
        try:
            found.append(Cell(name, text, number))
        except (SyntaxError, ValueError):
            continue
    return found
