"""The executed cells of a notebook, and the names that they bind.

IPython keeps the text of executed cells in `linecache`, and their execution count.
A script is treated as a single cell, after which no other is executed.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

from nbrunner.flow.capture.scope import (
    binds_unseen,
    bound_names,
    changed_names,
    compiled,
    deleted_names,
    is_definition,
    is_import,
    magic_texts,
    mentions,
    with_decorators,
)

_PARSE_FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class Cell:
    """The source of a cell or file, parsed into its top-level statements.

    Attributes
    ----------
    number : int
        The execution count of its newest execution; 0 for a script.
    """

    def __init__(self, filename: str, text: str, number: int = 0) -> None:
        self.filename = filename
        self.text = text
        self.number = number
        tree = compile(text, filename, "exec", _PARSE_FLAGS, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        self.statements = tree.body
        self.binding: dict[str, list[ast.stmt]] = {}
        for statement in self.statements:
            for name in dict.fromkeys(bound_names(statement)):
                self.binding.setdefault(name, []).append(statement)

    def changing(self, name: str) -> list[ast.stmt]:
        """Return the statements that change, in place, an object that was made in this cell."""
        bound = self.binding.get(name, [])
        if all(map(is_import, bound)):  # made elsewhere: a module, or an attribute of one
            return []
        return [each for each in self.statements if self._changes(each, name, bound)]

    def _changes(self, statement: ast.stmt, name: str, bound: Sequence[ast.stmt]) -> bool:
        return (
            statement not in bound
            and not is_definition(statement)
            and name in changed_names(statement)
        )

    def may_change(self, name: str) -> bool:
        """Return whether a statement other than its binding may change an object in place.

        Any executed statement that names it may; a function only if its source changes it.
        """
        bound = self.binding.get(name, [])
        return any(
            name in changed_names(each, within=True)
            if is_definition(each)
            else each not in bound and mentions(each, name)
            for each in self.statements
        )

    @cached_property
    def globals_of_functions(self) -> set[str]:
        """The names that functions of the cell bind by ``global name``."""
        nodes = (each for statement in self.statements for each in ast.walk(statement))
        return {name for each in nodes if isinstance(each, ast.Global) for name in each.names}

    def may_bind(self, name: str) -> bool:
        """Return whether executing the cell may bind or delete a name."""
        return (
            name in self.binding
            or "*" in self.binding  # from module import *
            or name in self.globals_of_functions
            or name in self._deleted
            or self._may_bind_all
            or any(re.search(rf"\b{name}\b", text) for text in self._magic_texts)
        )

    @cached_property
    def _may_bind_all(self) -> bool:
        """Whether the cell may bind names that it does not mention: by exec(), or by %run."""
        return any(map(binds_unseen, self.statements))

    @cached_property
    def _deleted(self) -> set[str]:
        return {name for each in self.statements for name in deleted_names(each)}

    @cached_property
    def changed(self) -> dict[str, list[bool]]:
        """Name -> for each statement that may change its object in place, whether it surely does.

        See `changed_names`.
        """
        found: dict[str, list[bool]] = {}
        for statement in self.statements:
            for name, is_certain in changed_names(statement).items():
                found.setdefault(name, []).append(is_certain)
        return found

    @cached_property
    def _magic_texts(self) -> list[str]:
        return [text for each in self.statements for text in magic_texts(each)]

    def definition(self, name: str) -> ast.stmt | None:
        """Return the statement that binds a name last, if it is a function or class."""
        last = self.binding.get(name, [None])[-1]
        is_def = isinstance(last, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        return last if is_def else None

    def statement_at(self, line: int) -> ast.stmt | None:
        """Return the top-level statement that contains a line, decorators included."""
        for each in self.statements:
            if with_decorators(each).lineno <= line <= (each.end_lineno or each.lineno):
                return each
        return None

    def source_of(self, statement: ast.stmt) -> str:
        """Return the source of a statement, decorators included."""
        segment = ast.get_source_segment(self.text, with_decorators(statement))
        assert segment is not None
        return segment


@lru_cache(maxsize=1000)
def _cell(filename: str, text: str, number: int) -> Cell:
    """Return a cell; cached, as each run of a flow parses all cells, and few have changed."""
    return Cell(filename, text, number)


class Notebook:
    """The globals of a notebook or a script, and the cells that made them.

    Attributes
    ----------
    namespace : mapping of str to Any
        The globals.
    flow_name : str
        The name of the flow class to capture.
    home : Cell or None
        The cell of the flow class, if the notebook's shell does not have it.
    """

    def __init__(
        self, namespace: Mapping[str, object], flow_name: str = "", home: Cell | None = None
    ) -> None:
        self.namespace = namespace
        self.flow_name = flow_name
        shell = namespace.get("get_ipython")
        compiler = getattr(shell() if callable(shell) else None, "compile", None)
        self._format: Callable[[str], tuple[str, str] | None] = getattr(
            compiler, "format_code_name", lambda name: None
        )
        self._cells: dict[str, Cell | None] = {home.filename: home} if home else {}

    def cell_name(self, filename: str) -> str:
        """Return the shell's name of a cell; empty for any other file."""
        return " ".join(self._format(filename) or ())

    def told(self, filename: str) -> str:
        """Return the name of a file in tracebacks: a cell has the name that the shell gives it."""
        return self.cell_name(filename) or filename

    def cell(self, filename: str) -> Cell | None:
        """Return the cell or script of a code object's file name; None if its text is unknown."""
        if filename not in self._cells:
            lines = linecache.getlines(filename)
            found = self._format(filename)
            digits = re.search(r"\d+", found[1]) if found else None
            number = int(digits[0]) if digits else 0
            try:
                cell = _cell(filename, "".join(lines), number) if lines else None
            except SyntaxError:  # it was not executed
                cell = None
            self._cells[filename] = cell
        return self._cells[filename]

    @cached_property
    def executed(self) -> list[Cell]:
        """The executed cells of the notebook, the newest first; empty for a script."""
        names = [name for name in list(linecache.cache) if self._format(name)]
        cells = [cell for name in names if (cell := self.cell(name))]
        return sorted(cells, key=lambda each: -each.number)

    def binders(self, name: str) -> Iterator[Cell]:
        """Yield the executed cells that may have bound a name, the newest first."""
        return (each for each in self.executed if each.may_bind(name))

    def is_bound_since(self, name: str, cell: Cell) -> bool:
        """Return whether another cell may have bound a name since a cell was executed."""
        return any(
            each is not cell and (each.number >= cell.number or name in each.globals_of_functions)
            for each in self.binders(name)
        )

    def is_imported(self, name: str) -> bool:
        """Return whether all statements of all cells that bind a name are imports."""
        return all(
            all(map(is_import, each.binding.get(name) or each.binding.get("*") or [ast.Pass()]))
            for each in self.binders(name)
        )

    def changes_since(self, name: str, cell: Cell) -> list[bool]:
        """Return, for each possible change in place by later cells, whether it is certain."""
        later = (each for each in self.executed if each is not cell and each.number >= cell.number)
        return [is_certain for each in later for is_certain in each.changed.get(name, [])]

    def cell_defining(self, kind: type) -> Cell | None:
        """Return the cell with the top-level statement that made a class.

        It is found by the code of the class's functions. For a class without functions it is
        the cell that bound its name last.
        """
        name = kind.__name__
        codes = codes_of(kind)
        files = dict.fromkeys(code.co_filename for code in codes)
        places = {(code.co_filename, code.co_name, code.co_firstlineno) for code in codes}
        for cell in filter(None, map(self.cell, files)):
            for statement in reversed(cell.binding.get(name, [])):
                code = class_code(statement, cell.filename, name)
                own = code_constants(code) if code else []
                if any((x.co_filename, x.co_name, x.co_firstlineno) in places for x in own):
                    return cell
        for cell in self.binders(name) if self.namespace.get(name) is kind else ():
            if any(class_code(each, "", name) for each in cell.binding.get(name, [])):
                return cell
            break  # bound by another kind of statement
        return self._script(kind)

    def _script(self, kind: type) -> Cell | None:
        try:
            filename = inspect.getsourcefile(kind)
        except (TypeError, OSError):
            return None
        return self.cell(filename) if filename else None


