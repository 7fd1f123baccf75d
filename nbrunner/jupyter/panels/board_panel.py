"""BoardPanel: a live table of many runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from nbrunner.errors import BadTypeError, said
from nbrunner.handles import ExecutingProcess
from nbrunner.jupyter.kernel.feed import FEED
from nbrunner.jupyter.kernel.front_end import no_cells_context
from nbrunner.jupyter.kernel.protocols import Origin
from nbrunner.jupyter.panels.board_order import BoardRow, chosen, counts, summary
from nbrunner.jupyter.panels.board_rows import BoardRows, Runs, picture_of
from nbrunner.jupyter.panels.panel import Panel
from nbrunner.jupyter.panels.run_panel import RunPanel
from nbrunner.jupyter.widgets.run_table import Action, Row, RunTable, action
from nbrunner.sweeps.handle import Sweep

# Each update reads the state of every active run.
_PACE_SECONDS = 0.25


class BoardPanel(Panel):
    """A table of runs: state, the parameters that differ, progress and time of each.

    Parameters
    ----------
    runs : Sweep, or sequence of ExecutingRun
        The runs.
    artifacts : iterable of str
        Artifacts of the last step to show, and to sort by, once a run has ended; default those
        of the sweep.
    """

    def __init__(self, runs: Runs, artifacts: Iterable[str] = ()) -> None:
        _check(runs)
        self.runs = runs
        self._rows = BoardRows(runs, artifacts)
        self._stopping = False
        self._opened: dict[str, RunPanel] = {}
        self.table = RunTable(
            on_action=self._act,
            label="Runs",
            title=self._rows.title,
            columns=self._rows.columns,
        )
        # A new sort order must show at once, even if no run is active.
        self.table.observe(lambda _: FEED.submit(self._show), ["sort", "descending"])
        super().__init__({"table": self.table}, origin=_origin(runs))
        self._shown: Future[object] = FEED.start(self._follow())

    # -- updates, in the feed's thread ---------------------------------------------------

    async def _follow(self) -> None:
        while not self._is_over_and_shown():  # noqa: ASYNC110 (many runs; looked at in one pace)
            await asyncio.sleep(_PACE_SECONDS)
        self.refresh_picture()

    def _is_over_and_shown(self) -> bool:
        try:
            over = self._is_over()
            self._show()
        except Exception as error:  # for example of the disk; the rows are left unchanged
            self.table.error = said(error)
            return False
        self.table.error = ""
        return over

    def _is_over(self) -> bool:
        if isinstance(self.runs, Sweep):
            self.runs.refresh()
            return self.runs.is_over
        return all(run.status != "running" for run in self.runs)

    def _show(self) -> None:
        rows = self._rows.read()
        drawn = chosen(rows, self.table.sort, self.table.descending)
        statuses = [row.status for row in rows]
        rest = summary(rows, drawn)
        with self.table.hold_sync():
            self.table.rows = [self._drawn(row) for row in drawn]
            self.table.summary = counts(statuses) + (f" — {rest}" if rest else "")
            self.table.actions = self._actions(statuses)
        self.live = "running" in statuses

    def _drawn(self, row: BoardRow) -> Row:
        actions = []
        if row.name and row.status not in ("waiting", "not started"):
            actions.append(action("open", "Close" if row.key in self._opened else "Open"))
        if row.status == "running":
            actions.append(action("stop", "Stop"))
        return {
            "key": row.key,
            "status": row.status,
            "cells": self._rows.cells(row),
            "done": row.done / row.total if row.total else None,
            "actions": actions,
        }

    def _actions(self, statuses: Sequence[str]) -> list[Action]:
        lives = "running" in statuses or "waiting" in statuses
        return [action("stop all", "Stop all", disabled=self._stopping)] if lives else []

    # -- output of a cell ------------------------------------------------------------------

    def own_picture(self) -> dict[str, str]:
        """Return the current table as a MIME bundle."""
        return picture_of(self._rows, self._rows.read())

    def close(self) -> None:
        """Close the board and its widgets; runs continue."""
        self._shown.cancel()
        super().close()

    # -- actions ---------------------------------------------------------------------------

    def _act(self, name: str, key: str) -> None:
        """Start the action of a button and return at once; called in any thread."""
        if name == "stop all":
            self._stopping = True
            FEED.start(self._stop(list(self.runs)))
        elif name == "stop":
            FEED.start(self._stop([self.runs[int(key)]]))
        elif name == "open":
            FEED.submit(lambda: self._open(key))

    async def _stop(self, runs: list[ExecutingProcess | None]) -> None:
        try:
            if self._stopping and isinstance(self.runs, Sweep):
                await self.runs.async_stop()
            else:
                await asyncio.gather(*(run.async_stop() for run in runs if run is not None))
        finally:
            self._stopping = False
            self._show()

    def _open(self, key: str) -> None:
        run = self.runs[int(key)]
        panel = self._opened.pop(key, None)
        if panel is not None:
            self.close_below(panel)
        elif run is not None:
            self._opened[key] = no_cells_context().run(RunPanel, run)
            self.show_below(self._opened[key], first=False)
        self._show()


def _check(runs: Runs) -> None:
    if isinstance(runs, Sweep):
        return
    if not isinstance(runs, Sequence) or not all(isinstance(r, ExecutingProcess) for r in runs):
        raise BadTypeError(f"BoardPanel: expected a sweep or a list of runs, got {runs!r}")


def _origin(runs: Runs) -> Origin:
    if isinstance(runs, Sweep):
        return {"kind": "sweep", "sweep": runs.name}
    return {"kind": "runs", "runs": [run.directory.name for run in runs]}
