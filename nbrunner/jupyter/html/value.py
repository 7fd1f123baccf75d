"""A value of an artifact as the output of a cell: table, image, page or text. Pure."""

from __future__ import annotations

import base64
import html

from nbrunner.jupyter.widgets.value_view import ValueView
from nbrunner.text.printable import aligned, on_one_line


def value_bundle(view: ValueView) -> dict[str, str]:
    """Return the MIME bundle of a prepared value.

    The value's own HTML is shown in a frame with scripts disabled.
    """
    cut = f"\n({view.cut})" if view.cut else ""
    note = f"<div>({html.escape(view.cut)})</div>" if view.cut else ""
    if view.kind == "image":
        encoded = base64.b64encode(view.data).decode()
        return {view.mime: encoded, "text/plain": f"<{view.mime}, {len(view.data):,} bytes>"}
    if view.kind == "table":
        rows = [[on_one_line(cell) for cell in row] for row in (view.columns, *view.rows)]
        return {"text/plain": "\n".join(aligned(rows)) + cut, "text/html": _table(rows) + note}
    if view.kind == "html":
        page = html.escape(view.text)
        style = "width:100%;height:360px;border:0;background:white"
        frame = f'<iframe sandbox="" style="{style}" title="value" srcdoc="{page}"></iframe>'
        return {"text/html": frame + note, "text/plain": "<HTML page>" + cut}
    return {"text/plain": view.text + cut}


def _table(rows: list[list[str]]) -> str:
    tags = ["th", *["td"] * (len(rows) - 1)]
    lines = [_row(cells, tag) for cells, tag in zip(rows, tags, strict=True)]
    return f"<table>{''.join(lines)}</table>"


def _row(cells: list[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"
