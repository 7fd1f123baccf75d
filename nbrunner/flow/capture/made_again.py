"""Decides whether statements of the flow's cell, executed again, make the same objects."""

from __future__ import annotations

import ast
import contextlib
import inspect
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nbrunner.flow.capture.chance import draws
from nbrunner.flow.capture.digest import _digest_of_object
from nbrunner.flow.capture.flow_text import FlowText
from nbrunner.flow.capture.literals import is_scalar
from nbrunner.flow.capture.notebook import Cell, Notebook, importable
from nbrunner.flow.capture.scope import (
    changed_names,
    executed_names,
    is_definition,
    mentions,
    only_in_notebook,
    position,
    used_names,
)
from nbrunner.flow.capture.staleness import Reading
from nbrunner.flow.capture.touched import reachable, touching


@dataclass
class Refusal:
    """Why an object cannot travel pickled.

    Attributes
    ----------
    why : str
        The reason, for example ``it is larger than 1 MB``.
    is_large : bool
        It can be pickled, so that an object made again can be compared with it by a digest.
    digest : str or None
        The digest of the object; empty if there is none, None before it is computed.
    """

    why: str
    is_large: bool = False
    digest: str | None = None

    def digest_of(self, value: object, namespace: Mapping[str, object]) -> str:
        """Return the digest of the object, which the flow compares; empty if there is none."""
        if self.digest is None:
            self.digest = ""
            if self.is_large:
                with contextlib.suppress(Exception):  # the user's __reduce__ may raise anything
                    self.digest = _digest_of_object(value, namespace)  # type: ignore[no-untyped-call]
        return self.digest


