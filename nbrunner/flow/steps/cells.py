"""A ``%%step`` or ``%%flow`` cell -> its part of the class, checked without executing it. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nbrunner.errors import BadValueError, FlowSyntaxError
from nbrunner.flow.steps.layout import Row, block_lines, moved
from nbrunner.flow.steps.words import FlowWords, StepWords

_MEMBER, _BODY = 4, 8  # columns of what a class and a method contain
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


@dataclass(frozen=True)
class FlowCell:
    """The parts of a flow that its ``%%flow`` cell defines: all but the steps.

    Attributes
    ----------
    name : str
        Name of the flow.
    above : tuple of Row
        Lines above the class: the imports at the top of the cell; all that is above the class if
        the cell holds the whole class.
    head : tuple of Row
        Decorators and the line of the class.
    body : tuple of Row
        Docstring, parameters and methods.
    is_whole : bool
        True if the cell holds the whole class. What is above it is then kept as it is.
    """

    name: str
    above: tuple[Row, ...] = ()
    head: tuple[Row, ...] = ()
    body: tuple[Row, ...] = ()
    is_whole: bool = False


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
        functions = [each for each in functions if any(map(_is_step, each.decorator_list))]
    if len(functions) != 1:
        return None
    function = functions[0]
    arguments = [each.arg for each in function.args.args]
    if not arguments or arguments[0] != "self":
        return None
    place = _place(cell, function.lineno + above + 1)
    if words.name not in ("", function.name):
        raise BadValueError(
            f"{place}: the cell defines {function.name!r}, its magic names {words.name!r}; "
            "use one name"
        )
    if len(arguments) > 2:
        raise BadValueError(
            f"{place}: a step is def {function.name}(self), a join def {function.name}(self, "
            "inputs)"
        )
    if words.decorators or words.join:
        option = "-d" if words.decorators else "--join"
        instead = "the decorator above it" if words.decorators else "a second argument, inputs"
        raise BadValueError(
            f"{place}: a cell with the whole def takes no {option}; write {instead}"
        )
    return function


def _of_function(
    function: ast.FunctionDef, words: StepWords, lines: list[str], cell: str, first: int
) -> StepCell:
    _compile(lines, cell, first)
    own = _own_transition(function.body, cell, first - 1)
    rows = _rows(moved(lines, _MEMBER), cell, first)
    if own is None and function.name != "end" and function.end_lineno != len(lines):
        raise BadValueError(
            f"{_place(cell, function.lineno + first - 1)}: other members of the class go above "
            f"{function.name!r}, or {function.name!r} ends with self.next(...)"
        )
    if not any(_is_step(each) for each in function.decorator_list):
        rows.insert(function.lineno - 1, Row(" " * _MEMBER + "@step"))
    is_one_line = function.body[0].lineno == function.lineno
    if is_one_line and own is None and function.name != "end":
        raise BadValueError(
            f"{_place(cell, first)}: write the body of {function.name!r} on lines of its own"
        )
    indent = _MEMBER + function.body[0].col_offset
    is_join = len(function.args.args) == 2
    artifacts = _artifacts(function.body, first - 1)
    return StepCell(function.name, words, tuple(rows), own, indent, cell, is_join, artifacts)


def _is_step(node: ast.expr) -> bool:
    node = node.func if isinstance(node, ast.Call) else node
    return (node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")) == "step"


def _of_body(words: StepWords, lines: list[str], cell: str, first: int) -> StepCell:
    head = [f"def {words.name}({'self, inputs' if words.join else 'self'}):"]
    body = moved(lines, _MEMBER)
    has_code = any(line.strip() and not line.lstrip().startswith("#") for line in lines)
    # Each line is where the cell has it: the head takes the line of the magic.
    function = _compile([*head, *body, *([] if has_code else ["    pass"])], cell, first - 1)
    assert isinstance(function, ast.FunctionDef)
    own = _own_transition(function.body, cell, first - 2)
    if own is None and words.name != "end":
        for node in _executed(function.body):
            if isinstance(node, ast.Return):
                raise BadValueError(
                    f"{_place(cell, node.lineno + first - 2)}: return would leave the step before "
                    "its self.next(...), which is added at the end; use if and else"
                )
    rows = [Row(" " * _MEMBER + f"@{each}") for each in words.decorators]
    rows += [Row(" " * _MEMBER + "@step"), Row(" " * _MEMBER + head[0], cell, 1)]
    rows += _rows(moved(lines, _BODY), cell, first)
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
                f"{_place(cell, call.lineno + offset)}: self.next(...) has to be the last "
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
            f"{_place(cell, call.lineno + offset)}: expected steps, as in self.next(self.train); "
            f"got {ast.unparse(call)}"
        )
    splits = "condition" not in keywords and (len(names) > 1 or bool(keywords))
    return Transition(tuple(names), splits)


def flow_cell(words: FlowWords, text: str, cell: str) -> FlowCell:
    """Return the definitions of a ``%%flow`` cell.

    The cell is the body of the class. Imports at its top go above the class; decorators of the
    flow may follow them. Or it is a flow file without steps: it ends with the whole class.

    Raises
    ------
    FlowSyntaxError
        The cell is neither.
    BadValueError
        The cell defines a class with another name.
    """
    above, lines = block_lines(text)
    first = above + 2
    given = [Row(f"@{each}") for each in words.decorators]
    if words.project:
        given.insert(0, Row(f'@project(name="{words.project}")'))
    whole = _whole_class(lines, words.name, cell, first)
    if whole is not None:
        start, end = whole
        top = _rows(_stripped(lines[:start]), cell, first)
        head = [*given, *_rows(lines[start:end], cell, first + start)]
        body = _rows(lines[end:], cell, first + end)
        if [row.text.strip() for row in body] in (["pass"], ["..."]):
            body = []
        return FlowCell(words.name, tuple(top), tuple(head), tuple(body), True)
    count = _imports(lines)
    top = _rows(_stripped(lines[:count]), cell, first)
    lines, first = lines[count:], first + count
    while lines and not lines[0].strip():
        lines, first = lines[1:], first + 1
    count = _decorator_lines(lines)
    head = [*given, *_rows(lines[:count], cell, first), Row(f"class {words.name}(FlowSpec):")]
    lines, first = lines[count:], first + count
    above, lines = block_lines("\n".join(lines))
    if lines:
        _compile(["class _:", *moved(lines, _MEMBER), "    pass"], cell, first + above - 1)
    body = _rows(moved(lines, _MEMBER), cell, first + above)
    return FlowCell(words.name, tuple(top), tuple(head), tuple(body))


def _rows(lines: Sequence[str], cell: str, first: int) -> list[Row]:
    return [Row(line, cell, first + at) for at, line in enumerate(lines)]


def _stripped(lines: Sequence[str]) -> Sequence[str]:
    """Return lines without the blank ones at their end."""
    count = len(lines)
    while count and not lines[count - 1].strip():
        count -= 1
    return lines[:count]


def _imports(lines: Sequence[str]) -> int:
    """Return the number of lines at the top that are imports."""
    try:
        statements = _parsed_longest(lines)
    except (SyntaxError, ValueError):
        return 0
    last = 0
    for node in statements:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            break
        last = node.end_lineno or node.lineno
    return last


def _parsed_longest(lines: Sequence[str]) -> list[ast.stmt]:
    """Return the statements of source; of flow decorators with a body, those above them."""
    try:
        return ast.parse("\n".join([*lines, ""])).body
    except SyntaxError:
        at = next((at for at, line in enumerate(lines) if line.startswith("@")), 0)
        return ast.parse("\n".join([*lines[:at], ""])).body


def _whole_class(lines: Sequence[str], name: str, cell: str, first: int) -> tuple[int, int] | None:
    """Return where the class and its body begin, if a cell ends with the class of the flow."""
    try:
        body = ast.parse("\n".join([*lines, ""])).body
    except (SyntaxError, ValueError):
        return None
    node = body[-1] if body else None
    is_alone = len(body) == 1
    if not isinstance(node, ast.ClassDef) or not node.bases:
        return None
    place = _place(cell, node.lineno + first - 1)
    if node.name != name:
        if not is_alone:
            return None
        raise BadValueError(
            f"{place}: the cell defines {node.name!r}, its magic names {name!r}; use one name"
        )
    parts = [*node.bases, *(each.value for each in node.keywords)]
    end = max([node.lineno, *(each.end_lineno or 0 for each in parts)])
    if _first_line(node.body[0]) <= end:
        raise BadValueError(f"{place}: write the body of the class on lines of its own")
    while not lines[end - 1].partition("#")[0].rstrip().endswith(":"):
        end += 1
    start = _first_line(node) - 1
    while start and lines[start - 1].startswith("#"):
        start -= 1
    return start, end


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _decorator_lines(lines: Sequence[str]) -> int:
    """Return the number of lines at the top that are decorators of the flow."""
    if not lines or not lines[0].startswith("@"):
        return 0
    if _is_source(lines):
        return 0  # decorators of the first method
    for count in range(len(lines), 0, -1):
        if _is_source([*lines[:count], "class _: pass"]):
            return count
    return 0


def _is_source(lines: Sequence[str]) -> bool:
    try:
        body = ast.parse("\n".join([*lines, ""])).body
    except (SyntaxError, ValueError):
        return False
    return lines[-1] != "class _: pass" or len(body) == 1


def _compile(lines: Sequence[str], cell: str, first: int) -> ast.stmt:
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
        message = f"{_place(cell, number)}: {error.msg}: {line.strip()}"
        if line.lstrip().startswith(("%", "!", "?")) or line.rstrip().endswith("?"):
            message = (
                f"{_place(cell, number)}: {line.strip()!r} is not Python; magics and shell "
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
                    f"{_place(cell.cell, line)}: {name!r} is a step of this flow, so that later "
                    f"steps cannot read self.{name}; choose another name for the artifact"
                )


def _place(cell: str, line: int) -> str:
    return f"{cell}, line {line}"
