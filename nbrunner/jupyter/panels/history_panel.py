"""HistoryPanel: a table of past runs, also of other kernels and users."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace

from nbrunner.engine import client
from nbrunner.errors import RunNotFoundError, said
from nbrunner.followed_run import FollowedRun
from nbrunner.handles import ExecutingProcess, attach
from nbrunner.history import (
    CELLS,
    PAGE_SIZE,
    STATUSES,
    History,
    Page,
    PastRun,
    cells_of,
    said_of_unreadable,
    telling_columns,
)
from nbrunner.jupyter.html.run import table_picture
from nbrunner.jupyter.kernel.feed import FEED
from nbrunner.jupyter.kernel.front_end import no_cells_context
from nbrunner.jupyter.kernel.serial_executors import Aside
from nbrunner.jupyter.magic.equivalent_code import code_of
from nbrunner.jupyter.panels.panel import Panel
from nbrunner.jupyter.panels.resume_bar import ResumeBar
from nbrunner.jupyter.panels.run_panel import RunPanel
from nbrunner.jupyter.panels.stored_panel import StoredPanel
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.jupyter.widgets.run_table import Row, RunTable, action, column
from nbrunner.text.printable import visible

_RESUMED = tuple(each for each in STATUSES if each != "running")
_LOOK_SECONDS = 1.0
_COLUMNS = [column(name.lower(), name, numeric=name == "Time", sortable=False) for name in CELLS]


class HistoryPanel(Panel):
    """A table of past runs, newest first, page by page.

    Parameters
    ----------
    flow : str
        Name of the flow; empty for all runs started by nbrunner.
    flows : callable, optional
        Returns the current flows of the notebook by name, with which a run may be resumed.
    """

    def __init__(
        self, flow: str = "", flows: Callable[[], Mapping[str, object]] | None = None
    ) -> None:
        self.flow = flow
        self.history = History(flow)
        self._flows = flows or dict
        self._page = Page([], 0, 1)
        self._is_read = False
        self._aside = Aside("nbrunner-history")
        self._asked = 0
        self._closed = False
        self._open: dict[str, Widget] = {}
        self._watching: Future[None] | None = None
        of = flow or "all flows"
        self.table = RunTable(
            on_action=self._act,
            label=f"Runs of {of}",
            title=f"Runs of {of}",
            columns=[_COLUMNS[index] for index in telling_columns([])],
            actions=[action("refresh", "Refresh")],
            filters=True,
            statuses=list(STATUSES),
            loading=True,
        )
        self.table.observe(self._choose, ["query", "status", "namespace", "page"])
        super().__init__({"table": self.table}, origin={"kind": "history", "flow": flow})
        self._refresh()

    # -- reading, in a thread -------------------------------------------------------------

    def _choose(self, _change: object) -> None:
        self._refresh()

    def _refresh(self) -> None:
        if self._closed:
            return
        self._asked += 1
        number = self._asked
        self._aside(lambda: self._read(number))

    def _read(self, number: int) -> None:
        if number != self._asked:  # another page was selected in the meantime
            return
        self.table.loading = True
        try:
            self._page = self.read()
            self._is_read = True
            if number == self._asked:
                self._show()
                self.refresh_picture()
                self._watch()
        except Exception as failure:  # raised by Metaflow or a service
            if number == self._asked:
                self._show_error(failure)

    def _watch(self) -> None:
        """Read the page again once one of its active runs has ended."""
        shown = (_attached(run) for run in self._page.runs if run.status == "running")
        living = [running for running in shown if running is not None]
        if self._watching is not None:
            self._watching.cancel()
        self._watching = FEED.start(self._until_one_ends(living))

    async def _until_one_ends(self, living: list[ExecutingProcess]) -> None:
        while living:
            await asyncio.sleep(_LOOK_SECONDS)
            if any(running.status != "running" for running in living):
                self._refresh()
                return

    def close(self) -> None:
        """Close the panel; runs continue, and the result of a read in progress is dropped."""
        self._closed = True
        self._asked += 1
        if self._watching is not None:
            self._watching.cancel()
        super().close()

    def read(self) -> Page:
        """Return the selected page."""
        table, number = self.table, self._asked
        if not table.namespaces:
            own = client.current_namespace()
            table.namespaces = [own] if own else []
        return self.history.page(
            table.page,
            table.query,
            table.status,
            table.namespace or None,
            cancelled=lambda: number != self._asked,
            tell=self._tell,
        )

    def _tell(self, runs: list[PastRun], seen: int, total: int) -> None:
        """Show the runs that a search has found so far."""
        self._page = Page(runs[:PAGE_SIZE], self.table.page, -1)
        with self.table.hold_sync():
            self._fill()
            self.table.summary = f"searched {seen:,} of {total:,} runs"

    def _show(self) -> None:
        with self.table.hold_sync():
            self._fill()
            self.table.pages = self._page.pages
            self.table.error = said_of_unreadable(self._page.unreadable)
            self.table.actions = [action("refresh", "Refresh")]
            self.table.summary = _by_whom(self._page.runs)
            self.table.loading = False

    def _show_error(self, failure: Exception) -> None:
        """Show an error where it was caused, above the unchanged rows."""
        with self.table.hold_sync():
            self.table.error = said(failure)
            self.table.summary = ""
            self.table.loading = False

    def _fill(self) -> None:
        """Show the page in the table, without empty columns."""
        runs = self._page.runs
        cells = [cells_of(run) for run in runs]
        columns = telling_columns(cells)
        self.table.columns = [_COLUMNS[index] for index in columns]
        self.table.rows = [
            self._row(run, [each[index] for index in columns])
            for run, each in zip(runs, cells, strict=True)
        ]

    def _row(self, run: PastRun, cells: list[str]) -> Row:
        actions = [action("open", "Close" if f"open {run.pathspec}" in self._open else "Open")]
        if (run.status == "running" or run.left) and run.recorded:
            actions.append(action("stop", "Stop"))
        if run.status in _RESUMED and not run.is_spin:
            actions.append(action("resume", "Resume"))
        if run.origin:
            shown = f"origin {run.pathspec}" in self._open
            actions.append(action("origin", "Close origin" if shown else "Origin"))
        return {
            "key": run.pathspec,
            "status": run.status,
            "cells": cells,
            "done": None,
            "actions": actions,
            "code": _code(run),
        }

    # -- actions ---------------------------------------------------------------------------

    def _act(self, name: str, key: str) -> None:
        """Start the action of a button and return at once; called in any thread."""
        if name == "refresh":
            self._refresh()
            return
        run = next((each for each in self._page.runs if each.pathspec == key), None)
        if run is None:
            return
        if name == "stop":
            FEED.start(self._stop(run))
        else:
            self._aside(lambda: self._toggle(name, run))

    async def _stop(self, run: PastRun) -> None:
        try:
            if (running := _attached(run)) is not None:
                await running.async_stop()
        finally:
            self._refresh()

    def _toggle(self, what: str, run: PastRun) -> None:
        """Show or close, below the table, what a row's button opens."""
        key = f"{what} {run.pathspec}"
        part = self._open.pop(key, None)
        try:
            if part is None and not self._closed:
                part = self._open[key] = no_cells_context().run(self._made, what, run)
                self.show_below(part)
                if self._closed:  # in the meantime
                    part.close()
            elif part is not None:
                self.close_below(part)
            self._show()
        except Exception as failure:  # raised by Metaflow or a service
            self._show_error(failure)

    def _made(self, what: str, run: PastRun) -> Widget:
        if what == "origin":
            run = self.history.run(run.origin)
        running = _attached(run)
        if running is None:
            run = replace(run, recorded="")
        if what == "resume":
            return ResumeBar(run, self._flows(), on_start=self._show_resumed)
        if running is None:
            return StoredPanel(FollowedRun(run.pathspec))
        return RunPanel(running)

    def _show_resumed(self, running: ExecutingProcess) -> None:
        """Show the run that resumes one of these, and reload the table."""
        panel = no_cells_context().run(RunPanel, running)
        self._open[f"open {running.pathspec}"] = panel
        self.show_below(panel)
        self._refresh()

    # -- output of a cell -------------------------------------------------------------------

    def own_picture(self) -> dict[str, str]:
        """Return the current page as a MIME bundle."""
        return history_picture(self.flow, self._page, self._is_read)


