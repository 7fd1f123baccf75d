"""A FlowSpec class from a notebook cell (or a script) -> the text of a flow file.

The class travels with what it uses, and with nothing else: from its own cell the imports,
functions, classes and assignments whose names it needs; from earlier cells likewise; a
plain value (a number, a text, a list of them) as it stands now. Other statements of the
cell stay in the notebook: they are neither run again nor in the way, be they magics,
shell lines, awaits or the very call that starts the run.

Which cell is its own is told by the code of the class's functions, never by which cell
was executed last. The lines of that cell keep their distances, below a prelude that holds
what comes from elsewhere.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import linecache
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbrunner.errors import BadValueError
from nbrunner.flow.plain import is_plain, plain_source
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
    collector.add_statement(cell, home)
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
            for name in _bound_names(statement):
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

    def source_of(self, statement: ast.stmt) -> str:
        segment = ast.get_source_segment(self.text, _with_decorators(statement))
        assert segment is not None
        return segment


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
        self._own: list[tuple[_Cell, ast.stmt]] = []

    def add_statement(self, cell: _Cell, statement: ast.stmt) -> None:
        """Take a statement in, and before it whatever it uses."""
        cell = self._cells.setdefault(cell.filename, cell)
        key = (cell.filename, statement.lineno, statement.col_offset)
        if key in self._seen:
            return
        self._seen.add(key)
        for name in sorted(_used_names(statement, cell.filename)):
            self._add_name(cell, name)
        self._own.append((cell, statement))

    def _add_name(self, cell: _Cell, name: str) -> None:
        bound = [each for each in cell.binding.get(name, []) if not _only_in_notebook(each)]
        if bound:
            for statement in bound:
                self.add_statement(cell, statement)
        elif name in self._namespace and name not in self._names | _OF_EVERY_MODULE:
            self._names.add(name)
            self._add_value(name, self._namespace[name])

    def _add_value(self, name: str, value: Any) -> None:
        """Take in a name that another cell has bound."""
        if isinstance(value, types.ModuleType):
            self._foreign.append(f"import {value.__name__} as {name}")
        elif _importable(value):
            self._foreign.append(f"from {value.__module__} import {value.__name__} as {name}")
        elif inspect.isfunction(value) or inspect.isclass(value):
            other = _Cell.of(value)
            statement = other.statement_defining(name)
            if statement is not None:
                self.add_statement(other, statement)
        elif is_plain(value):
            self._foreign.append(f"{name} = {plain_source(value)}")
        elif not hasattr(builtins, name):
            raise BadValueError(
                f"{self._flow_name} uses {name!r} from another cell, a "
                f"{type(value).__name__}: only imports, functions, classes and plain values "
                "travel with a flow. Load it in a step, pass it as a Parameter, or move its "
                "definition into the flow's cell"
            )

    def text(self, home: _Cell, first_line: str) -> tuple[str, tuple[Origin, ...]]:
        """Return a prelude and the flow's own cell, blank where unused, and their origins."""
        future = [each for each in home.statements if _is_future(each)]
        lines = [line for each in future for line in home.source_of(each).splitlines()]
        lines += [first_line, *self._foreign]
        origins = []
        for cell, statement in self._own:
            if cell.filename != home.filename:
                source = cell.source_of(statement).splitlines()
                first = len(lines) + 1
                origins.append(self._origin(first, len(source), cell, statement))
                lines += source
        rows = self._rows(home)
        origins.append(self._origin(len(lines) + 1, len(rows), home))
        return "\n".join([*lines, *rows]), tuple(origins)

    def _origin(
        self, first: int, count: int, cell: _Cell, statement: ast.stmt | None = None
    ) -> Origin:
        line = 1 if statement is None else _with_decorators(statement).lineno
        return Origin(first, first + count - 1, _told(cell.filename, self._namespace), line)

    def _rows(self, home: _Cell) -> list[str]:
        """Return the lines of the flow's own cell, blank where nothing is used."""
        rows = [""] * len(home.text.splitlines())
        own = [
            statement
            for each, statement in self._own
            if each.filename == home.filename and not _is_future(statement)
        ]
        for statement in sorted(own, key=lambda each: (each.lineno, each.col_offset)):
            first = _with_decorators(statement).lineno - 1
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


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _with_decorators(statement: ast.stmt) -> ast.stmt:
    """Return the statement's place in the source, its decorators included."""
    decorators = getattr(statement, "decorator_list", [])
    if not decorators:
        return statement
    first = min(decorators, key=lambda each: each.lineno)
    place = ast.Pass()
    # The @ stands before the decorator's expression.
    place.lineno, place.col_offset = first.lineno, 0
    place.end_lineno, place.end_col_offset = statement.end_lineno, statement.end_col_offset
    return place


def _bound_names(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a top statement binds in its module."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0]
        stack.extend(ast.iter_child_nodes(node))


def _used_names(statement: ast.stmt, filename: str) -> set[str]:
    """Return the global names that a statement, or a function in it, reads."""
    module = ast.Module(body=[statement], type_ignores=[])
    return _global_reads(compile(module, filename, "exec", dont_inherit=True))


def _global_reads(code: types.CodeType) -> set[str]:
    reads, stores = set(), set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
            reads.add(instruction.argval)
        elif instruction.opname == "STORE_NAME":
            stores.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            reads |= _global_reads(constant)
    return reads - stores if code.co_name != "<module>" else reads


def _only_in_notebook(statement: ast.stmt) -> bool:
    """Tell whether a statement works in a notebook alone: a magic, a shell line, an await."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Await):
            return True
        if isinstance(node, ast.Name) and node.id == "get_ipython":
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            stack.extend(ast.iter_child_nodes(node))
    return False


def _importable(value: Any) -> bool:
    """Tell whether a function or class can be imported under its own name."""
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module in _DYNAMIC_IMPORTS:
        return False
    import sys

    return getattr(sys.modules.get(module), name, None) is value
