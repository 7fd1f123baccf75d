"""Decides how each name that a flow uses travels, by the ordered list of ways in `flow_file`."""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Iterator, Mapping

from nbrunner.errors import BadValueError, some_of
from nbrunner.flow.capture.computed import computed_attributes, computes_the_same
from nbrunner.flow.capture.flow_class import is_flow_class
from nbrunner.flow.capture.flow_text import FlowText
from nbrunner.flow.capture.literals import is_plain, is_scalar, plain_source
from nbrunner.flow.capture.made_again import MadeAgain, Refusal
from nbrunner.flow.capture.notebook import Cell, Notebook, is_imported_by, is_of_python
from nbrunner.flow.capture.packing import NotPackedError, Packed, TooLargeError, pack
from nbrunner.flow.capture.same_object import is_made_by
from nbrunner.flow.capture.scope import (
    bound_names,
    changed_names,
    deferred_names,
    executed_names,
    future_flags,
    is_definition,
    is_import,
    is_written_out,
    position,
    used_names,
)
from nbrunner.flow.capture.staleness import Reading, parts_of, reachable_names
from nbrunner.flow.capture.touched import reachable, touching

# The flow file has its own; a class body reads __name__. The __file__ of a script travels, so
# that data next to the script is found.
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


class Collector:
    """Decides how each name that a flow uses travels.

    Parameters
    ----------
    pickled : set of str
        The names whose objects travel pickled; this class adds to it.
    refused : dict of str to Refusal
        The names whose objects cannot be pickled, and why; this class adds to it.
    """

    def __init__(
        self,
        flow: type,
        notebook: Notebook,
        home: Cell,
        pickled: set[str],
        refused: dict[str, Refusal],
    ) -> None:
        self._flow = flow
        self._flow_name = flow.__name__
        self._notebook = notebook
        self._namespace = notebook.namespace
        self._home = home
        self._pickled = pickled
        self._refused = refused
        self._names: set[str] = set()
        self._imported: set[str] = set()
        self._makers: dict[str, list[ast.stmt]] = {}
        self._touched: dict[str, tuple[Cell, ast.stmt]] = {}
        self._again = MadeAgain(notebook, home, pickled, refused)
        self.found = FlowText(self._flow_name, notebook, home)

    def collect(self, home: ast.stmt) -> Packed | None:
        """Collect all names that the flow uses; return the pickled objects.

        None if `pickled` or `refused` has grown: a new collector must then decide again.
        """
        known, refused = len(self._pickled), len(self._refused)
        self._set_attributes(self._flow, self._home, home)
        self._add_statement(self._home, home, is_executed=False)
        packed = self._packed()
        if packed is not None:
            self._pickled |= set(self._shared(packed.seen))
            self._pickled |= self.found.ambiguous()
        executed = self.found.executed
        if self._flow_name in self.found.attributes:
            executed |= executed_names(home, self._home.filename)
        reached = reachable(executed, self._notebook, self._flow_name)
        self.found.set_again = reached & self.found.values.keys()
        is_settled = (len(self._pickled), len(self._refused)) == (known, refused)
        return packed if is_settled else None

    def _packed(self) -> Packed | None:
        """Return the objects that travel pickled; collect the names that their functions use."""
        told = self._notebook.told
        while True:
            objects = {name: self._namespace[name] for name in sorted(self.found.pickled)}
            if not objects:
                return Packed()
            try:
                packed = pack(objects, self._namespace, self._flow, told)
            except NotPackedError as error:
                self._refuse(objects, str(error))
                return None
            for name in sorted(packed.names):
                self._add_name(name)
                self.found.import_early(name, self._namespace.get(name))
            if objects.keys() == self.found.pickled:
                return packed

    def _refuse(self, objects: Mapping[str, object], why: str) -> None:
        found = {}
        for name, value in objects.items():
            try:
                pack({name: value}, self._namespace, self._flow, self._notebook.told)
            except NotPackedError as error:
                found[name] = Refusal(str(error), isinstance(error, TooLargeError))
        if not found:
            raise BadValueError(
                f"{self._flow_name} uses {', '.join(map(repr, objects))}, which cannot be "
                f"pickled together: {why}. Load them in a step, or pass them as Parameters"
            )
        self._refused |= found
        self._pickled.difference_update(found)

    def _shared(self, seen: set[int]) -> Iterator[str]:
        """Yield the names whose objects must be pickled together, as they share parts.

        Source or expressions would give each name a copy of a shared part.
        """
        names = sorted(self._names - self.found.pickled - self._imported)
        parts = {name: parts_of(self._namespace[name]) for name in names}
        yield from (name for name in names if seen & parts[name])
        for name, statements in self._makers.items():
            bound = {each for statement in statements for each in bound_names(statement)}
            if not is_scalar(self._namespace.get(name)) and bound & self.found.pickled - {name}:
                yield name
        made = self._makers.keys() - self.found.values.keys()
        owners: dict[int, str] = {}
        for name in names:
            for key in parts[name]:
                owner = owners.setdefault(key, name)
                if owner != name and not {owner, name} <= made:
                    yield from (owner, name)

    # -- statements ---------------------------------------------------------------------

    def _add_statement(self, cell: Cell, statement: ast.stmt, is_executed: bool) -> None:
        if not self.found.begin(cell, statement):
            return
        executed = executed_names(statement, cell.filename)
        deferred = deferred_names(statement, cell.filename)
        for name in sorted(used_names(statement, cell.filename)):
            is_read_now = is_executed and name in executed
            if is_read_now:
                self._add_name(name, statement)
            if not is_read_now or name in deferred:
                self._add_name(name)
            if cell is not self._home:  # placed above the imports of the flow's own cell
                self.found.import_early(name, self._namespace.get(name))
        self.found.add(cell, statement)

    def _add_name(self, name: str, at: ast.stmt | None = None) -> None:
        """Collect the value of a name.

        Parameters
        ----------
        name : str
            The name.
        at : ast.stmt or None
            The statement of the flow's cell that reads the name when the flow file is executed:
            it gets the value that the name had at that place. None: the value it has now.
        """
        if name == self._flow_name:
            return
        if at is not None:
            made = self._again.binding(name)
            before = [each for each in made if position(each) <= position(at)]
            if before and self._is_made_in_place(name, before):
                self._add_made(name, before)
                return
        if name in self._names:
            return
        own = self._home.binding.get(name)
        if name in self._namespace and (own or name not in _OF_EVERY_MODULE):
            self._names.add(name)
            self._add_value(name, self._namespace[name])
        elif own and not hasattr(builtins, name):
            raise BadValueError(
                f"{self._flow_name} uses {name!r}, which its cell assigns but the notebook does "
                "not have: it was deleted, or is not executed yet"
            )
        elif not own:  # for example display(), which IPython adds to builtins
            self.found.import_early(name, getattr(builtins, name, None))

    def _is_made_in_place(self, name: str, statements: list[ast.stmt]) -> bool:
        """Return whether a name gets its value from statements of the cell, executed again."""
        value = self._namespace.get(name)
        if len(statements) == 1 and is_definition(statements[0]) and name in self._namespace:
            return False
        return not is_plain(value) or self._again.can_be_made(name)

    def _add_made(self, name: str, statements: list[ast.stmt]) -> None:
        for statement in (*statements, *self._changed_by(name)):
            self._makers.setdefault(name, []).append(statement)
            self._add_statement(self._home, statement, not is_definition(statement))

    def _changed_by(self, name: str) -> Iterator[ast.stmt]:
        """Yield the statements that may change an object and can be executed again.

        Raises
        ------
        BadValueError
            A statement that certainly changes an object that is not plain cannot be executed again.
        """
        for statement in self._home.changing(name):
            if self.found.has(self._home, statement):
                continue
            if self._again.can_execute(statement):
                yield statement
            elif changed_names(statement)[name] and not is_plain(self._namespace.get(name)):
                raise BadValueError(
                    f"{self._flow_name} uses {name!r}, a "
                    f"{type(self._namespace.get(name)).__name__}, and the statement at line "
                    f"{statement.lineno} of its cell, which changes it, cannot travel: it needs "
                    f"{self._flow_name} itself, or a notebook. Change {name!r} in a statement of "
                    "its own, or pass the changed value as a Parameter"
                )

    # -- values -------------------------------------------------------------------------

    def _add_value(self, name: str, value: object) -> None:
        """Collect the current value of a name."""
        if name in self._pickled:
            self._check_not_refused(name, value)
            self.found.pickled.add(name)
        elif is_of_python(name, value) or self._add_import(name, value):
            self._imported.add(name)
        elif is_plain(value):
            self._add_plain(name, value)
        elif not (
            self._add_definition(name, value)
            or self._add_as_made(name, value)
            or self._add_defined_again(name)
        ):
            self._add_object(name, value)

    def _add_import(self, name: str, value: object) -> bool:
        if isinstance(value, types.ModuleType) and hasattr(value, "__path__"):
            self.found.packages[name] = value
        own = self._home.binding.get(name, [])
        if own and is_import(own[-1]) and is_imported_by(own[-1], name, value):
            imports = [each for each in own if is_import(each)]  # each may add a submodule
            self._add_made(name, [x for x in imports if is_imported_by(x, name, value)])
        else:
            return self.found.import_early(name, value)
        return True

    def _add_plain(self, name: str, value: object) -> None:
        made = self._again.binding(name)
        is_computed = (
            made
            and self._again.can_be_made(name)
            and not all(map(is_written_out, made))
            and (is_scalar(value) or not self._again.may_have_changed(name))
            and self._again.is_fresh(name, made)
        )
        if is_computed:
            self._add_made(name, made)
        else:
            self.found.values[name] = f"{name} = {plain_source(value)}"

    def _add_definition(self, name: str, value: object) -> bool:
        """Collect the source of a function or class if it makes this very object."""
        defined = self._again.definition_of(name)
        if defined is None:
            return False
        cell, statement = defined
        if not is_made_by(
            value, statement, cell, self._notebook, future_flags(self._home.statements)
        ):
            return False
        if cell is not self._home and self._needs_home(cell, statement):
            return False
        if isinstance(value, type) and is_flow_class(value):
            self._set_attributes(value, cell, statement)
        self._add_statement(cell, statement, is_executed=False)
        return True

    def _set_attributes(self, flow: type, cell: Cell, statement: ast.stmt) -> None:
        """Set the attributes of a flow class that its statement would compute otherwise."""
        if not isinstance(statement, ast.ClassDef):
            return
        if not computes_the_same(statement, cell, self._notebook):
            self.found.attributes[flow.__name__] = [
                f"{flow.__name__}.{name} = {source}"
                for name, source in computed_attributes(flow, statement, self._notebook)
            ]

    def _needs_home(self, cell: Cell, statement: ast.stmt) -> bool:
        """Return whether a statement, placed above the flow's own cell, needs that cell."""
        names = executed_names(statement, cell.filename) - {getattr(statement, "name", "")}
        reached = reachable_names(names, self._notebook) - self._pickled
        return any(map(self._is_made_at_home, reached & self._home.binding.keys()))

    def _is_made_at_home(self, name: str) -> bool:
        """Return whether the value of a name may come from the flow's own cell."""
        if self.found.can_import(self._namespace.get(name)):
            return False
        defined = self._again.definition_of(name)
        return defined is None or defined[0] is self._home

    def _add_as_made(self, name: str, value: object) -> bool:
        """Collect the statements of the flow's cell that made an object; False if it is unsafe."""
        made = self._again.binding(name)
        is_code = isinstance(value, (type, types.FunctionType)) or any(map(is_definition, made))
        if not made or (is_code and name not in self._refused):
            return False
        if not self._again.can_be_made(name) or self._notebook.is_bound_since(name, self._home):
            return False
        changes = self._notebook.changes_since(name, self._home)
        if any(changes):
            return False
        is_sure = self._again.is_fresh(name, made) and (not changes or self._again.is_lenient(name))
        touched = list(self._again.touching(name))
        if not all(self._computes_the_same(self._home, each) for each in made):
            return False
        if not is_sure or touched:
            refusal = self._refused.get(name)
            digest = refusal.digest_of(value, self._namespace) if refusal else ""
            if not digest:
                if touched:
                    self._touched[name] = touched[0]
                return False
            places = dict.fromkeys(self._place(*each) for each in touched)
            self.found.digests[name] = (digest, some_of(list(places)))
        if changes and name not in self.found.digests:
            self.found.doubts[name] = self._place(*self._again.calling(name))
        self._add_made(name, made)
        return True

    def _add_defined_again(self, name: str) -> bool:
        """Collect another cell's definition of an object that cannot be pickled."""
        if name not in self._refused or name in self._touched:
            return False
        cell = next(self._notebook.binders(name), None)
        statement = cell.definition(name) if cell else None
        if cell is None or statement is None or len(cell.binding[name]) > 1:
            return False
        names = executed_names(statement, cell.filename)
        for at, each in touching(name, cell, self._notebook, self._flow_name):
            if changed_names(each).get(name) is not False:
                self._touched[name] = (at, each)
                return False
        reading = Reading(statement, cell, self._notebook, doubtful=False)
        if self._needs_home(cell, statement) or any(map(reading.is_stale, names)):
            return False
        if not self._computes_the_same(cell, statement):
            return False
        self._add_statement(cell, statement, is_executed=False)
        return True

    def _computes_the_same(self, cell: Cell, statement: ast.stmt) -> bool:
        """Return whether a statement, if it is a definition, can be executed again."""
        lenient = [*filter(self._again.is_lenient, self._refused)]
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return True
        if not (is_same := computes_the_same(statement, cell, self._notebook, lenient)):
            self._touched.setdefault(statement.name, (cell, statement))
        return is_same

    def _add_object(self, name: str, value: object) -> None:
        """Mark an object to travel pickled."""
        self._check_not_refused(name, value)
        self.found.pickled.add(name)
        self._pickled.add(name)

    def _place(self, cell: Cell, statement: ast.stmt) -> str:
        at = f"line {statement.lineno} of {self._notebook.cell_name(cell.filename)}"
        return at.removesuffix(" of ")

    def _check_not_refused(self, name: str, value: object) -> None:
        refusal = self._refused.get(name)
        why = refusal.why if refusal else None
        if why is None and is_flow_class(value):
            why = "it is a flow that differs from the one its cell defines"
        if why is not None:
            if name in self._touched:
                why = f"{why}; and {self._place(*self._touched[name])} may have changed it"
            raise BadValueError(
                f"{self._flow_name} uses {name!r}, a {type(value).__name__}, which cannot travel "
                f"with a flow: {why}. Load it in a step, pass it as a Parameter, or create it in "
                "a statement of the flow's own cell"
            )
