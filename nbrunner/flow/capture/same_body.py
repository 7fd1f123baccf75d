"""Decides whether a class body, executed again, would make the attributes that the class has.

False is always safe. The value of an expression is known for literals, names, and arithmetic
with them. Other attributes count as unchanged only if no statement may have changed the class
since it was made.
"""

from __future__ import annotations

import abc
import ast
import dataclasses
import enum
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nbrunner.flow.capture.literals import is_scalar
from nbrunner.flow.capture.notebook import code_constants
from nbrunner.flow.capture.scope import bound_names, compiled

MISSING = object()
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_ARITHMETIC = (
    *(ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Constant, ast.Compare, ast.cmpop),
    *(ast.List, ast.Tuple, ast.Dict, ast.Set, ast.IfExp, ast.JoinedStr, ast.FormattedValue),
)
_OF_EVERY_MEMBER = frozenset({"_value_", "_name_", "__objclass__", "_sort_order_"})
OF_EVERY_CLASS = frozenset(
    [
        *("__module__", "__qualname__", "__dict__", "__weakref__", "__doc__", "__annotations__"),
        *("__orig_bases__", "__parameters__", "__static_attributes__", "__firstlineno__"),
        *("__abstractmethods__", "_abc_impl", "__hash__", "__classcell__", "__slots__"),
        *("__type_params__", "__annotate__", "__annotations_cache__", "__annotate_func__"),
    ]
)


def named(node: ast.expr, space: Mapping[str, object]) -> object:
    """Return the current value of a name or of a module's attribute; MISSING if it has none."""
    if isinstance(node, ast.Name):
        builtins = vars(__import__("builtins"))
        return space.get(node.id, builtins.get(node.id, MISSING))
    if isinstance(node, ast.Attribute):
        owner = named(node.value, space)
        if isinstance(owner, types.ModuleType):
            return vars(owner).get(node.attr, MISSING)
    return MISSING


def gives(node: ast.expr, value: object, space: Mapping[str, object]) -> bool:
    """Return whether an expression is a literal for a value, or a name of it."""
    try:
        constant = ast.literal_eval(node)
    except ValueError:
        return named(node, space) is value
    return _is_alike(constant, value)


def _is_alike(one: object, other: object) -> bool:
    # A mutable value may have been changed in place, so it is compared with the literal.
    return repr(one) == repr(other) if type(one) is type(other) else False


def is_given(node: ast.expr | None, value: object, space: Mapping[str, object]) -> bool | None:
    """Return whether an expression in a class body gives a value; None if that is unknown."""
    if node is None:
        return None
    try:
        return _is_alike(ast.literal_eval(node), value)
    except ValueError:
        pass
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
    if any(named(each, space) is MISSING for each in names):
        return None
    if isinstance(node, (ast.Name, ast.Attribute)):
        return named(node, space) is value
    is_known = all(isinstance(each, (*_ARITHMETIC, ast.Name, ast.Load)) for each in ast.walk(node))
    if not is_known or not all(is_scalar(named(each, space)) for each in names):
        return None
    code = compile(ast.Expression(node), "<attribute>", "eval", dont_inherit=True)
    return _is_alike(eval(code, dict(space)), value)


def is_body_of(
    value: type,
    statement: ast.ClassDef,
    body: types.CodeType,
    space: Mapping[str, object],
    is_touched: Callable[[], bool],
) -> bool:
    """Return whether a class has the attributes that its body gives it.

    Parameters
    ----------
    value : type
        The class.
    statement : ast.ClassDef
        Its statement.
    body : code
        The code of the class body, compiled as the flow file will be.
    space : mapping
        The notebook's globals.
    is_touched : callable
        Returns whether a statement may have changed the class since it was made, or may change what
        its body computes.
    """
    own = assigned(statement)
    space = {key: each for key, each in space.items() if key not in own}
    functions = _functions(value, statement, body, space)
    answers = {*functions, *_attributes(value, statement, space)}
    if isinstance(value, abc.ABCMeta) and _registered(value):
        return False
    if False in answers and not (is_made_by_code(value) and functions.count(False) == 0):
        return False
    if not answers <= {True} and is_touched():
        return False
    return all(
        isinstance(nested := vars(value).get(each.name), type)
        and is_body_of(nested, each, _code_of(body, each.name), space, is_touched)
        for each in statement.body
        if isinstance(each, ast.ClassDef) and not each.decorator_list
    )


def _registered(value: Any) -> bool:
    dump: Any = vars(abc)["_get_dump"]
    return bool(dump(value)[0])