class MadeAgain:
    """The statements of the flow's cell that can be executed again, and with the same result.

    Parameters
    ----------
    home : Cell
        The flow's own cell.
    pickled : set of str
        The names whose objects travel pickled; the collector may add to it.
    refused : dict of str to Refusal
        The names whose objects cannot be pickled, and why; the collector may add to it.
    """

    def __init__(
        self, notebook: Notebook, home: Cell, pickled: set[str], refused: dict[str, Refusal]
    ) -> None:
        self._notebook = notebook
        self._namespace = notebook.namespace
        self._flow_name = notebook.flow_name
        self._home = home
        self._pickled = pickled
        self._refused = refused

    def binding(self, name: str) -> list[ast.stmt]:
        """Return the statements that bind a name in the flow's cell and work outside a notebook."""
        return [each for each in self._home.binding.get(name, []) if not only_in_notebook(each)]

    def can_be_made(self, name: str) -> bool:
        """Return whether all statements of the flow's cell that bind a name can be repeated."""
        made = self.binding(name)
        return len(made) == len(self._home.binding.get(name, [])) and not any(
            mentions(each, self._flow_name) for each in made
        )

    def _needs_flow(self, cell: Cell, statement: ast.stmt, seen: list[ast.stmt]) -> bool:
        """Return whether a statement may start the flow, which would then start itself forever."""
        seen.append(statement)
        names = used_names(statement, cell.filename)
        if self._flow_name in names:
            return True
        makers = [(self._home, each) for name in names for each in self.binding(name)]
        makers += filter(None, map(self.definition_of, sorted(names)))
        return any(each not in seen and self._needs_flow(at, each, seen) for at, each in makers)

    def definition_of(self, name: str) -> tuple[Cell, ast.stmt] | None:
        """Return the statement of a cell that defines the function or class of a name."""
        value = self._namespace.get(name)
        if importable(value):
            return None
        if isinstance(value, types.FunctionType):
            cell = self._notebook.cell(value.__code__.co_filename)
        elif inspect.isclass(value) and value.__module__ == self._namespace.get("__name__"):
            cell = self._notebook.cell_defining(value)
        else:
            return None
        statement = cell.definition(name) if cell else None
        return (cell, statement) if cell and statement else None

    def may_have_changed(self, name: str) -> bool:
        """Return whether a mutable object of the flow's cell may have been changed in place."""
        home = self._home
        return home.may_change(name) or any(self.touching(name))

    def touching(
        self, name: str, reader: ast.stmt | None = None
    ) -> Iterator[tuple[Cell, ast.stmt]]:
        """Yield statements that may have changed an object and are not executed again with it.

        Parameters
        ----------
        name : str
            The name of the object.
        reader : ast.stmt or None
            A statement to leave out: it reads the object, and is executed again itself.
        """
        changing = self._home.changing(name)
        for cell, each in touching(name, self._home, self._notebook, self._flow_name):
            if each is reader:
                continue
            is_certain = changed_names(each).get(name)
            if cell is self._home and each in changing:
                if self.is_lenient(name) or is_certain or self.can_execute(each):
                    continue
            elif self.is_lenient(name) and is_certain is False:
                continue
            yield cell, each

    def is_lenient(self, name: str) -> bool:
        """Return whether method calls of an object do not count as changes.

        True for connections, locks and the like, which have no digest to compare.
        """
        return name in self._refused and not self._refused[name].is_large

    def calling(self, name: str) -> tuple[Cell, ast.stmt]:
        """Return the first statement of a later cell that calls a method of an object."""
        later = touching(name, self._home, self._notebook, self._flow_name)
        return next(
            (cell, each)
            for cell, each in later
            if cell is not self._home and name in changed_names(each)
        )

    def can_execute(self, statement: ast.stmt) -> bool:
        """Return whether a statement of the flow's cell can be executed again by the flow."""
        return not only_in_notebook(statement) and not self._needs_flow(self._home, statement, [])

    def is_fresh(self, name: str, statements: list[ast.stmt]) -> bool:
        """Return whether statements of the flow's cell, executed again, read the same values."""
        if self._notebook.is_bound_since(name, self._home):
            return False
        changing = filter(self.can_execute, self._home.changing(name))
        return all(
            self._reads_the_same(name, each, [])
            for each in dict.fromkeys([*statements, *changing])
            if not self.is_lenient(name) or each in statements
        )

    def _reads_the_same(self, name: str, statement: ast.stmt, seen: list[ast.stmt]) -> bool:
        """Return whether a statement that makes an object makes the same one again.

        The objects that it reads, and those they are made of, are checked too.
        """
        if statement in seen:
            return True
        seen.append(statement)
        if draws(statement, self._namespace):
            return False
        is_doubtful = not self.is_lenient(name)
        reading = Reading(statement, self._home, self._notebook, True, is_doubtful)
        names = executed_names(statement, self._home.filename) - {self._flow_name}
        made_itself = set() if statement in self.binding(name) else {name}
        if names & self._pickled or any(map(reading.is_stale, names - made_itself)):
            return False
        for each in reachable(names, self._notebook, self._flow_name) - {name}:
            if self._is_touched(each, statement):
                return False
            defined = self.definition_of(each)
            if defined and draws(defined[1], self._namespace):
                return False
            made = [x for x in self.binding(each) if position(x) <= position(statement)]
            if not all(self._reads_the_same(name, x, seen) for x in made if not is_definition(x)):
                return False
        return True

    def _is_touched(self, name: str, reader: ast.stmt) -> bool:
        """Return whether a statement, executed again, may miss a change of an object it reads."""
        value = self._namespace.get(name)
        if name in self._home.globals_of_functions:
            return True
        if is_scalar(value) or isinstance(value, (type, types.FunctionType)):
            return False
        if isinstance(value, types.ModuleType) or FlowText.can_import(value):
            return False
        # An object of another cell is not made again, so its reader may have changed it.
        is_made_here = name in self._home.binding or self.is_lenient(name)
        excused = reader if is_made_here or not _calls_with(reader, name) else None
        return any(self.touching(name, excused))


def _calls_with(statement: ast.stmt, name: str) -> bool:
    """Return whether a statement calls a method of an object, or passes it to a call."""
    return any(
        isinstance(node, ast.Call)
        and any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node))
        for node in ast.walk(statement)
    )
