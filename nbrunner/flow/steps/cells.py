"""A ``%%step`` cell -> its part of the class, checked without executing it. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nbrunner.errors import BadValueError, FlowSyntaxError
from nbrunner.flow.capture.scope import is_step
from nbrunner.flow.steps.layout import Row, block_lines, moved
from nbrunner.flow.steps.words import StepWords

MEMBER, _BODY = 4, 8  # columns of what a class and a method contain
#: Metaflow uses these names for attributes of a flow.
_RESERVED = frozenset({"name", "next", "input", "index", "cmd"})


@dataclass(frozen=True)
class Transition:
    """The ``self.next(...)`` of a step.

    Attributes
    ----------
    targets : tuple of str
        The next steps.
    splits : bool
        True for branches and a foreach, which a join ends; False for a switch.
    """

    targets: tuple[str, ...]
    splits: bool


@dataclass(frozen=True)
class StepCell:
    """A step as its cell defines it.

    Attributes
    ----------
    name : str
        Name of the step.
    words : StepWords
        The options of the magic.
    rows : tuple of Row
        The lines in the class, decorators and ``def`` included; without a ``self.next`` that the
        cell does not contain.
    next_step : Transition or None
        The cell's own ``self.next``.
    indent : int
        Column of a ``self.next`` to be added below the rows.
    cell : str
        Name of the cell in tracebacks.
    is_join : bool
        True if the step has ``inputs``.
    artifacts : dict of str to int
        The artifacts that the step assigns, and the line of the cell where it does so first.
    """

    name: str
    words: StepWords
    rows: tuple[Row, ...]
    next_step: Transition | None
    indent: int
    cell: str
    is_join: bool
    artifacts: dict[str, int] = field(default_factory=dict)


def step_cell(words: StepWords, text: str, cell: str) -> StepCell:
    """Return the step of a cell.

    Parameters
    ----------
    words : StepWords
        The options of the magic's line.
    text : str
        The cell below the magic's line.
    cell : str
        Name of the cell in tracebacks, ``"Cell In[5]"``.

    Raises
    ------
    FlowSyntaxError
        The cell is not the body of a function, nor a function.
    BadValueError
        The name cannot be that of a step, options contradict the cell, or ``self.next`` is not
        the last statement.
    """
    above, lines = block_lines(text)
    function = _whole(lines, words, cell, above)
    if function is None:
        if not words.name:
            raise BadValueError("%%step: expected the name of a step, as in %%step train")
        _check_name(words.name)
        return _of_body(words, lines, cell, above + 2)
    _check_name(function.name)
    return _of_function(function, words, lines, cell, above + 2)


def _check_name(name: str) -> None:
    if name in _RESERVED or name.startswith("_"):
        reason = "Metaflow uses it" if name in _RESERVED else "it begins with an underscore"
        raise BadValueError(f"a step cannot be named {name!r}: {reason}")


def _whole(lines: Sequence[str], words: StepWords, cell: str, above: int) -> ast.FunctionDef | None:
    """Return the function of the step if a cell holds its whole ``def``.

    Other members of the class may be next to it if it has the decorator ``@step``.
    """
    try:
        body = ast.parse("\n".join([*lines, ""])).body
    except (SyntaxError, ValueError):
        return None
    functions = [each for each in body if isinstance(each, ast.FunctionDef)]
    if len(body) > 1:
        functions = list(filter(is_step, functions))
    if len(functions) != 1:
        return None
    function = functions[0]
    arguments = [each.arg for each in function.args.args]
    if not arguments or arguments[0] != "self":
        return None
    where = place(cell, function.lineno + above + 1)
    if words.name not in ("", function.name):
        raise BadValueError(
            f"{where}: the cell defines {function.name!r}, its magic names {words.name!r}; "
            "use one name"
        )
    if len(arguments) > 2:
        raise BadValueError(
            f"{where}: a step is def {function.name}(self), a join def {function.name}(self, "
            "inputs)"
        )
    if words.decorators or words.join:
        option = "-d" if words.decorators else "--join"
        instead = "the decorator above it" if words.decorators else "a second argument, inputs"
        raise BadValueError(
            f"{where}: a cell with the whole def takes no {option}; write {instead}"
        )
    return function


def _of_function(
    function: ast.FunctionDef, words: StepWords, lines: list[str], cell: str, first: int
) -> StepCell:
    compiled(lines, cell, first)
    own = _own_transition(function.body, cell, first - 1)
    rows = rows_of(moved(lines, MEMBER), cell, first)
    if own is None and function.name != "end" and function.end_lineno != len(lines):
        raise BadValueError(
            f"{place(cell, function.lineno + first - 1)}: other members of the class go above "
            f"{function.name!r}, or {function.name!r} ends with self.next(...)"
        )
    if not is_step(function):
        rows.insert(function.lineno - 1, Row(" " * MEMBER + "@step"))
    is_one_line = function.body[0].lineno == function.lineno
    if is_one_line and own is None and function.name != "end":
        raise BadValueError(
            f"{place(cell, first)}: write the body of {function.name!r} on lines of its own"
        )
    indent = MEMBER + function.body[0].col_offset
    is_join = len(function.args.args) == 2
    artifacts = _artifacts(function.body, first - 1)
    return StepCell(function.name, words, tuple(rows), own, indent, cell, is_join, artifacts)


def _of_body(words: StepWords, lines: list[str], cell: str, first: int) -> StepCell:
    head = [f"def {words.name}({'self, inputs' if words.join else 'self'}):"]
    body = moved(lines, MEMBER)
    has_code = any(line.strip() and not line.lstrip().startswith("#") for line in lines)
    # Each line is where the cell has it: the head takes the line of the magic.
    function = compiled([*head, *body, *([] if has_code else ["    pass"])], cell, first - 1)
    assert isinstance(function, ast.FunctionDef)
    own = _own_transition(function.body, cell, first - 2)
    if own is None and words.name != "end":
        for node in _executed(function.body):
            if isinstance(node, ast.Return):
                raise BadValueError(
                    f"{place(cell, node.lineno + first - 2)}: return would leave the step before "
                    "its self.next(...), which is added at the end; use if and else"
                )
    rows = [Row(" " * MEMBER + f"@{each}") for each in words.decorators]
    rows += [Row(" " * MEMBER + "@step"), Row(" " * MEMBER + head[0], cell, 1)]
    rows += rows_of(moved(lines, _BODY), cell, first)
    if not has_code and words.name == "end":
        rows.append(Row(" " * _BODY + "pass"))
    artifacts = _artifacts(function.body, first - 2)
    return StepCell(words.name, words, tuple(rows), own, _BODY, cell, words.join, artifacts)


def _artifacts(body: Sequence[ast.stmt], offset: int) -> dict[str, int]:
    """Return the artifacts that statements assign, with the line of the first assignment."""
    found: dict[str, int] = {}
    for node in (each for statement in body for each in ast.walk(statement)):
        is_own = isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"
        if isinstance(node, ast.Attribute) and is_own and isinstance(node.ctx, ast.Store):
            line = node.lineno + offset
            found[node.attr] = min(line, found.get(node.attr, line))
    return found


def _executed(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the nodes of statements, those of functions and classes in them left out."""
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            stack += ast.iter_child_nodes(node)


