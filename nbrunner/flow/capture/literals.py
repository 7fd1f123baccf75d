"""Plain values: those that an expression of builtin names and literals makes again. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes})
_SERIES = frozenset({list, tuple, set, frozenset})

# CPython parses 200 nested brackets (MAXLEVEL in its tokenizer); a list takes two.
_MAX_DEPTH = 50

# numpy may convert these to a number without its unit.
_NO_NUMBERS = frozenset({"datetime64", "timedelta64", "void"})

# Python neither prints nor reads a longer decimal number (sys.set_int_max_str_digits).
_MAX_DECIMAL_BITS = 2000


def is_plain(value: object) -> bool:
    """Return whether a value is a number, a text, None, or a collection of these.

    Only the exact types count: a subclass, such as an enum, a named tuple or a defaultdict, would
    lose its type. Deeply nested collections do not count, nor those that hold themselves or the
    same list twice: an expression would make two lists.
    """
    return _is_plain(value, _MAX_DEPTH, set())


def _is_plain(value: Any, depth: int, seen: set[int]) -> bool:
    if type(value) not in _SERIES and type(value) is not dict:
        return is_scalar(value)
    held = [*value, *value.values()] if type(value) is dict else value
    if type(value) in (tuple, frozenset) and all(map(is_scalar, held)):
        return depth > 0
    if depth <= 0 or id(value) in seen:
        return False
    seen.add(id(value))
    return all(_is_plain(each, depth - 1, seen) for each in held)


def is_scalar(value: object) -> bool:
    """Return whether a value is plain and not a collection, and so cannot be changed in place."""
    return type(_of_python(value)) in _SCALARS


def _of_python(value: Any) -> Any:
    """Return a numpy scalar as a Python number or text; any other value unchanged."""
    kind = type(value)
    # By name: numpy may not be installed, and its import would take longer than all of this.
    if kind.__module__ != "numpy" or kind.__name__ in _NO_NUMBERS:
        return value
    return value.item() if any(base.__name__ == "generic" for base in kind.__mro__) else value


def mutable_ids(value: object) -> Iterator[int]:
    """Yield the ids of the lists, sets and dicts in a plain value."""
    if isinstance(value, dict):
        yield id(value)
        for each in value.values():
            yield from mutable_ids(each)
    elif isinstance(value, (list, tuple, set)):
        if not isinstance(value, tuple):
            yield id(value)
        for each in value:
            yield from mutable_ids(each)


def plain_source(value: object) -> str:
    """Return an expression that makes a plain value again.

    Its only name is ``__import__``: a notebook may have bound ``list`` or ``float``.
    """
    number = _of_python(value)
    if number is not value:  # bool_ is its name in every numpy
        name = type(value).__name__.replace("bool_", "bool").replace("bool", "bool_")
        return f"__import__('numpy').{name}({plain_source(number)})"
    if isinstance(value, dict):
        pairs = (f"{plain_source(key)}: {plain_source(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return _series_source(value)
    if isinstance(value, complex):
        parts = f"{plain_source(value.real)}, {plain_source(value.imag)}"
        return f"{_BUILTINS}.complex({parts})"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"{_BUILTINS}.float('{value}')"
    if isinstance(value, int) and value.bit_length() > _MAX_DECIMAL_BITS:
        return hex(value)
    return repr(value)


_BUILTINS = "__import__('builtins')"


def _series_source(value: Any) -> str:
    items = ", ".join(map(plain_source, value))
    if isinstance(value, list):
        return f"[{items}]"
    if isinstance(value, tuple):
        return f"({items},)" if items else "()"
    # A set made from a list keeps the order of its members if their hashes allow it.
    return f"{_BUILTINS}.{type(value).__name__}([{items}])"
