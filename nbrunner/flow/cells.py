"""A FlowSpec class from a notebook cell (or a script) -> the text of a flow file.

The class travels with what it uses, and with nothing else: from its own cell the imports,
functions, classes and assignments whose names it needs, and what changes them in place; from
earlier cells likewise; a plain value (a number, a text, a list of them) as it stands now.
Other statements of the cell stay in the notebook: they are neither run again nor in the way,
be they magics, shell lines, awaits or the very call that starts the run.

A plain value that the cell computes, and does nothing else with, is computed again by the
flow: it may be a secret, or differ where the flow runs.

Which cell is its own is told by the code of the class's functions, never by which cell
was executed last. The lines of that cell keep their distances, below a prelude that holds
what comes from elsewhere.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbrunner.errors import BadValueError
from nbrunner.flow.plain import is_plain, is_scalar, plain_source
from nbrunner.flow.statements import (
    bound_names,
    changed_names,
    is_definition,
    is_future,
    is_import,
    is_written_out,
    mentions,
    only_in_notebook,
    used_names,
    with_decorators,
)
from nbrunner.origins import Origin

_PARSE_FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
# The flow file has these of its own; a class body reads __name__. What a script says of its
# __file__ travels, so that data is found beside the script.
_OF_EVERY_MODULE = frozenset(
    [
        "__name__",
        "__doc__",
        "__package__",
        "__loader__",
        "__spec__",
        "__builtins__",
        "__annotations__",
    ]
)
_DYNAMIC_IMPORTS = frozenset({"__main__", "builtins"})


def flow_file_text(
    flow: type, namespace: Mapping[str, Any], folders: Sequence[str] = ()
) -> tuple[str, tuple[Origin, ...]]:
    """Return the text of a flow file for a class, and where its lines come from.

    Parameters
    ----------
    flow : FlowSpec class
    namespace : mapping
        The globals where the class was defined: a notebook's, or a script's.
    folders : sequence of str
        Where the flow file finds the modules that the class may import there.

    Raises
    ------
    BadValueError
        The source of the class is not known, the class is not at the top of its cell, or
        it uses a value of the notebook that cannot be written down.
    """
    cell = _Cell.of(flow)
    home = cell.statement_defining(flow.__name__)
    if home is None:
        raise BadValueError(
            f"{flow.__qualname__} is not defined at the top of its cell; a flow has to be"
        )
    collector = _Collector(flow.__name__, namespace)
    collector.add_flow(cell, home)
    text, origins = collector.text(cell, import_path_line(folders))
    return f"{text}\n\nif __name__ == '__main__':\n    {flow.__name__}()\n", origins


class _Cell:
    """The source of one cell, or one file, taken apart into its top statements."""

    def __init__(self, filename: str, text: str) -> None:
        self.filename = filename
        self.text = text
        tree = compile(text, filename, "exec", _PARSE_FLAGS, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        self.statements = tree.body
        self.binding: dict[str, list[ast.stmt]] = {}
        for statement in self.statements:
            for name in dict.fromkeys(bound_names(statement)):
                self.binding.setdefault(name, []).append(statement)

    @classmethod
    def of(cls, thing: Any) -> _Cell:
        """Return the cell that a function or class was defined in."""
        filename = _filename(thing)
        lines = linecache.getlines(filename) if filename else []
        if not filename or not lines:
            raise BadValueError(
                f"the source of {thing.__qualname__} is not known; define it in a notebook "
                "cell or in a file"
            )
        return cls(filename, "".join(lines))

    def statement_defining(self, name: str) -> ast.stmt | None:
        found = self.binding.get(name, [])
        return found[-1] if found else None

    def changing(self, name: str) -> list[ast.stmt]:
        """Return what else is done in place to something that was made in this cell."""
        bound = self.binding.get(name, [])
        if all(map(is_import, bound)):  # nobody's own: a module, or what it has
            return []
        return [each for each in self.statements if self._changes(each, name, bound)]

    def _changes(self, statement: ast.stmt, name: str, bound: Sequence[ast.stmt]) -> bool:
        return (
            statement not in bound
            and not is_definition(statement)
            and name in changed_names(statement)
        )

    def may_change(self, name: str) -> bool:
        """Tell whether anything but its binding may change a list, or the like, in place.

        Whatever is executed with it in hand may; a function has to show that it does.
        """
        bound = self.binding.get(name, [])
        return any(
            name in changed_names(each, within=True)
            if is_definition(each)
            else each not in bound and mentions(each, name)
            for each in self.statements
        )

    def source_of(self, statement: ast.stmt) -> str:
        segment = ast.get_source_segment(self.text, with_decorators(statement))
        assert segment is not None
        return segment


def _key(cell: _Cell, statement: ast.stmt) -> tuple[str, int, int]:
    return (cell.filename, statement.lineno, statement.col_offset)


def _filename(thing: Any) -> str | None:
    functions = [thing] if inspect.isfunction(thing) else list(vars(thing).values())
    for each in functions:
        function = inspect.unwrap(each) if callable(each) else each
        if inspect.isfunction(function) and function.__module__ == thing.__module__:
            return function.__code__.co_filename
    try:
        return inspect.getsourcefile(thing)
    except TypeError:
        return None


class _Collector:
    """Gathers the statements that a flow needs, each behind those that it needs."""

    def __init__(self, flow_name: str, namespace: Mapping[str, Any]) -> None:
        self._flow_name = flow_name
        self._namespace = namespace
        self._cells: dict[str, _Cell] = {}
        self._seen: set[tuple[str, int, int]] = set()
        self._names: set[str] = set()
        self._foreign: list[str] = []
        self._values: dict[str, str] = {}
        self._own: list[tuple[_Cell, ast.stmt]] = []

    def add_flow(self, cell: _Cell, home: ast.stmt) -> None:
        """Take the flow in, and before it whatever it uses."""
        self._add_statement(cell, home, is_executed=False)

    def _add_statement(self, cell: _Cell, statement: ast.stmt, is_executed: bool) -> None:
        cell = self._cells.setdefault(cell.filename, cell)
        if _key(cell, statement) in self._seen:
            return
        self._seen.add(_key(cell, statement))
        for name in sorted(used_names(statement, cell.filename)):
            self._add_name(cell, name, is_executed)
        self._own.append((cell, statement))

    def _add_name(self, cell: _Cell, name: str, is_executed: bool) -> None:
        """Take in what a name stands for.

        Parameters
        ----------
        is_executed : bool
            A statement that is executed as the file is read uses it, and gets it as it was in
            its place; functions get it as it stands.
        """
        statements = self._made_by(cell, name)
        if statements and not self._travels_as_it_stands(cell, name, statements, is_executed):
            for statement in (*statements, *self._changed_by(cell, name)):
                self._add_statement(cell, statement, not is_definition(statement))
        elif name in self._namespace and name not in self._names | _OF_EVERY_MODULE:
            self._names.add(name)
            self._add_value(name, self._namespace[name])

    def _made_by(self, cell: _Cell, name: str) -> list[ast.stmt]:
        return [each for each in cell.binding.get(name, []) if not only_in_notebook(each)]

    def _travels_as_it_stands(
        self, cell: _Cell, name: str, statements: list[ast.stmt], is_executed: bool
    ) -> bool:
        """Tell whether a name of a cell is given its present value, and is not made again."""
        value = self._namespace.get(name, self)
        if name in _OF_EVERY_MODULE or not is_plain(value):
            return False
        # Then it cannot be made again: here, or at all.
        if len(statements) < len(cell.binding[name]) or any(
            mentions(each, self._flow_name) for each in statements
        ):
            return True
        if is_executed:
            return False
        return all(map(is_written_out, statements)) or (
            not is_scalar(value) and cell.may_change(name)
        )

    def _changed_by(self, cell: _Cell, name: str) -> Iterator[ast.stmt]:
        """Yield the statements that change an object, or may, and can be executed again.

        Raises
        ------
        BadValueError
            One that certainly does cannot: an object cannot be written down as it stands.
        """
        for statement in cell.changing(name) if name != self._flow_name else ():
            if _key(cell, statement) in self._seen:
                continue
            if not only_in_notebook(statement) and not self._needs_flow(cell, statement, []):
                yield statement
            elif changed_names(statement)[name] and not is_plain(self._namespace.get(name)):
                raise BadValueError(
                    f"{self._flow_name} uses {name!r}, a "
                    f"{type(self._namespace.get(name)).__name__}, and the statement at line "
                    f"{statement.lineno} of its cell, which changes it, cannot travel: it needs "
                    f"{self._flow_name} itself, or a notebook. Change {name!r} in a statement of "
                    "its own, or pass what changes as a Parameter"
                )

    def _needs_flow(self, cell: _Cell, statement: ast.stmt, seen: list[ast.stmt]) -> bool:
        """Tell whether a statement may start the flow, which would then start itself for ever."""
        seen.append(statement)
        names = used_names(statement, cell.filename)
        if self._flow_name in names:
            return True
        makers = [(cell, each) for name in names for each in self._made_by(cell, name)]
        makers += filter(None, map(self._defined_elsewhere, sorted(names - cell.binding.keys())))
        return any(each not in seen and self._needs_flow(at, each, seen) for at, each in makers)

    def _defined_elsewhere(self, name: str) -> tuple[_Cell, ast.stmt] | None:
        """Return the statement of another cell that defines a function or class."""
        value = self._namespace.get(name)
        if not (inspect.isfunction(value) or inspect.isclass(value)) or _importable(value):
            return None
        cell = _Cell.of(value)
        cell = self._cells.setdefault(cell.filename, cell)
        statement = cell.statement_defining(name)
        return (cell, statement) if statement is not None else None

    def _add_value(self, name: str, value: Any) -> None:
        """Take in what a name stands for now."""
        if isinstance(value, types.ModuleType):
            self._foreign.append(f"import {value.__name__} as {name}")
        elif _importable(value):
            self._foreign.append(f"from {value.__module__} import {value.__name__} as {name}")
        elif inspect.isfunction(value) or inspect.isclass(value):
            defined = self._defined_elsewhere(name)
            if defined is not None:
                self._add_statement(*defined, is_executed=False)
        elif is_plain(value):
            self._values[name] = f"{name} = {plain_source(value)}"
        elif not hasattr(builtins, name):
            raise BadValueError(
                f"{self._flow_name} uses {name!r} from another cell, a "
                f"{type(value).__name__}: only imports, functions, classes and plain values "
                "travel with a flow. Load it in a step, pass it as a Parameter, or move its "
                "definition into the flow's cell"
            )

    def text(self, home: _Cell, first_line: str) -> tuple[str, tuple[Origin, ...]]:
        """Return a prelude and the flow's own cell, blank where unused, and their origins."""
        future = [each for each in home.statements if is_future(each)]
        lines = [line for each in future for line in home.source_of(each).splitlines()]
        # What is also made again, for an object made of it, is then set to what it is.
        again = self._values.keys() & self._made_again()
        lines += [first_line, *self._foreign]
        lines += [line for name, line in self._values.items() if name not in again]
        origins = []
        for cell, statement in self._own:
            if cell.filename != home.filename:
                source = cell.source_of(statement).splitlines()
                first = len(lines) + 1
                origins.append(self._origin(first, len(source), cell, statement))
                lines += source
        rows = self._rows(home)
        origins.append(self._origin(len(lines) + 1, len(rows), home))
        lines += [*rows, *(self._values[name] for name in sorted(again))]
        return "\n".join(lines), tuple(origins)

    def _made_again(self) -> set[str]:
        taken = (each for _, each in self._own if not is_definition(each))
        return {name for each in taken for name in bound_names(each)}

    def _origin(
        self, first: int, count: int, cell: _Cell, statement: ast.stmt | None = None
    ) -> Origin:
        line = 1 if statement is None else with_decorators(statement).lineno
        return Origin(first, first + count - 1, _told(cell.filename, self._namespace), line)

    def _rows(self, home: _Cell) -> list[str]:
        """Return the lines of the flow's own cell, blank where nothing is used."""
        rows = [""] * len(home.text.splitlines())
        own = [
            statement
            for each, statement in self._own
            if each.filename == home.filename and not is_future(statement)
        ]
        for statement in sorted(own, key=lambda each: (each.lineno, each.col_offset)):
            first = with_decorators(statement).lineno - 1
            for row, line in enumerate(home.source_of(statement).splitlines(), start=first):
                rows[row] = f"{rows[row]}; {line}" if rows[row] else line
        return rows


def _told(filename: str, namespace: Mapping[str, Any]) -> str:
    """Return what tracebacks call a file: of a cell, what the notebook's own shell calls it."""
    shell = namespace.get("get_ipython")
    compiler = getattr(shell() if callable(shell) else None, "compile", None)
    name_of = getattr(compiler, "format_code_name", None)
    found = name_of(filename) if name_of else None
    return " ".join(found) if found else filename


def import_path_line(folders: Sequence[str]) -> str:
    """Return a line that makes a flow file import from folders besides its own.

    Told by the file itself and not by PYTHONPATH, which would also reach whatever the
    flow starts, and bind no name.
    """
    return f"__import__('sys').path[1:1] = {list(folders)!r}"


def _importable(value: Any) -> bool:
    """Tell whether a function or class can be imported under its own name."""
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module in _DYNAMIC_IMPORTS:
        return False
    import sys

    return getattr(sys.modules.get(module), name, None) is value
