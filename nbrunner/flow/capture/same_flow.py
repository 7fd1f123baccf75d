"""Decides whether the statement of a flow class, executed again, makes the same flow.

A flow that differs from what its statement would make now, or may differ, is refused.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping

from nbrunner.errors import BadValueError
from nbrunner.flow.capture.flow_class import is_flow_class
from nbrunner.flow.capture.literals import is_scalar
from nbrunner.flow.capture.notebook import (
    Cell,
    Notebook,
    codes_in,
    importable,
    is_imported_by,
)
from nbrunner.flow.capture.same_body import (
    FUNCTIONS,
    MISSING,
    OF_EVERY_CLASS,
    assigned,
    is_given,
    is_made_by_code,
)
from nbrunner.flow.capture.scope import (
    bound_names,
    changed_names,
    executed_names,
    is_import,
    with_decorators,
)
from nbrunner.flow.capture.staleness import Reading


def check_flow(flow: type, home: ast.stmt, cell: Cell, notebook: Notebook) -> None:
    """Raise unless the statement of a flow, executed now, makes the same flow.

    Raises
    ------
    BadValueError
        The flow, or a flow of the notebook that it derives from, was changed after its
        definition, or a name that its definition used was bound again.
    """
    _check_flows_above(flow, notebook)
    _check(flow, home, cell, notebook)


def is_as_stated(flow: type, home: ast.stmt, cell: Cell, notebook: Notebook) -> bool:
    """Return whether the statement of a flow, executed now, makes the same flow."""
    try:
        _check(flow, home, cell, notebook)
    except BadValueError:
        return False
    return True


def _check(flow: type, home: ast.stmt, cell: Cell, notebook: Notebook) -> None:
    _check_names(flow, home, cell, notebook)
    _check_bases(flow, home, notebook)
    _check_unchanged(flow, home, cell, notebook)
    for name in sorted(_stale_names(flow, home, cell, notebook)):
        if not isinstance(home, ast.ClassDef) or not _is_alike(flow, home, cell, name, notebook):
            raise BadValueError(
                f"{flow.__name__} was made with an older {name!r} than the notebook may have "
                f"now; execute the cell of {flow.__name__} again"
            )


def _check_flows_above(flow: type, notebook: Notebook) -> None:
    """Check the flows of the notebook that a flow derives from; see `check_flow`."""
    for base in filter(is_flow_class, flow.__mro__[:0:-1]):
        cell = notebook.cell_defining(base) if base.__module__ == flow.__module__ else None
        statement = cell.definition(base.__name__) if cell else None
        if cell and statement and not importable(base):
            try:
                _check(base, statement, cell, notebook)
            except BadValueError as error:
                then = f"then that of {flow.__name__}, which derives from it"
                raise BadValueError(f"{error}, {then}") from None


def _check_names(flow: type, home: ast.stmt, cell: Cell, notebook: Notebook) -> None:
    """Raise BadValueError if a name that the flow's definition used has been deleted."""
    names = executed_names(home, cell.filename) - cell.binding.keys() - notebook.namespace.keys()
    for name in sorted(each for each in names if not hasattr(builtins, each)):
        raise BadValueError(
            f"{flow.__name__} was made with {name!r}, which the notebook no longer has; "
            f"execute the cell that binds {name!r} again, and that of {flow.__name__}"
        )


def _check_bases(flow: type, home: ast.stmt, notebook: Notebook) -> None:
    """Raise BadValueError if a base of the flow has been redefined differently."""
    nodes = home.bases if isinstance(home, ast.ClassDef) else []
    for node, base in zip(nodes, flow.__bases__, strict=False):
        name = node.id if isinstance(node, ast.Name) else ""
        now = notebook.namespace.get(name, base)
        if not (isinstance(now, type) and _is_same_class(now, base)):
            raise BadValueError(
                f"{flow.__name__} derives from an older {name!r} than the notebook has now; "
                f"execute the cell of {flow.__name__} again"
            )


def _is_same_class(one: type, other: type) -> bool:
    """Return whether two classes, and their bases, have the same code and values."""
    if one is other:
        return True
    if vars(one).keys() != vars(other).keys() or len(one.__bases__) != len(other.__bases__):
        return False
    return all(map(_is_same_class, one.__bases__, other.__bases__)) and all(
        _is_same_attribute(key, vars(one)[key], vars(other)[key])
        for key in vars(one).keys() - OF_EVERY_CLASS
    )


def _is_same_attribute(key: str, one: object, other: object) -> bool:
    if codes := codes_in([one]):
        return codes == codes_in([other]) and _values_of(one) == _values_of(other)
    if is_scalar(one) or is_scalar(other):
        return type(one) is type(other) and repr(one) == repr(other)
    if settings := _settings(one):
        return type(one) is type(other) and repr(settings) == repr(_settings(other))
    return one is other or key.startswith("_")  # Metaflow's own attributes


def _values_of(value: object) -> list[str]:
    """Return the defaults of a function or method, and its Metaflow decorators, as text."""
    function = getattr(value, "__func__", value)
    decorators = getattr(function, "decorators", [])
    found = [getattr(function, "__defaults__", None), getattr(function, "__kwdefaults__", None)]
    return [repr(each) for each in (*found, *((x.name, x.attributes) for x in decorators))]


