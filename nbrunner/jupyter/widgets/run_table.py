"""A table of runs: a row each, with its state and what one can do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from traitlets import Bool, Dict, Int, List, Unicode, validate

from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.text.printable import visible


class RunTable(Widget, bundle="run_table"):
    """Rows of runs, as many as one looks at; which ones is decided in Python.

    Parameters
    ----------
    on_action : callable, optional
        Called with the name of an action and the key of a row (empty for the table's own),
        in whichever thread the front end's message arrives.

    Attributes
    ----------
    label : str
        Accessible name of the region.
    title : str
    columns : list of dict
        ``name``, ``label``, ``numeric``, ``sortable``.
    rows : list of dict
        ``key``, ``status``, ``cells`` (texts, one a column), ``done`` (from 0 to 1, or None),
        ``actions`` (each with ``name``, ``label``, ``disabled``, ``hint``), and ``code`` (what
        the copy button of a row gives), where there is some.
    actions : list of dict
        Of the whole table.
    sort : str
        Name of the column that the rows are sorted by; empty for the order they have.
    descending : bool
    summary : str
        What is not among the rows: ``"80 more: 70 successful, 10 running"``.
    query, status, namespace : str
        What the rows are to contain; offered where `filters` is set.
    filters : bool
    statuses, namespaces : list of str
        What there is to choose from.
    page, pages : int
        Which page is shown, from 0, and of how many; -1 for a number not known so far.
    loading : bool
    error : str
    """

    label = Unicode().tag(sync=True)
    title = Unicode().tag(sync=True)
    columns = List(Dict()).tag(sync=True)
    rows = List(Dict()).tag(sync=True)
    actions = List(Dict()).tag(sync=True)
    sort = Unicode().tag(sync=True)
    descending = Bool().tag(sync=True)
    summary = Unicode().tag(sync=True)
    filters = Bool().tag(sync=True)
    statuses = List(Unicode()).tag(sync=True)
    query = Unicode().tag(sync=True)
    status = Unicode().tag(sync=True)
    namespaces = List(Unicode()).tag(sync=True)
    namespace = Unicode().tag(sync=True)
    page = Int().tag(sync=True)
    pages = Int(1).tag(sync=True)
    loading = Bool().tag(sync=True)
    error = Unicode().tag(sync=True)

    @validate("rows")
    def _visible_rows(self, proposal: Any) -> list[dict[str, Any]]:
        rows = proposal["value"]
        return [{**row, "cells": [visible(cell) for cell in row["cells"]]} for row in rows]

    @validate("error")
    def _visible_error(self, proposal: Any) -> str:
        return visible(proposal["value"])

    def __init__(self, on_action: Callable[[str, str], None] | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self._on_action = on_action
        self.on_msg(self._message)

    def _message(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("kind") != wire.ACTION:
            return
        try:
            if self._on_action is not None:
                self._on_action(str(content.get("name")), str(content.get("key", "")))
        finally:
            self._answer_action(content)


def action(name: str, label: str, disabled: bool = False, hint: str = "") -> dict[str, Any]:
    """Return a button as the widgets take it."""
    return {"name": name, "label": label, "disabled": disabled, "hint": hint}


def column(
    name: str, label: str = "", numeric: bool = False, sortable: bool = True
) -> dict[str, Any]:
    """Return a column as the table takes it."""
    return {"name": name, "label": label or name, "numeric": numeric, "sortable": sortable}
