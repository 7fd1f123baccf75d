"""Splits the line of a magic into words and expands ``$name`` and ``{expression}``."""

from __future__ import annotations

import ast
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from nbrunner.errors import BadValueError, said
from nbrunner.flow.parse_argv import Word
from nbrunner.text.python_lines import python_lines


@dataclass
class _Piece:
    """Part of a word: text, or a Python object."""

    text: str
    value: object = None
    is_value: bool = False
    is_expanded: bool = False


def words_of(line: str, evaluate: Callable[[str], object]) -> list[Word]:
    """Split a line as a shell does, and expand Python expressions in it.

    Text in single quotes is left unchanged; double quotes and backslashes preserve spaces.
    ``$name`` and ``{expression}`` are replaced by their value; ``$$`` is a ``$``. If an
    expression is the whole word, or all of it after ``=``, the value stays a Python object.
    Text in braces that is not a Python expression is left unchanged.

    Parameters
    ----------
    line : str
        Text after the magic's name.
    evaluate : callable
        Returns the value of an expression in the notebook, or raises its exception.

    Raises
    ------
    BadValueError
        A quote is not closed, or an expression cannot be evaluated.
    """
    return [_word(pieces) for pieces in _Splitter(line, evaluate).words()]


def continued(line: str, cell: str) -> tuple[str, str]:
    """Join a magic's line with its continuation lines; return it and the rest of the cell.

    Continuation lines are replaced by blank lines in the cell, so that line numbers are unchanged.
    """
    rows = python_lines(cell, keepends=True)
    joined = 0
    while (len(line) - len(line.rstrip("\\"))) % 2 and joined < len(rows):
        line = f"{line[:-1]} {rows[joined].rstrip()}"
        rows[joined] = "\n"
        joined += 1
    return line, "".join(rows)


def refuse_semicolon(line: str) -> None:
    """Raise BadValueError if a line ends with a ``;``."""
    if line.rstrip().endswith(";") and not line.rstrip().endswith("\\;"):
        raise BadValueError(
            "the line ends with ';', which has no meaning here; remove it, or quote the value "
            "that contains it"
        )


def _word(pieces: list[_Piece]) -> Word:
    text = "".join(each.text for each in pieces)
    is_expanded = any(each.is_expanded for each in pieces)
    if pieces and pieces[-1].is_value:
        before = "".join(each.text for each in pieces[:-1])
        alone = not before
        behind_equals = before.startswith("--") and before.find("=") == len(before) - 1
        if (alone or behind_equals) and not any(each.is_value for each in pieces[:-1]):
            return Word(text, pieces[-1].value, True, is_expanded)
    return Word(text, is_expanded=is_expanded)


class _Splitter:
    """Splits a line, character by character."""

    def __init__(self, line: str, evaluate: Callable[[str], object]) -> None:
        self._line = line
        self._at = 0
        self._evaluate = evaluate
        self._closing = _closing_braces(line) if "{" in line else {}

    def words(self) -> list[list[_Piece]]:
        """Return the pieces of each word."""
        found: list[list[_Piece]] = []
        while self._at < len(self._line):
            if self._line[self._at].isspace():
                self._at += 1
            else:
                found.append(self._one_word())
        return found

    def _one_word(self) -> list[_Piece]:
        pieces: list[_Piece] = []
        while self._at < len(self._line) and not self._line[self._at].isspace():
            character = self._line[self._at]
            if character == "'":
                pieces.append(_Piece(self._until_quote("'")))
            elif character == '"':
                pieces += self._double_quoted()
            elif character == "\\" and self._at + 1 < len(self._line):
                pieces.append(_Piece(self._line[self._at + 1]))
                self._at += 2
            else:
                pieces.append(self._expanded())
        return pieces

    def _until_quote(self, quote: str) -> str:
        end = self._line.find(quote, self._at + 1)
        if end < 0:
            raise BadValueError(f"no closing {quote} for: {self._line[self._at :]}")
        text = self._line[self._at + 1 : end]
        self._at = end + 1
        return text

    def _double_quoted(self) -> list[_Piece]:
        opened = self._at
        self._at += 1
        pieces: list[_Piece] = [_Piece("")]
        while self._at < len(self._line):
            character = self._line[self._at]
            if character == '"':
                self._at += 1
                # "{x}" in quotes becomes text.
                return [_Piece(each.text, is_expanded=each.is_expanded) for each in pieces]
            if character == "\\" and self._line[self._at + 1 : self._at + 2] in ('"', "\\", "$"):
                pieces.append(_Piece(self._line[self._at + 1]))
                self._at += 2
            else:
                pieces.append(self._expanded())
        raise BadValueError(f'no closing " for: {self._line[opened:]}')

    def _expanded(self) -> _Piece:
        """Read one character or one expression."""
        character = self._line[self._at]
        if character == "$":
            return self._dollar()
        if character == "{":
            end = self._closing.get(self._at)
            if end is not None:
                expression = self._line[self._at + 1 : end].strip()
                literal = self._line[self._at : end + 1]
                piece = self._braces(expression, literal)
                self._at = end + 1
                return piece
        self._at += 1
        return _Piece(character)

    def _dollar(self) -> _Piece:
        if self._line.startswith("$$", self._at):
            self._at += 2
            return _Piece("$")
        end = self._at + 1
        while end < len(self._line) and (self._line[end].isalnum() or self._line[end] == "_"):
            end += 1
        name = self._line[self._at + 1 : end]
        if not name.isidentifier():
            self._at += 1
            return _Piece("$")
        self._at = end
        return self._value(name, f"${name}")

    def _braces(self, expression: str, literal: str) -> _Piece:
        if _is_expression(expression):
            return self._value(expression, literal)
        with contextlib.suppress(ValueError, RecursionError):
            return _Piece(literal, json.loads(literal), is_value=True)
        if _is_expression(literal):  # a dict display
            return self._value(literal, literal)
        return _Piece(literal)

    def _value(self, expression: str, shown: str) -> _Piece:
        try:
            value = self._evaluate(expression)
        except Exception as error:
            raise BadValueError(f"{shown}: {said(error)}; single quotes keep it as text") from error
        try:
            text = str(value)
        except Exception as error:
            raise BadValueError(
                f"{shown}: its value, of type {type(value).__name__}, cannot be converted to text: "
                f"{said(error)}"
            ) from error
        return _Piece(text, value, is_value=True, is_expanded=True)


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: deep nesting
        return False
    return True


def _closing_braces(line: str) -> dict[int, int]:
    """Return opening -> closing position of each brace; Python strings are skipped.

    Uses one pass from the end: a scan from each opening brace would take quadratic time.
    """
    end = len(line)
    # For each position: where a scan from there finds the first unmatched "}", if the position
    # is outside a Python string, and if it is inside one.
    outside: list[int | None] = [None] * (end + 2)
    within: dict[str, list[int | None]] = {quote: [None] * (end + 2) for quote in "'\""}
    found = {}
    for at in reversed(range(end)):
        character = line[at]
        outside[at] = outside[at + 1]
        if character == "}":
            outside[at] = at
        elif character == "{":
            closing = outside[at + 1]
            if closing is not None:
                found[at] = closing
                outside[at] = outside[closing + 1]
        elif character in within:
            outside[at] = within[character][at + 1]
        for quote, ends in within.items():
            escapes = character == "\\"
            ends[at] = outside[at + 1] if character == quote else ends[at + 1 + escapes]
    return found