def _own_transition(body: Sequence[ast.stmt], cell: str, offset: int) -> Transition | None:
    """Return the ``self.next`` at the end of a step.

    Raises
    ------
    BadValueError
        It is elsewhere, or Metaflow could not read its targets.
    """
    calls = [node for node in _executed(body) if isinstance(node, ast.Call) and _is_next(node)]
    last = body[-1]
    is_last = isinstance(last, ast.Expr) and last.value in calls
    for call in calls:
        if not is_last or len(calls) > 1:
            raise BadValueError(
                f"{place(cell, call.lineno + offset)}: self.next(...) has to be the last "
                "statement of a step, and the only one"
            )
    return _transition(calls[0], cell, offset) if calls else None


def _is_next(node: ast.Call) -> bool:
    return ast.unparse(node.func) == "self.next"


def _transition(call: ast.Call, cell: str, offset: int) -> Transition:
    keywords = {each.arg for each in call.keywords}
    nodes: Sequence[ast.expr] = call.args
    if "condition" in keywords and len(nodes) == 1 and isinstance(nodes[0], ast.Dict):
        nodes = nodes[0].values
    names = [
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"
    ]
    if not names or len(names) < len(nodes):
        raise BadValueError(
            f"{place(cell, call.lineno + offset)}: expected steps, as in self.next(self.train); "
            f"got {ast.unparse(call)}"
        )
    splits = "condition" not in keywords and (len(names) > 1 or bool(keywords))
    return Transition(tuple(names), splits)


def rows_of(lines: Sequence[str], cell: str, first: int) -> list[Row]:
    """Return lines of a cell; ``first`` is the number of the first one."""
    return [Row(line, cell, first + at) for at, line in enumerate(lines)]


def compiled(lines: Sequence[str], cell: str, first: int) -> ast.stmt:
    """Return the statement in the lines; ``first`` is the number of the first one in its cell.

    Raises
    ------
    FlowSyntaxError
        The lines are not valid Python. Magics and shell commands are pointed out.
    """
    source = "\n".join([*lines, ""])
    try:
        compile(source, cell, "exec", dont_inherit=True)
    except SyntaxError as error:
        line = lines[error.lineno - 1] if error.lineno and error.lineno <= len(lines) else ""
        number = (error.lineno or 1) + first - 1
        message = f"{place(cell, number)}: {error.msg}: {line.strip()}"
        if line.lstrip().startswith(("%", "!", "?")) or line.rstrip().endswith("?"):
            message = (
                f"{place(cell, number)}: {line.strip()!r} is not Python; magics and shell "
                "commands need a cell of their own"
            )
        raised = FlowSyntaxError(message)
        raised.filename, raised.lineno = cell, number
        raised.offset, raised.text = error.offset, line
        raise raised from None
    except ValueError as error:
        raise FlowSyntaxError(f"{cell}: {error}") from None
    return ast.parse(source).body[0]


def check_artifacts(steps: Mapping[str, StepCell]) -> None:
    """Raise BadValueError if an artifact has the name of a step, which would hide it."""
    for cell in steps.values():
        for name, line in cell.artifacts.items():
            if name in steps or name in ("start", "end"):
                raise BadValueError(
                    f"{place(cell.cell, line)}: {name!r} is a step of this flow, so that later "
                    f"steps cannot read self.{name}; choose another name for the artifact"
                )


def place(cell: str, line: int) -> str:
    """Return a location in a cell for messages."""
    return f"{cell}, line {line}"
