"""Recognizing a FlowSpec class without importing metaflow for it."""

from __future__ import annotations

import inspect


def is_flow_class(value: object) -> bool:
    """Return whether a value is a subclass of metaflow's FlowSpec."""
    return inspect.isclass(value) and any(
        base.__name__ == "FlowSpec" and base.__module__.partition(".")[0] == "metaflow"
        for base in value.__mro__[1:]
    )
