"""Converts a Python value for display: as text, table, image or HTML page. Pure functions.

Libraries are recognised by what their values offer; none is imported. IPython's
``display_formatter.format`` is not used: it converts a whole value to HTML, while tables here are
cut first and stay text, and a terminal has no such formatters.
"""

from __future__ import annotations

import io
import pprint
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from nbrunner.text.printable import shortened, visible

MAX_ROWS = 200
MAX_COLUMNS = 50
MAX_CELL = 200
MAX_CHARACTERS = 50_000

# More items than fit into the text, so that a very long list is not converted completely.
_MAX_ITEMS = MAX_CHARACTERS
_SLICED: Mapping[type, Callable[[Any], Any]] = {
    list: lambda value: value[:_MAX_ITEMS],
    tuple: lambda value: value[:_MAX_ITEMS],
    set: lambda value: set(islice(value, _MAX_ITEMS)),
    frozenset: lambda value: frozenset(islice(value, _MAX_ITEMS)),
    dict: lambda value: dict(islice(value.items(), _MAX_ITEMS)),
}

_IMAGES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}


@dataclass(frozen=True)
class ValueView:
    """A value prepared for display.

    Attributes
    ----------
    kind : str
        ``"text"``, ``"table"``, ``"image"`` or ``"html"``; rendered by ``jupyter/html/value.py``
        (saved) and ``js/src/artifacts/value.ts`` (live).
    text : str
        Text, or HTML page.
    columns, rows : list
        Column names of a table, and its cells as text.
    cut : str
        What is left out: ``"the first 200 of 10,000 rows"``; empty if nothing is.
    mime, data
        Type and content of an image.
    """

    kind: Literal["text", "table", "image", "html"]
    text: str = ""
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    cut: str = ""
    mime: str = ""
    data: bytes = b""


def view_of(value: Any) -> ValueView:
    """Return a value prepared for display."""
    for look in (_image, _frame, _page, _plain_table):
        found = look(value)
        if found is not None:
            return found
    return _text(value)


def _image(value: Any) -> ValueView | None:
    if isinstance(value, (bytes, bytearray)):
        data = bytes(value)
        mime = next((mime for start, mime in _IMAGES.items() if data.startswith(start)), "")
        return ValueView("image", mime=mime, data=data) if mime else None
    drawn = _drawn(value)
    return None if drawn is None else ValueView("image", mime="image/png", data=drawn)


def _drawn(value: Any) -> bytes | None:
    draw = getattr(value, "_repr_png_", None)  # PIL's images, and many others
    if callable(draw) and not isinstance(value, type):
        found = draw()
        return found if isinstance(found, bytes) else None
    if type(value).__module__.startswith("matplotlib.figure"):
        drawn = io.BytesIO()
        value.savefig(drawn, format="png", bbox_inches="tight")
        return drawn.getvalue()
    return None


def _frame(value: Any) -> ValueView | None:
    """Return a DataFrame, Series or array of up to two dimensions as a table, else None."""
    library = type(value).__module__.partition(".")[0]
    if library == "pandas" and hasattr(value, "iloc"):
        return _pandas(value)
    if library == "polars" and hasattr(value, "rows"):
        shown = value[:, :MAX_COLUMNS].head(MAX_ROWS).rows()
        return _table(value.columns, shown, value.height)
    if library == "numpy" and getattr(value, "ndim", 0) in (1, 2):
        rows = value if value.ndim == 2 else value.reshape(-1, 1)
        names = value.dtype.names or [str(number) for number in range(rows.shape[1])]
        cells = rows[:MAX_ROWS, :MAX_COLUMNS]
        if value.dtype.names:
            cells = [row[0] for row in cells]
        return _table(names, cells, len(rows), numbered=True)
    return None


def _pandas(value: Any) -> ValueView | None:
    if not hasattr(value, "index"):
        return None
    frame = value.to_frame() if value.ndim == 1 else value
    shown = frame.iloc[:MAX_ROWS, :MAX_COLUMNS]
    rows = [[index, *row] for index, row in zip(shown.index, shown.itertuples(index=False))]  # noqa: B905
    return _table(["", *frame.columns], rows, len(frame))


def _page(value: Any) -> ValueView | None:
    """Return the HTML of a value that has one; the front end shows it in a sandboxed frame."""
    draw = getattr(value, "_repr_html_", None)
    if not callable(draw) or isinstance(value, type):
        return None
    page = draw()
    return ValueView("html", text=page) if isinstance(page, str) else None


def _plain_table(value: Any) -> ValueView | None:
    """Return a dict, or a list of dicts with the same keys, as a table, else None."""
    if isinstance(value, Mapping) and value and all(_is_small(each) for each in value.values()):
        return _table(["", "value"], islice(value.items(), MAX_ROWS), len(value))
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)) or not value:
        return None
    first = value[0]
    if not isinstance(first, Mapping) or not first:
        return None
    shown = value[:MAX_ROWS]
    if any(not isinstance(each, Mapping) or each.keys() != first.keys() for each in shown):
        return None
    return _table(list(first), [list(each.values()) for each in shown], len(value), numbered=True)


def _is_small(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, complex, str))


def _table(
    columns: Iterable[Any], rows: Iterable[Iterable[Any]], total: int, numbered: bool = False
) -> ValueView:
    names = [visible(str(name)) for name in columns]
    # Truncated before the cells are converted: there may be very many columns.
    cells = [[_cell(value) for value in islice(row, MAX_COLUMNS)] for row in rows]
    if numbered:
        names = ["", *names]
        cells = [[str(number), *row] for number, row in enumerate(cells)]
    cuts = []
    if total > len(cells):
        cuts.append(f"the first {len(cells):,} of {total:,} rows")
    if len(names) > MAX_COLUMNS:
        cuts.append(f"the first {MAX_COLUMNS - 1} of {len(names) - 1:,} columns")
        names, cells = names[:MAX_COLUMNS], [row[:MAX_COLUMNS] for row in cells]
    return ValueView("table", columns=names, rows=cells, cut=", ".join(cuts))


def _cell(value: Any) -> str:
    # Numbers are formatted as in pandas; numpy's floats are Python floats.
    text = f"{value:.6g}" if isinstance(value, float) else visible(str(value))
    return shortened(text, MAX_CELL)


def _text(value: Any) -> ValueView:
    cuts = []
    if isinstance(value, str):
        text = value
    else:
        if type(value) in _SLICED and len(value) > _MAX_ITEMS:
            cuts.append(f"the first {_MAX_ITEMS:,} of {len(value):,} items")
            value = _SLICED[type(value)](value)
        text = pprint.pformat(value, width=100, compact=True)
    if len(text) > MAX_CHARACTERS:
        cuts.append(f"the first {MAX_CHARACTERS:,} of {len(text):,} characters")
    return ValueView("text", visible(text[:MAX_CHARACTERS]), cut=", ".join(cuts))