def class_code(statement: ast.stmt, filename: str, name: str) -> types.CodeType | None:
    """Return the code of the body of a class that a statement defines."""
    stack = [compiled(statement, filename)] if name in bound_names(statement) else []
    while stack:
        constants = code_constants(stack.pop())
        for each in reversed(constants):
            if each.co_name == name and not each.co_flags & inspect.CO_OPTIMIZED:
                return each
    return None


def code_constants(code: types.CodeType) -> list[types.CodeType]:
    """Return the code of the functions and classes directly in a code object."""
    return [each for each in code.co_consts if isinstance(each, types.CodeType)]


def codes_of(kind: type) -> list[types.CodeType]:
    """Return the code of all functions of a class, and of the functions that they wrap."""
    return codes_in(vars(kind).values())


def codes_in(values: Iterable[object]) -> list[types.CodeType]:
    """Return the code of all functions among values, and of the functions that they wrap."""
    codes: list[types.CodeType] = []
    seen: set[int] = set()
    stack = [*values][::-1]
    while stack:
        each = stack.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, types.FunctionType):
            codes.append(each.__code__)
            stack += [cell.cell_contents for cell in each.__closure__ or () if is_filled(cell)]
            stack += vars(each).values()
        elif isinstance(each, (classmethod, staticmethod)):
            stack.append(each.__func__)
        elif isinstance(each, property):
            stack += [each.fget, each.fset, each.fdel]
        elif isinstance(each, (list, tuple)):
            stack += each
        elif not isinstance(each, (type, types.ModuleType)) and hasattr(each, "__dict__"):
            stack += vars(each).values()  # a decorator that is an object
    return codes


