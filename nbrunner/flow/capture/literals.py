"""Plain values: those that an expression of nothing but Python's own names gives again. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes})
_SERIES = frozenset({list, tuple, set, frozenset})

# What numpy gives for them may be a bare number, of whatever unit.
_NO_NUMBERS = frozenset({"datetime64", "timedelta64", "void"})

# Python neither prints nor reads a longer decimal number (sys.set_int_max_str_digits).
_MAX_DECIMAL_BITS = 2000


def is_plain(value: Any) -> bool:
    """Tell whether a value is a number, a text, nothing, or a collection of such.

    The exact types alone: what is derived from them, as an enum, a named tuple or a
    defaultdict is, would come back as something else.
    """
    try:
        return _is_plain(value)
    except RecursionError:  # it holds itself
        return False


def _is_plain(value: Any) -> bool:
    if type(value) is dict:
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    if type(value) in _SERIES:
        return all(map(_is_plain, value))
    return is_scalar(value)


def is_scalar(value: Any) -> bool:
    """Tell whether a value is plain, and none that can be changed in place or holds others."""
    return type(_of_python(value)) in _SCALARS


def _of_python(value: Any) -> Any:
    """Return the Python number or text that a scalar of numpy stands for; all else as it is."""
    kind = type(value)
    # By name: numpy need not be there, and its import would take longer than all of this.
    if kind.__module__ != "numpy" or kind.__name__ in _NO_NUMBERS:
        return value
    return value.item() if any(base.__name__ == "generic" for base in kind.__mro__) else value


def mutable_ids(value: Any) -> Iterator[int]:
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


def plain_source(value: Any) -> str:
    """Return an expression that gives a plain value again."""
    number = _of_python(value)
    if number is not value:  # bool_ is its name in every numpy
        name = type(value).__name__.replace("bool_", "bool").replace("bool", "bool_")
        return f"__import__('numpy').{name}({plain_source(number)})"
    if isinstance(value, dict):
        pairs = (f"{plain_source(key)}: {plain_source(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return f"{type(value).__name__}([{', '.join(map(plain_source, value))}])"
    if isinstance(value, complex):
        return f"complex({plain_source(value.real)}, {plain_source(value.imag)})"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"float('{value}')"
    if isinstance(value, int) and value.bit_length() > _MAX_DECIMAL_BITS:
        return hex(value)
    return repr(value)
