"""Widget with a table of runs: state, columns and buttons of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NotRequired, TypedDict, cast

from traitlets import Bool, Bunch, Dict, Int, List, Unicode, validate

from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.protocols import Content
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.text.printable import visible


class RunTable(Widget, bundle="run_table"):
    """A page of runs; Python selects and sorts the rows.

    Parameters
    ----------
    on_action : callable, optional
        Called with the name of an action and the key of a row (empty for the table's own
        actions) in the thread that receives the message.

    Attributes
    ----------
    label : str
        Accessible name of the region.
    title : str
        Heading of the table.
    columns : list of dict
        ``name``, ``label``, ``numeric``, ``sortable``.
    rows : list of dict
        ``key``, ``status``, ``cells`` (one text per column), ``done`` (from 0 to 1, or None),
        ``actions`` (each with ``name``, ``label``, ``disabled``, ``hint``), and optionally
        ``code`` for the copy button of a row.
    actions : list of dict
        Actions of the whole table.
    sort : str
        Name of the sort column; empty for the original order.
    descending : bool
        Sort direction.
    summary : str
        Summary of the rows that are not shown: ``"80 more: 70 successful, 10 running"``.
    query, status, namespace : str
        Filters, offered if `filters` is set; empty for all.
    filters : bool
        Whether to show the filter controls.
    statuses, namespaces : list of str
        Values offered by the filter controls.
    page, pages : int
        Page number, from 0, and number of pages, -1 if not yet known.
    loading : bool
        True while rows are being read.
    error : str
        Error message; empty if there is none.
    """

    label = Unicode().tag(sync=True)
    title = Unicode().tag(sync=True)
    columns = cast("List[Column]", List(Dict())).tag(sync=True)
    rows = cast("List[Row]", List(Dict())).tag(sync=True)
    actions = cast("List[Action]", List(Dict())).tag(sync=True)
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
    def _visible_rows(self, proposal: Bunch) -> list[dict[str, object]]:
        rows = proposal["value"]
        return [{**row, "cells": [visible(cell) for cell in row["cells"]]} for row in rows]

    @validate("error")
    def _visible_error(self, proposal: Bunch) -> str:
        return visible(proposal["value"])

    def __init__(
        self, on_action: Callable[[str, str], None] | None = None, **traits: object
    ) -> None:
        super().__init__(**traits)
        self._on_action = on_action
        self.on_msg(self._message)

    def _message(self, _widget: object, content: Content, _buffers: object) -> None:
        if content.get("kind") != wire.ACTION:
            return
        try:
            if self._on_action is not None:
                self._on_action(str(content.get("name")), str(content.get("key", "")))
        finally:
            self._answer_action(content)


class Action(TypedDict):
    """A button of a row or table."""

    name: str
    label: str
    disabled: bool
    hint: str


class Column(TypedDict):
    """A column of a table."""

    name: str
    label: str
    numeric: bool
    sortable: bool


class Row(TypedDict):
    """A row of a table."""

    key: str
    status: str
    cells: list[str]
    done: float | None
    actions: list[Action]
    code: NotRequired[str]


def action(name: str, label: str, disabled: bool = False, hint: str = "") -> Action:
    """Return a button in the format of the widgets."""
    return {"name": name, "label": label, "disabled": disabled, "hint": hint}


def column(name: str, label: str = "", numeric: bool = False, sortable: bool = True) -> Column:
    """Return a column in the format of the table."""
    return {"name": name, "label": label or name, "numeric": numeric, "sortable": sortable}