def is_filled(cell: types.CellType) -> bool:
    """Return whether a closure variable has a value."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def importable(value: object) -> bool:
    """Return whether an object can be imported by its ``__name__`` from its ``__module__``."""
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module in _DYNAMIC_IMPORTS:
        return False
    return getattr(sys.modules.get(module), name, None) is value


def is_of_python(name: str, value: object) -> bool:
    """Return whether a value is the builtin of that name, or IPython's replacement of it.

    IPython replaces ``open`` by a function that refuses the descriptors of the kernel's streams.
    """
    own = getattr(builtins, name, _MISSING)
    if value is own:
        return True
    scope = getattr(value, "__globals__", {})
    is_shells = str(scope.get("__name__")).startswith("IPython.")
    return is_shells and getattr(value, "__wrapped__", None) is own


_MISSING = object()
_DYNAMIC_IMPORTS = frozenset({"__main__", "builtins"})


def is_imported_by(statement: ast.stmt, name: str, value: object) -> bool:
    """Return whether an import, executed now, binds a name to a value."""
    if isinstance(statement, ast.Import):
        found = [
            each.name if each.asname else name
            for each in statement.names
            if (each.asname or each.name.partition(".")[0]) == name
        ]
        return sys.modules.get(found[-1]) is value
    assert isinstance(statement, ast.ImportFrom)
    found = [each.name for each in statement.names if (each.asname or each.name) == name]
    if [each.name for each in statement.names] == ["*"]:
        found = [name]
    module = sys.modules.get(statement.module or "")
    if not found or module is None:
        return False
    submodule = sys.modules.get(f"{statement.module}.{found[-1]}")
    return getattr(module, found[-1], submodule) is value
