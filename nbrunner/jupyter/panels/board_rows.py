"""Reads the rows of a board from its runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nbrunner.engine.progress import StepProgress
from nbrunner.errors import CleanedUpError
from nbrunner.handles import ExecutingProcess, ExecutingRun
from nbrunner.jupyter.html.run import table_picture
from nbrunner.jupyter.panels.board_order import BoardRow, chosen, column_of, counts
from nbrunner.jupyter.widgets.run_table import Column, column
from nbrunner.status import LABELS
from nbrunner.sweeps.grid import differing
from nbrunner.sweeps.handle import Sweep
from nbrunner.text.durations import elapsed
from nbrunner.text.printable import shortened

Runs = Sweep | Sequence[ExecutingProcess]

_MAX_CELL = 60
_MAX_PICTURE_ROWS = 200


class BoardRows:
    """Reads the rows of a board.

    Parameters
    ----------
    runs : Sweep, or sequence of ExecutingRun
        The runs.
    artifacts : iterable of str
        Artifacts of the last step to show once a run has ended; default those of the sweep.
    """

    def __init__(self, runs: Runs, artifacts: Iterable[str] = ()) -> None:
        self._runs = runs
        of_sweep = runs.artifacts if isinstance(runs, Sweep) else ()
        self._artifacts = tuple(artifacts) or of_sweep
        self._ended: dict[str, BoardRow] = {}
        self._names = differing(self._parameters())

    @property
    def title(self) -> str:
        """The title of the board."""
        if isinstance(self._runs, Sweep):
            return f"{self._runs.flow}: {len(self._runs)} runs, {self._runs.parallel} at once"
        return f"{len(self._runs)} runs"

    @property
    def columns(self) -> list[Column]:
        """The columns of the table: differing parameters, artifacts, tasks and time."""
        names = (*self._names, *self._artifacts)
        return [
            column("run", "Run"),
            *(column(column_of(name), name, numeric=True) for name in names),
            column("progress", "Tasks", numeric=True),
            column("time", "Time", numeric=True),
        ]

    def read(self) -> list[BoardRow]:
        """Return a row for each run, in order; ended runs are not read again."""
        statuses = self._runs.statuses if isinstance(self._runs, Sweep) else None
        return [
            self._ended.get(str(index)) or self._row(index, run, statuses)
            for index, run in enumerate(self._runs)
        ]

    def cells(self, row: BoardRow) -> list[str]:
        """Return the cell texts of a row."""
        values = [_short(row.values.get(name)) for name in (*self._names, *self._artifacts)]
        progress = f"{row.done}/{row.total}" if row.total else ""
        return [row.name, *values, progress, elapsed(row.seconds, row.status)]

    # -- internal -----------------------------------------------------------------------

    def _parameters(self) -> list[dict[str, object]]:
        if isinstance(self._runs, Sweep):
            return self._runs.parameters
        return [run.parameters for run in self._runs]

    def _row(
        self, index: int, run: ExecutingProcess | None, statuses: list[str] | None
    ) -> BoardRow:
        key = str(index)
        if run is None:
            assert isinstance(self._runs, Sweep) and statuses is not None
            error = self._runs.errors.get(index)
            name = str(error).partition("\n")[0] if error else ""
            return BoardRow(key, statuses[index], name, self._runs.parameters[index])
        status = run.status
        try:
            tasks = run.progress.tasks
        except CleanedUpError:
            tasks = StepProgress()  # unknown
        row = BoardRow(
            key,
            LABELS[status],
            run.pathspec or run.directory.name,
            {**run.parameters, **self._results_of(run, status)},
            tasks.done + tasks.cloned,
            tasks.total,
            run.elapsed_seconds,
        )
        if status != "running":
            self._ended[key] = row
        return row

    def _results_of(self, run: ExecutingProcess, status: str) -> dict[str, object]:
        if status != "successful" or not self._artifacts or not isinstance(run, ExecutingRun):
            return {}
        return {name: _artifact(run, name) for name in self._artifacts}


def _artifact(run: ExecutingRun, name: str) -> object:
    """Return an artifact; None if it does not exist, or the name of the error that reading raised.

    Errors are not retried: that would delay all panels at every update.
    """
    try:
        return getattr(run.run.data, name, None)
    except Exception as error:  # a class is not installed here, or a service is unavailable
        return f"({type(error).__name__})"


def board_picture(runs: Runs, artifacts: Iterable[str] = ()) -> dict[str, str]:
    """Return the current state of the runs as text and an HTML table."""
    rows = BoardRows(runs, artifacts)
    return picture_of(rows, rows.read())


def picture_of(rows: BoardRows, read: Sequence[BoardRow]) -> dict[str, str]:
    """Return rows as text and an HTML table."""
    names = ["status", *(each["label"] for each in rows.columns)]
    drawn = chosen(read, most=_MAX_PICTURE_ROWS)
    cells = [[row.status, *rows.cells(row)] for row in drawn]
    return table_picture(rows.title, names, cells, counts([row.status for row in read]))


def _short(value: object) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return shortened(text, _MAX_CELL)
