"""Moving source text to the right and back without changing the strings in it. Pure."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass

from nbrunner.text.python_lines import python_lines


@dataclass(frozen=True)
class Row:
    """A line of a flow file.

    Attributes
    ----------
    text : str
        The line without its end.
    cell : str
        Name of the cell it comes from; empty if it was generated.
    line : int
        Line number in the cell, from 1; the magic is line 1.
    """

    text: str
    cell: str = ""
    line: int = 0


def moved(lines: Sequence[str], width: int) -> list[str]:
    """Return the lines of Python source with their indentation changed by ``width`` columns.

    Lines that begin inside a string are left unchanged, except for those of a docstring: these
    move too, unless moving them back would not restore them.

    Parameters
    ----------
    lines : sequence of str
        Complete statements of one block.
    width : int
        Number of spaces to add; if negative, to remove.
    """
    inside = _inside_strings(lines)
    found = []
    for number, line in enumerate(lines, 1):
        if number in inside:
            found.append(line)
        elif not line.strip():
            found.append("")
        else:
            found.append(_moved_line(line, width))
    for first, last, indent in _docstrings(lines):
        rows = lines[first : last + 1]
        if _can_move(rows, indent, width):
            found[first : last + 1] = [_moved_line(row, width) if row else row for row in rows]
    return found


def _moved_line(line: str, width: int) -> str:
    if width >= 0:
        return " " * width + line
    indent = len(line) - len(line.lstrip(" "))
    return line[min(indent, -width) :]


def _can_move(rows: Sequence[str], indent: int, width: int) -> bool:
    """Return whether the continuation lines of a docstring move with its first line.

    They do not if they are indented as far as the first line will be. Moving to the left is the
    exact reverse: lines that a move to the right would not restore stay.
    """
    if any(row and not row.strip() for row in rows):
        return False
    least = min((len(row) - len(row.lstrip(" ")) for row in rows if row), default=0)
    return least < indent + width if width > 0 else -width <= least < indent - width


def _tokens(lines: Sequence[str]) -> list[tokenize.TokenInfo]:
    """Return the tokens of source; of incomplete source, those before the error."""
    found = []
    try:
        for each in tokenize.generate_tokens(io.StringIO("\n".join([*lines, ""])).readline):
            found.append(each)  # noqa: PERF402 - those before an error are kept
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return found
    return found


def _inside_strings(lines: Sequence[str]) -> set[int]:
    """Return the numbers of the lines, from 1, that begin inside a string."""
    # Since Python 3.12 an f-string is several tokens.
    starts = {getattr(tokenize, "FSTRING_START", -1), getattr(tokenize, "TSTRING_START", -1)}
    ends = {getattr(tokenize, "FSTRING_END", -1), getattr(tokenize, "TSTRING_END", -1)}
    found: set[int] = set()
    opened: list[int] = []
    for token in _tokens(lines):
        if token.type == tokenize.STRING:
            found.update(range(token.start[0] + 1, token.end[0] + 1))
        elif token.type in starts:
            opened.append(token.start[0])
        elif token.type in ends:
            found.update(range(opened.pop() + 1, token.end[0] + 1))
    return found


def _docstrings(lines: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return first and last index of each docstring's continuation lines, and its indentation.

    These are the docstring of the block itself, and those of functions and classes in it.
    """
    first = next((line for line in lines if line.strip() and not _is_comment(line)), "")
    indent = len(first) - len(first.lstrip(" "))
    # A block, so that an indented one can be parsed as well.
    head = ["if 1:"] if indent else []
    try:
        tree = ast.parse("\n".join([*head, *lines, ""]))
    except (SyntaxError, ValueError):
        return []
    block = tree.body[0].body if head and isinstance(tree.body[0], ast.If) else tree.body
    bodies = [block]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    bodies += [node.body for node in ast.walk(tree) if isinstance(node, kinds)]
    found = []
    for body in bodies:
        node = body[0] if body else None
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
            and node.end_lineno is not None
            and node.end_lineno > node.lineno
        ):
            found.append(
                (node.lineno - len(head), node.end_lineno - 1 - len(head), node.col_offset)
            )
    return found


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def block_lines(text: str) -> tuple[int, list[str]]:
    """Return a cell's text without blank lines around it: the number of those above, the lines."""
    lines = python_lines(text.rstrip())
    above = 0
    while above < len(lines) and not lines[above].strip():
        above += 1
    return above, lines[above:]


def without_blank_end(lines: Sequence[str]) -> list[str]:
    """Return lines without the blank ones at their end."""
    count = len(lines)
    while count and not lines[count - 1].strip():
        count -= 1
    return list(lines[:count])


def head_end(lines: Sequence[str], line: int) -> int:
    """Return the number of the line with the colon of a class statement, from ``line`` on."""
    while not lines[line - 1].partition("#")[0].rstrip().endswith(":"):
        line += 1
    return line
