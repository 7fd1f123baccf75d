"""A flow file -> cells of ``%%flow`` and ``%%step`` whose export has the same syntax tree. Pure."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from nbrunner.errors import BadRequest, BadValueError, FlowSyntaxError
from nbrunner.flow.capture.scope import is_step, with_decorators
from nbrunner.flow.steps.assembly import class_text, text_of
from nbrunner.flow.steps.cells import StepCell, step_cell
from nbrunner.flow.steps.flow_cells import FlowCell, flow_cell
from nbrunner.flow.steps.layout import head_end, moved, without_blank_end
from nbrunner.flow.steps.words import FlowWords, flow_words, step_words
from nbrunner.text.python_lines import python_lines


def cells_of_file(text: str, file: str) -> list[str]:
    """Return the cells of a flow file: one for the file without steps, then one for each step.

    Parameters
    ----------
    text : str
        The flow file.
    file : str
        Its name, for messages.

    Raises
    ------
    FlowSyntaxError
        The file is not valid Python.
    BadValueError
        It has no flow, several ones, or a form that cells cannot have.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise FlowSyntaxError(f"{file}: {error}") from None
    node = _flow(tree, file)
    _check_below(tree, node, file)
    lines = python_lines(text)
    steps = [each for each in node.body if is_step(each)]
    before = [each for each in node.body if each.lineno < steps[0].lineno and each not in steps]
    start = (before[-1].end_lineno or 0) if before else head_end(lines, node.lineno)
    top = without_blank_end(lines[:start])
    if not before:
        top.append(" " * (steps[0].col_offset) + "pass")
    cells = [f"%%flow {node.name}\n" + "\n".join(top)]
    groups = _groups(node, steps)
    for number, group in enumerate(groups):
        end = group[-1].end_lineno or 0
        if number == len(groups) - 1:  # comments at the end of the class
            end = _last_line(lines, end, node.col_offset)
        cells.append(_step_cell(lines[start:end], group, steps[number]))
        start = end
    _check(cells, tree, node, file)
    return cells


def _flow(tree: ast.Module, file: str) -> ast.ClassDef:
    """Return the only class with steps at the top of a file."""
    classes = [each for each in tree.body if isinstance(each, ast.ClassDef)]
    flows = [each for each in classes if any(map(is_step, each.body))]
    if len(flows) != 1:
        names = ", ".join(each.name for each in flows)
        found = f"it defines {names}" if flows else "it defines no class with steps"
        raise BadValueError(f"{file}: expected a file with one flow; {found}")
    if not flows[0].bases:
        raise BadValueError(f"{file}: {flows[0].name} has no base class; a flow has FlowSpec")
    return flows[0]


def _check_below(tree: ast.Module, node: ast.ClassDef, file: str) -> None:
    """Raise if there is more below the class than what starts the flow."""
    below = tree.body[tree.body.index(node) + 1 :]
    main = ast.parse(f"if __name__ == '__main__':\n    {node.name}()").body
    if [ast.dump(each) for each in below] not in ([], [ast.dump(each) for each in main]):
        raise BadValueError(
            f"{file}, line {below[0].lineno}: code below the class has no place in cells, besides "
            f"if __name__ == '__main__': {node.name}()"
        )


def _groups(node: ast.ClassDef, steps: Sequence[ast.stmt]) -> list[list[ast.stmt]]:
    """Return the members of the class below its first step, each group with one step.

    Other members belong to the step below them; those below the last step, to that one.
    """
    members = node.body[node.body.index(steps[0]) :]
    groups: list[list[ast.stmt]] = [[]]
    for at, member in enumerate(members):
        groups[-1].append(member)
        if member in steps and any(each in steps for each in members[at + 1 :]):
            groups.append([])
    return groups


def _last_line(lines: Sequence[str], end: int, column: int) -> int:
    """Return the last of the comment lines that follow in the class."""
    last = end
    for at in range(end, len(lines)):
        line = lines[at]
        if line.strip() and not line.lstrip().startswith("#"):
            break
        if line.strip() and len(line) - len(line.lstrip()) > column:
            last = at + 1
    return last


def _step_cell(lines: Sequence[str], group: Sequence[ast.stmt], step: ast.stmt) -> str:
    """Return the cell of a step: as a body with options if that says all, else the whole def."""
    assert isinstance(step, ast.FunctionDef)
    rows = moved(without_blank_end(lines), -step.col_offset)
    while rows and not rows[0].strip():
        rows = rows[1:]
    whole = f"%%step {step.name}\n" + "\n".join(rows)
    first = with_decorators(step).lineno
    is_simple = (
        len(group) == 1
        and rows[0].startswith("@")
        and step.body[0].lineno > step.lineno
        and not any(line.lstrip().startswith("#") for line in lines[: -len(rows) or None])
        and all("#" not in line for line in rows[: step.lineno - first + 1])
        and [ast.unparse(each) for each in step.decorator_list][-1:] == ["step"]
        and all(each.lineno == each.end_lineno for each in step.decorator_list)
        and ast.unparse(step.args) in ("self", "self, inputs")
        and step.returns is None
    )
    if not is_simple:
        return whole
    options = [f"-d {_quoted(ast.unparse(each))}" for each in step.decorator_list[:-1]]
    options += ["--join"] if len(step.args.args) == 2 else []
    below = rows[step.lineno - first + 1 :]
    body = moved(below, -(step.body[0].col_offset - step.col_offset))
    cell = " ".join([f"%%step {step.name}", *options]) + "\n" + "\n".join(body)
    wanted, given = _step_of(whole), _step_of(cell)
    return cell if given is not None and given == wanted else whole


def _quoted(text: str) -> str:
    """Return a decorator as a word of the magic's line."""
    if not any(each in text for each in "\"\\' "):
        return text
    return f'"{text}"' if '"' not in text and "\\" not in text else f"'{text}'"


def _step_of(cell: str) -> str | None:
    """Return the syntax tree of a cell's step; None if it cannot be read."""
    try:
        rows = _read_step(cell).rows
        return ast.dump(ast.parse("class _:\n" + text_of(rows)))
    except (SyntaxError, BadRequest):
        return None


def _read_step(cell: str) -> StepCell:
    line, _, text = cell.partition("\n")
    return step_cell(step_words(line.removeprefix("%%step")), text, "Cell")


def _read_flow(cell: str) -> FlowCell:
    line, _, text = cell.partition("\n")
    words: FlowWords = flow_words(line.removeprefix("%%flow"))
    return flow_cell(words, text, "Cell")


def _check(cells: Sequence[str], tree: ast.Module, node: ast.ClassDef, file: str) -> None:
    """Raise unless the cells give the same module up to the end of the class.

    Raises
    ------
    BadValueError
        They give another one: the order of the steps, or the indentation of a docstring.
    """
    try:
        steps = {each.name: each for each in map(_read_step, cells[1:])}
        flow = class_text(_read_flow(cells[0]), steps)
    except BadRequest as error:
        raise BadValueError(f"{file} cannot be split into cells: {error}") from error
    given = ast.parse(text_of([*flow.above, *flow.rows])).body
    wanted = tree.body[: tree.body.index(node) + 1]
    if [ast.dump(each) for each in given] != [ast.dump(each) for each in wanted]:
        raise BadValueError(
            f"{file} cannot be split into cells that give the same file: start has to be its "
            "first step and end its last one, and docstrings have to be indented as far as "
            "their functions"
        )