def is_made_by_code(value: type) -> bool:
    """Return whether making a class executes code of the notebook besides its body."""
    own = value.__module__
    return type(value).__module__ == own or any(
        each.__module__ == own and "__init_subclass__" in vars(each) for each in value.__mro__[1:]
    )


def _code_of(body: types.CodeType, name: str) -> types.CodeType:
    return next((each for each in code_constants(body) if each.co_name == name), body)


def class_code_of(statement: ast.ClassDef, filename: str, flags: int = 0) -> types.CodeType:
    """Return the code of a class body, compiled as the flow file will be."""
    stack = [compiled(statement, filename, flags)]
    while True:
        for each in code_constants(stack.pop()):
            if each.co_name == statement.name:
                return each
            stack.append(each)


# -- functions ------------------------------------------------------------------------------


def _functions(
    value: type, statement: ast.ClassDef, body: types.CodeType, space: Mapping[str, object]
) -> list[bool | None]:
    last = {each.name: each for each in statement.body if isinstance(each, FUNCTIONS)}
    return [_is_method(vars(value).get(name), node, body, space) for name, node in last.items()]


def _is_method(
    found: object,
    node: ast.FunctionDef | ast.AsyncFunctionDef,
    body: types.CodeType,
    space: Mapping[str, object],
) -> bool | None:
    known = [each.id if isinstance(each, ast.Name) else "" for each in node.decorator_list]
    if known not in ([], ["classmethod"], ["staticmethod"], ["property"]):
        return None
    if isinstance(found, (classmethod, staticmethod)):
        found = found.__func__
    elif isinstance(found, property) and known == ["property"]:
        found = found.fget
    if node.name == "__new__" and not isinstance(found, types.FunctionType):
        return None
    if not isinstance(found, types.FunctionType) or vars(found):
        return False
    code = found.__code__
    if code.co_filename != body.co_filename or code not in code_constants(body):
        return False
    nodes = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    values = [*(found.__defaults__ or ()), *(found.__kwdefaults__ or {}).values()]
    if len(nodes) != len(values):
        return False
    answers = {is_given(each, default, space) for each, default in zip(nodes, values, strict=True)}
    return False if False in answers else None if None in answers else True


# -- attributes -----------------------------------------------------------------------------


def assigned(statement: ast.ClassDef) -> dict[str, ast.expr | None]:
    """Return each name that a class body binds -> the expression of its last assignment.

    None if the name is bound in another way, or only annotated.
    """
    found: dict[str, ast.expr | None] = {}
    for each in statement.body:
        for name in bound_names(each):
            found[name] = None
        target, given = None, None
        if isinstance(each, ast.Assign):
            target, given = each.targets[-1], each.value
        elif isinstance(each, ast.AnnAssign):
            target, given = each.target, each.value
        if isinstance(target, ast.Name) and given:
            found[target.id] = given
    return found


def _attributes(
    value: type, statement: ast.ClassDef, space: Mapping[str, object]
) -> Iterator[bool | None]:
    defined = {each.name for each in statement.body if isinstance(each, (*FUNCTIONS, ast.ClassDef))}
    nodes = {key: node for key, node in assigned(statement).items() if key not in defined}
    if isinstance(value, enum.EnumMeta):
        yield from _members(value, nodes, space)
        return
    attributes = vars(value)
    fields = getattr(value, "_fields", ()) if issubclass(value, tuple) else ()
    is_made_plainly = (
        type(value) in (type, abc.ABCMeta) and not statement.decorator_list and not fields
    )
    own = nodes.keys() | defined | OF_EVERY_CLASS | _slots(value)
    if extra := attributes.keys() - own:
        yield False if is_made_plainly and not is_made_by_code(value) else None
        if any(not each.startswith("_") for each in extra - {*fields, "register"}):
            yield None
    for name, node in nodes.items():
        is_descriptor = isinstance(attributes.get(name), types.MemberDescriptorType)
        if name.startswith("__") or name in fields or (is_descriptor and name in _slots(value)):
            continue
        if name in attributes:
            yield is_given(node, attributes[name], space)
        elif node is not None:
            yield None if dataclasses.is_dataclass(value) else False


def _members(
    value: Any, nodes: Mapping[str, ast.expr | None], space: Mapping[str, Any]
) -> Iterator[bool | None]:
    members: Mapping[str, enum.Enum] = value.__members__
    yield members.keys() <= nodes.keys()
    for name, each in members.items():
        is_known = is_given(nodes.get(name), each.value, space)
        yield True if is_known is None and is_scalar(each.value) else is_known
        if vars(each).keys() - _OF_EVERY_MEMBER:
            yield None


def _slots(value: type) -> set[str]:
    found = vars(value).get("__slots__", ())
    return {found} if isinstance(found, str) else set(found)
