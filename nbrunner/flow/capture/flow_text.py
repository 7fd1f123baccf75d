"""Collected statements and values -> the text of a flow file, and the origins of its lines."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import types
from collections.abc import Sequence
from typing import Any

from nbrunner.flow.capture.digest import _check_made_again, _digest_of_object
from nbrunner.flow.capture.notebook import Cell, Notebook, importable
from nbrunner.flow.capture.packing import Packed
from nbrunner.flow.capture.scope import (
    bound_names,
    executed_names,
    is_future,
    position,
    with_decorators,
)
from nbrunner.flow.capture.submodules import submodules
from nbrunner.flow.capture.unpack import _objects_of_notebook
from nbrunner.text.line_origins import Origin
from nbrunner.text.python_lines import python_lines

_LOADER = _objects_of_notebook.__name__
_LOADED = "_loaded_objects"
# The notebook may have bound ``globals`` to something else.
_GLOBALS = "__import__('builtins').globals()"


def import_path_line(folders: Sequence[str], last: Sequence[str] = ()) -> str:
    """Return a line that adds folders to the import path of a flow file.

    Unlike PYTHONPATH it does not affect programs that the flow starts. It binds no name.

    Parameters
    ----------
    folders : sequence of str
        Inserted after the flow file's own folder, before all others.
    last : sequence of str
        Appended after all others.
    """
    line = f"__import__('sys').path[1:1] = {list(folders)!r}"
    return f"{line}; __import__('sys').path += {list(last)!r}" if last else line


class FlowText:
    """The parts of a flow file, filled by the collector.

    Attributes
    ----------
    imports : dict of str to str
        Name -> line that imports its value.
    packages : dict of str to module
        Name -> package that it is bound to.
    values : dict of str to str
        Name -> line that binds it to a plain value.
    pickled : set of str
        The names whose objects travel pickled.
    set_again : set of str
        The names of plain values that the executed statements may change.
    doubts : dict of str to str
        Name of an object that is made again -> statement, left out, that may have changed it.
    digests : dict of str to (str, str)
        Name of an object that the flow makes again and then compares -> its digest, and the
        statements that may have changed it.
    attributes : dict
        For each flow class, lines that set attributes which its statement would compute again.
    """

    def __init__(self, flow_name: str, notebook: Notebook, home: Cell) -> None:
        self.imports: dict[str, str] = {}
        self.packages: dict[str, types.ModuleType] = {}
        self.values: dict[str, str] = {}
        self.pickled: set[str] = set()
        self.set_again: set[str] = set()
        self.doubts: dict[str, str] = {}
        self.digests: dict[str, tuple[str, str]] = {}
        self.attributes: dict[str, list[str]] = {}
        self._flow_name = flow_name
        self._notebook = notebook
        self._home = home
        self._seen: set[tuple[str, int, int]] = set()
        self._statements: list[tuple[Cell, ast.stmt]] = []

    def begin(self, cell: Cell, statement: ast.stmt) -> bool:
        """Mark a statement to travel, after those that it needs; return False if it is marked."""
        if self.has(cell, statement):
            return False
        self._seen.add(_key(cell, statement))
        return True

    def has(self, cell: Cell, statement: ast.stmt) -> bool:
        """Return whether a statement travels."""
        return _key(cell, statement) in self._seen

    def add(self, cell: Cell, statement: ast.stmt) -> None:
        """Add a statement, after those that it needs."""
        self._statements.append((cell, statement))

    def import_early(self, name: str, value: Any) -> bool:
        """Add an import above all statements; return False if the value cannot be imported."""
        if not self.can_import(value):
            return False
        if isinstance(value, types.ModuleType):
            line = f"import {value.__name__} as {name}"
        else:
            line = f"from {value.__module__} import {value.__name__} as {name}"
        self.imports[name] = line
        return True

    @staticmethod
    def can_import(value: object) -> bool:
        """Return whether an import gives this very object."""
        if isinstance(value, types.ModuleType):
            return sys.modules.get(value.__name__) is value
        return importable(value)

    @property
    def executed(self) -> set[str]:
        """The names that the statements read when they are executed, except the flow's."""
        return {
            name
            for cell, each in self._statements
            if self._flow_name not in bound_names(each)
            for name in executed_names(each, cell.filename)
        }

    def ambiguous(self) -> set[str]:
        """Return the names that both another cell and the flow's own cell would bind."""
        elsewhere = {name for name in self._bound(False) if name != self._flow_name}
        return elsewhere & self._bound(True)

    def _bound(self, at_home: bool) -> set[str]:
        """Return the names bound by statements of the flow's own cell, or of the other cells."""
        return {
            name
            for cell, each in self._statements
            if (cell is self._home) is at_home
            for name in bound_names(each)
        }

    def written(self, packed: Packed, path_line: str) -> tuple[str, tuple[Origin, ...]]:
        """Return the flow file and its origins: a prelude, then the flow's own cell.

        Unused lines of the cell are blank, so that line numbers match.
        """
        future = [each for each in self._home.statements if is_future(each)]
        lines = [line for each in future for line in python_lines(self._home.source_of(each))]
        # Names that the cell binds again, because another object needs that, are set afterwards.
        again = self._bound(True)
        loaded = {name: f"{name} = {_LOADED}[{name!r}]" for name in sorted(self.pickled)}
        given = self.imports | self.values | loaded
        lines += [path_line, *self.imports.values(), *self._submodules(packed)]
        lines += [line for name, line in self.values.items() if name not in again]
        origins: list[Origin] = []
        if loaded:
            self._add_objects(lines, origins, packed)
            lines += [line for name, line in loaded.items() if name not in again]
        for cell, statement in self._statements:
            if cell is not self._home:
                self._add_source(lines, origins, cell, statement)
        reset = [self._set_again(name) for name in sorted(self.set_again - again)]
        if any(cell is not self._home for cell, _ in self._statements):
            lines += reset
        rows = self._rows()
        origins.append(self._origin(len(lines) + 1, len(rows), self._home))
        lines += [*rows, *reset, *(given[name] for name in sorted(given.keys() & again))]
        lines += [line for each in self.attributes.values() for line in each]
        if loaded:
            lines.append(f"del {_LOADER}, {_LOADED}")
        if self.digests:
            lines += _source_of(_digest_of_object, _check_made_again)
            lines.append(f"{_check_made_again.__name__}({_GLOBALS}, {self.digests!r})")
            lines.append(f"del {_digest_of_object.__name__}, {_check_made_again.__name__}")
        name = self._flow_name
        text = "\n".join(lines) + f"\n\nif __name__ == '__main__':\n    {name}()\n"
        return text, tuple(origins)

    def _submodules(self, packed: Packed) -> list[str]:
        """Return lines that import the submodules which are used as attributes of a package."""
        nodes = (node for _, each in self._statements for node in ast.walk(each))
        used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        used |= {name for code in packed.codes for name in code.co_names}
        found = [
            name
            for each in self.packages.values()
            for name in submodules(each, self._notebook.executed, used, self._home)
        ]
        return [f"__import__({name!r})" for name in dict.fromkeys(found)]

    def _set_again(self, name: str) -> str:
        """Return a line that restores the plain value of a name, in the same object."""
        source = self.values[name].partition(" = ")[2]
        kind = type(self._notebook.namespace[name])
        if kind is list:
            return f"{name}[:] = {source}"
        if kind in (dict, set):
            return f"{name}.clear(); {name}.update({source})"
        return self.values[name]

    def _add_source(
        self, lines: list[str], origins: list[Origin], cell: Cell, statement: ast.stmt
    ) -> None:
        source = python_lines(cell.source_of(statement))
        origins.append(self._origin(len(lines) + 1, len(source), cell, statement))
        lines += source

    def _add_objects(self, lines: list[str], origins: list[Origin], packed: Packed) -> None:
        """Add the pickled objects, and the source of their functions for tracebacks."""
        lines += _source_of(_objects_of_notebook)
        places = []
        for cell, statement in self._sources(packed):
            source = cell.source_of(statement)
            quote = next((each for each in ('"""', "'''") if each not in source), None)
            if quote is None:
                continue
            lines.append(f"r{quote}")
            first, line = with_decorators(statement).lineno, len(lines) + 1
            last = statement.end_lineno or first
            places.append((self._notebook.told(cell.filename), first, last, line))
            self._add_source(lines, origins, cell, statement)
            lines.append(quote)
        python = tuple(sys.version_info[:2])
        given = f"{_GLOBALS}, {python}, {places}, {packed.text!r}"
        lines.append(f"{_LOADED} = {_LOADER}({given})")

    def _sources(self, packed: Packed) -> list[tuple[Cell, ast.stmt]]:
        """Return the statements that contain the code of pickled functions."""
        found = {}
        for code in packed.codes:
            cell = self._notebook.cell(code.co_filename) if self._is_own(code.co_filename) else None
            statement = cell.statement_at(code.co_firstlineno) if cell else None
            if cell and statement:
                found[_key(cell, statement)] = (cell, statement)
        return [found[key] for key in sorted(found)]

    def _is_own(self, filename: str) -> bool:
        """Return whether a file is a cell or the script, not a library."""
        return filename == self._home.filename or bool(self._notebook.cell_name(filename))

    def _origin(
        self, first: int, count: int, cell: Cell, statement: ast.stmt | None = None
    ) -> Origin:
        line = 1 if statement is None else with_decorators(statement).lineno
        return Origin(first, first + count - 1, self._notebook.told(cell.filename), line)

    def _rows(self) -> list[str]:
        """Return the lines of the flow's own cell, with unused lines blank."""
        home = self._home
        rows = [""] * len(python_lines(home.text))
        own = [each for cell, each in self._statements if cell is home and not is_future(each)]
        for statement in sorted(own, key=position):
            first = with_decorators(statement).lineno - 1
            for row, line in enumerate(python_lines(home.source_of(statement)), start=first):
                rows[row] = f"{rows[row]}; {line}" if rows[row] else line
        return rows


def _key(cell: Cell, statement: ast.stmt) -> tuple[str, int, int]:
    return (cell.filename, *position(statement))


@functools.cache
def _source_of(*functions: Any) -> list[str]:
    return [line for each in functions for line in inspect.getsource(each).splitlines()]