def _check_unchanged(flow: type, home: ast.stmt, cell: Cell, notebook: Notebook) -> None:
    """Raise BadValueError if the flow was changed after its class statement was executed."""
    name = flow.__name__
    if not isinstance(home, ast.ClassDef):  # a block, such as `if`, is executed again as a whole
        return
    own = [changed_names(each).get(name) for each in cell.changing(name)]
    changed = list(changed_attributes(flow, home, cell.filename))
    if changed or any(own) or any(notebook.changes_since(name, cell)):
        told = f" ({', '.join(changed)})" if changed else ""
        raise BadValueError(
            f"{name} was changed after it was defined{told}, and changes outside its class "
            f"statement cannot travel. Move them into it, and execute the cell of {name} again"
        )


def _stale_names(flow: type, home: ast.stmt, cell: Cell, notebook: Notebook) -> set[str]:
    """Return the names that the statement read, and that may have another value now."""
    reading = Reading(home, cell, notebook)
    names = executed_names(home, cell.filename) - {flow.__name__}
    if isinstance(home, ast.ClassDef):  # they have been compared
        names -= {each.id for each in home.bases if isinstance(each, ast.Name)}
    return {
        each for each in names if reading.is_stale(each) and not _is_import(each, cell, notebook)
    }


def _is_import(name: str, cell: Cell, notebook: Notebook) -> bool:
    """Return whether a name has the value of an import that was executed before the cell."""
    value = notebook.namespace.get(name)
    for each in (cell, *notebook.executed):
        bound = each.binding.get(name) or each.binding.get("*", [])
        if bound and (each is cell or each.number < cell.number):
            return all(is_import(x) and is_imported_by(x, name, value) for x in bound)
    return False


def _is_alike(flow: type, home: ast.ClassDef, cell: Cell, name: str, notebook: Notebook) -> bool:
    """Return whether the parts of the flow that use a name equal what it gives now."""
    space = notebook.namespace
    own = {each for node in home.body for each in bound_names(node)}
    header = [*home.decorator_list, *(each.value for each in home.keywords), *home.bases]
    if any(_mentions(each, name) for each in header):
        return False
    for node in home.body:
        if name not in executed_names(node, cell.filename):
            continue
        found = vars(flow).get(_target(node), MISSING)
        if name in own or not _is_made_with(node, found, name, space):
            return False
    return True


def _target(node: ast.stmt) -> str:
    """Return the name that a statement binds; empty if it binds none or several."""
    names = list(bound_names(node))
    return names[0] if len(names) == 1 else ""


def _is_made_with(node: ast.stmt, found: object, name: str, space: Mapping[str, object]) -> bool:
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value:
        return is_given(node.value, found, space) is True or (
            isinstance(node.value, ast.Call)
            and not any(_mentions(each, name) for each in (node.value.func, *node.value.args))
            and _are_given(node.value.keywords, _settings(found), name, space)
        )
    if isinstance(node, FUNCTIONS):
        rest = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        if any(_mentions(each, name) for each in rest) or _annotates(node, name):
            return False
        decorators = {each.name: each.attributes for each in getattr(found, "decorators", [])}
        return all(
            isinstance(each, ast.Call)
            and isinstance(each.func, ast.Name)
            and each.func.id != name
            and not each.args
            and _are_given(each.keywords, decorators.get(each.func.id, {}), name, space)
            for each in node.decorator_list
            if _mentions(each, name)
        )
    return False


def _annotates(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> bool:
    arguments = [each for each in ast.walk(node.args) if isinstance(each, ast.arg)]
    found = [*(each.annotation for each in arguments), node.returns]
    return any(_mentions(each, name) for each in found if each)


def _are_given(
    keywords: list[ast.keyword],
    values: Mapping[str, object],
    name: str,
    space: Mapping[str, object],
) -> bool:
    """Return whether the keyword arguments that mention a name give the recorded values."""
    return all(
        is_given(each.value, values.get(each.arg or "", MISSING), space) is True
        for each in keywords
        if _mentions(each, name)
    )


def _settings(parameter: object) -> dict[str, object]:
    """Return the keyword arguments of a Parameter, Config or similar.

    Metaflow moves them from one attribute to the other when it reads the flow. If an object has
    neither, its arguments are unknown, and the flow counts as different.
    """
    found = dict(getattr(parameter, "kwargs", {}))
    given: Mapping[str, object] = getattr(parameter, "_override_kwargs", {})
    return found | {key: value for key, value in given.items() if value is not None}


def _mentions(node: ast.AST, name: str) -> bool:
    return any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node))


def changed_attributes(flow: type, statement: ast.ClassDef, filename: str) -> Iterator[str]:
    """Yield the attributes of a flow class that differ from those that its body made."""
    attributes = vars(flow)
    nodes = assigned(statement)
    for each in statement.body:
        if isinstance(each, FUNCTIONS):
            nodes.pop(each.name, None)
            kinds = [x.id if isinstance(x, ast.Name) else "" for x in each.decorator_list]
            if kinds in ([], ["step"]):
                lines = range(with_decorators(each).lineno, (each.end_lineno or 0) + 1)
                codes = codes_in([attributes.get(each.name)])
                if not any(x.co_filename == filename and x.co_firstlineno in lines for x in codes):
                    yield each.name
    for name, node in nodes.items():
        if node and is_given(node, attributes.get(name, MISSING), {}) is False:
            yield name
    if not statement.decorator_list and not is_made_by_code(flow):
        own = {name for each in statement.body for name in bound_names(each)} | set(OF_EVERY_CLASS)
        yield from sorted(each for each in attributes.keys() - own if not each.startswith("_"))