def _attached(run: PastRun) -> ExecutingProcess | None:
    """Return the handle of a run; None if nbrunner has no record of it."""
    if run.recorded:
        with contextlib.suppress(RunNotFoundError):
            return attach(run.recorded)
    return None


def _code(run: PastRun) -> str:
    """Return the code to start a run again, or else to load it."""
    load = f"run = metaflow.Run({run.pathspec!r})"
    running = _attached(run)
    if running is None:
        return load
    code = code_of(running)
    return "\n\n".join(part for part in (code["magic"], code["python"], load) if part)


def history_picture(flow: str, page: Page, is_read: bool = True) -> dict[str, str]:
    """Return a page of runs as text and an HTML table; ``is_read`` is False while it loads."""
    noted = any(run.note for run in page.runs)
    columns = [index for index, name in enumerate(CELLS) if noted or name != "Note"]
    names = ["status", *(_COLUMNS[index]["label"] for index in columns)]
    rows = []
    for run in page.runs:
        cells = cells_of(run)
        rows.append([run.said, *(cells[index] for index in columns)])
    remark = "" if page.pages == 1 else f"page {page.number + 1}" if rows else ""
    if not rows:
        remark = "no runs" if is_read else "loading runs ..."
    return table_picture(f"Runs of {flow or 'all flows'}", names, rows, remark)


def _by_whom(runs: Sequence[PastRun]) -> str:
    """Return the user of the runs if it is the same for all."""
    users = {run.user for run in runs}
    if len(users) != 1 or users == {""}:
        return ""
    return f"{'all ' if len(runs) > 1 else ''}by {visible(users.pop())}"
