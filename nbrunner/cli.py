"""What the command ``nbrunner`` does with runs, and what magics do alike: list, logs, stop."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Iterable, Sequence

from nbrunner.aio.blocking import Output, drive
from nbrunner.errors import BadValueError, RunNotFoundError, some_of
from nbrunner.handles import ExecutingProcess, attach
from nbrunner.history import (
    CELLS,
    STATUSES,
    History,
    cells_of,
    said_of_unreadable,
    telling_columns,
)
from nbrunner.launch.processes import Look
from nbrunner.record import registry
from nbrunner.sweeps.store import stop_living
from nbrunner.text.printable import aligned, on_one_line

#: Said where there is nothing to stop.
NO_RUN = "No run is active"


def name_of(running: ExecutingProcess) -> str:
    """Return what a run is called in text."""
    return running.pathspec or running.directory.name


def all_running() -> list[ExecutingProcess]:
    """Return the runs of this user that can be stopped, whoever started them; newest first.

    They are running, or were lost and have left processes behind.
    """
    found: list[ExecutingProcess] = []
    look = Look()
    for directory in registry.unended():
        with contextlib.suppress(RunNotFoundError):  # it is deleted just now
            running = attach(directory.name)
            if running.watched.lives_on(look):
                found.append(running)
    return found


def stop(runs: Iterable[ExecutingProcess]) -> None:
    """Stop runs, all at once, and tell of each what it took."""

    async def every(output: Output) -> None:
        stopping = {each: asyncio.ensure_future(each.async_stop()) for each in runs}
        try:
            for running, report in stopping.items():
                output.write("stdout", f"{name_of(running)}: {await report}\n")
        finally:  # the others, where one could not be stopped
            await asyncio.gather(*stopping.values(), return_exceptions=True)

    drive(every)


def stop_sweeps() -> bool:
    """Have every living sweep of this user start no more runs; tell which those are.

    To be called before the runs are stopped: a sweep starts the next run as soon as one ends.

    Returns
    -------
    bool
        Whether anything was told.
    """
    stopped, refused = stop_living()
    for name in stopped:
        print(f"sweep {name}: no more runs will be started")  # noqa: T201
    for name, error in refused.items():
        said = f"sweep {name} cannot be stopped and may start more runs: {error}"
        print(said, file=sys.stderr)  # noqa: T201
    return bool(stopped or refused)


def stop_named(names: Sequence[str]) -> None:
    """Stop the named runs, or with ``all`` all living sweeps and those of `all_running`.

    Raises
    ------
    RunNotFoundError
        nbrunner did not start one of them; then none is stopped.
    """
    has_told = False
    if list(names) == ["all"]:
        tell_unreadable(registry.unreadable())
        has_told = stop_sweeps()
        runs = all_running()
    else:
        runs = [attach(name) for name in names]
    if runs:
        # It may take as long as Metaflow, and then each process, is given to end by itself.
        print(f"stopping {some_of([name_of(each) for each in runs])} ...", file=sys.stderr)  # noqa: T201
        stop(runs)
    elif not has_told:
        print(NO_RUN)  # noqa: T201


def list_runs(flow: str, words: Sequence[str], status: str, page: int) -> None:
    """Print a page of the runs that nbrunner has started, the newest first.

    Parameters
    ----------
    flow : str
        Also the runs of this flow that something else has started; empty for all flows.
    words : list of str
        What has to be in a run's id, tags, user, or ``parameter=value``.
    status : str
        As in a badge; empty for all.
    page : int
        From 1 on.

    Raises
    ------
    BadValueError
        There is no such page, or no such status.
    """
    if status and status not in STATUSES:
        raise BadValueError(f"--status: expected one of {', '.join(STATUSES)}; got {status!r}")
    found = History(flow).page(max(page, 1) - 1, " ".join(words), status)
    tell_unreadable(found.unreadable)
    if page < 1 or (page > 1 and not found.runs):
        raise BadValueError(f"--page: there is no page {page} of these runs")
    if not found.runs:
        print("no runs")  # noqa: T201
        return
    cells = [[on_one_line(cell) for cell in cells_of(run)] for run in found.runs]
    columns = telling_columns(cells)
    rows = [["Status", *(CELLS[index] for index in columns)]]
    for run, each in zip(found.runs, cells, strict=True):
        rows.append([run.said, *(each[index] for index in columns)])
    print("\n".join(aligned(rows)))  # noqa: T201
    if found.pages == -1 or found.pages > page:
        print(f"\nOlder runs: --page {page + 1}")  # noqa: T201


def tell_unreadable(damages: Sequence[str]) -> None:
    """Print, to stderr, which records were left out because they cannot be read, and why."""
    if damages:
        print(said_of_unreadable(damages), file=sys.stderr)  # noqa: T201


def print_log(name: str, stream: str, follow: bool) -> None:
    """Print what a run has written so far; with ``follow`` also what it writes, until its end.

    Raises
    ------
    RunNotFoundError
        nbrunner did not start it, or its record and logs are gone.
    """
    running = attach(name)
    if follow:
        asyncio.run(running.wait(stream=stream))
    else:  # as it stands there, however much that is
        sys.stdout.flush()
        with open(running.directory.log(stream), "rb") as log:
            shutil.copyfileobj(log, sys.stdout.buffer)
