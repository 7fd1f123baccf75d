"""Writes the flow file of a cell that is a flow file. The cell is not executed in the kernel."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from nbrunner.errors import BadValueError, FlowSyntaxError
from nbrunner.flow.capture.flow_text import import_path_line
from nbrunner.flow.capture.scope import bound_names, executed_nodes, is_step
from nbrunner.flow.source import FlowSource, write_flow_file
from nbrunner.text.line_origins import Origin
from nbrunner.text.python_lines import python_lines


@dataclass(frozen=True, repr=False)
class CellFlow(FlowSource):
    """A flow given by the text of a cell; used in the notebook in place of the class.

    ``Runner``, ``NBRunner``, ``describe`` and the magics accept it like the class.

    Attributes
    ----------
    text : str
        The cell without the line of the magic.
    """

    text: str = ""

    def __repr__(self) -> str:
        return f"<flow {self.flow_name} of {self.cell or 'a cell'}>"


def cell_flow(text: str, cell: str, folders: Sequence[str], last: Sequence[str] = ()) -> CellFlow:
    """Return the flow in a cell, after writing its flow file.

    Line numbers in the file are those of the cell: the import path takes the magic's line.

    Parameters
    ----------
    text : str
        The cell below the magic's line.
    cell : str
        Name of the cell in tracebacks, ``"Cell In[5]"``.
    folders, last : sequence of str
        Folders of modules that the flow may import, before and after Python's own folders.

    Raises
    ------
    FlowSyntaxError
        The cell is not valid Python. Magics and shell commands are pointed out.
    BadValueError
        It defines no flow, or more than one; the flow is not at the top level, or is started
        whenever the file is imported.
    """
    tree = _parsed(text, cell)
    name = _flow_name(tree, cell)
    guarded, open_calls = _calls_that_start(tree, name)
    if open_calls:
        called, line = ast.unparse(open_calls[0]), open_calls[0].lineno + 1
        raise BadValueError(
            f"{cell}, line {line}: {called} starts the flow whenever the cell's file is imported, "
            "also by each task; put it below if __name__ == '__main__':, or leave it out"
        )
    # A flow ends its process, so that nothing is started twice.
    main = "" if guarded else f"\n\nif __name__ == '__main__':\n    {name}()\n"
    file = write_flow_file(name, _with_path(tree, text, import_path_line(folders, last)) + main)
    origin = Origin(1, len(python_lines(text)) + 1, cell, 1)
    return CellFlow(file, name, (origin,), (*folders, *last), text)


def _with_path(tree: ast.Module, text: str, path_line: str) -> str:
    """Return the file's text, with the import path in the magic's line, or further down.

    The module docstring and imports from ``__future__`` must come first.
    """
    first = [node for node in tree.body[:1] if _is_text(node)]
    first += [
        node
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    if not first:
        return f"{path_line}\n{text}"
    lines = python_lines(text, keepends=True)
    last = (first[-1].end_lineno or first[-1].lineno) - 1
    column = first[-1].end_col_offset or 0
    line = lines[last].encode()
    lines[last] = f"{line[:column].decode()}; {path_line}{line[column:].decode()}"
    return "\n" + "".join(lines)


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _parsed(text: str, cell: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        line = python_lines(text)[error.lineno - 1] if error.lineno else ""
        number = (error.lineno or 0) + 1  # the magic is line 1
        if line.lstrip().startswith(("%", "!", "?")) or line.rstrip().endswith("?"):
            message = (
                f"{cell}, line {number}: {line.strip()!r} is not Python; the cell is the flow "
                "file, so magics and shell commands need a cell of their own"
            )
        else:
            message = f"{cell}, line {number}: {error.msg}\n    {line.strip()}"
        raised = FlowSyntaxError(message)
        raised.filename, raised.lineno = cell, number
        raised.offset, raised.text = error.offset, line
        raise raised from None


def _calls_that_start(tree: ast.Module, name: str) -> tuple[list[ast.Call], list[ast.Call]]:
    """Return the calls that start a flow: below ``if __name__ == '__main__'``, and elsewhere.

    Functions at the top of the cell that call it are followed.
    """
    functions = [each for each in tree.body if isinstance(each, ast.FunctionDef)]
    starters = {name}
    while (
        found := {
            each.name for each in functions if any(_starts(x, starters) for x in ast.walk(each))
        }
        - starters
    ):
        starters |= found
    guarded: list[ast.Call] = []
    others: list[ast.Call] = []
    for each in tree.body:
        is_guard = isinstance(each, ast.If) and "'__name__'" in ast.dump(each.test)
        calls = guarded if is_guard else others
        nodes = (x for x in executed_nodes(each) if isinstance(x, ast.Call))
        calls += [x for x in nodes if _starts(x, starters)]
    return guarded, others


def _starts(node: ast.AST, starters: set[str]) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in starters
        and not any(each.arg == "use_cli" for each in node.keywords)
    )


def _flow_name(tree: ast.Module, cell: str) -> str:
    """Return the name of the only flow class, recognized by its bases or its steps."""
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    aliases = _flowspec_aliases(tree)

    def is_flow(node: ast.ClassDef, seen: frozenset[str] = frozenset()) -> bool:
        names = {_dotted(base) for base in node.bases}
        if names & aliases or any(name.endswith(".FlowSpec") for name in names):
            return True
        within = names & classes.keys() - seen - {node.name}
        return any(is_flow(classes[name], seen | {node.name}) for name in within)

    flows = {name for name, node in classes.items() if is_flow(node)}
    # A class whose base is imported from the user's own module is recognized by its steps.
    flows = flows or {
        name for name, node in classes.items() if node.bases and any(map(is_step, node.body))
    }
    flows -= {_dotted(base) for name in flows for base in classes[name].bases}
    at_top = flows & {name for each in tree.body for name in bound_names(each)}
    if flows and not at_top:
        hidden = min(flows)
        raise BadValueError(
            f"{cell}, line {classes[hidden].lineno + 1}: {hidden} is defined inside a function or "
            "another class; a flow must be at the top level of its cell"
        )
    flows = at_top
    if len(flows) == 1:
        return flows.pop()
    if not flows:
        raise BadValueError(
            f"{cell} defines no flow; it must import metaflow.FlowSpec and define a class "
            "derived from it"
        )
    raise BadValueError(f"{cell} defines more than one flow: {', '.join(sorted(flows))}")


def _flowspec_aliases(tree: ast.Module) -> set[str]:
    """Return the names that FlowSpec is imported under in the cell."""
    found = {"FlowSpec"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {each.asname or "" for each in node.names if each.name == "FlowSpec"}
        elif isinstance(node, ast.Assign) and _dotted(node.value).split(".")[-1] == "FlowSpec":
            found |= {_dotted(target) for target in node.targets}
    return found - {""}


def _dotted(node: ast.expr) -> str:
    return ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""
