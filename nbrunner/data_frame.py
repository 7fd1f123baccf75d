"""Tables for users: as a DataFrame if pandas is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def data_frame(rows: Sequence[Mapping[str, object]]) -> object:
    """Return rows as a pandas.DataFrame, or unchanged if pandas is not installed."""
    try:
        import pandas
    except ImportError:
        return rows
    return pandas.DataFrame(rows)
