"""Finds the functions and classes of Python or metaflow that an import replaces.

A flow that does not import a preloaded module must not find them replaced.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Mapping

from nbrunner.launch.warm.probe.stand_ins import Unbound

_KINDS = (types.FunctionType, types.BuiltinFunctionType, type)

# typing_extensions replaces these to support more kinds of type variables.
_HARMLESS = frozenset(
    f"typing.{name}" for name in ("_check_generic", "_collect_parameters", "_collect_type_vars")
)

Callables = Mapping[str, object]


def callables() -> Callables:
    """Return the functions and classes in loaded modules of Python and metaflow, by full name."""
    return {name: value for name, value in _attributes() if isinstance(value, _KINDS)}


def replaced(before: Callables) -> list[str]:
    """Return the full names of those that have been replaced since."""
    now = {name: value for name, value in _attributes() if name in before}
    return sorted(
        name
        for name, value in now.items()
        if before[name] is not value and not isinstance(value, Unbound) and name not in _HARMLESS
    )


def _attributes() -> Iterator[tuple[str, object]]:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in sys.stdlib_module_names | {"metaflow"}:
            continue
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            yield f"{name}.{attribute}", value
            if isinstance(value, type) and value.__module__ == name:
                for method, function in list(vars(value).items()):
                    yield f"{name}.{attribute}.{method}", function
