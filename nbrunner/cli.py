"""The actions behind the ``nbrunner`` command and some magics: list, print logs, stop, compare."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Iterable, Sequence

from nbrunner.aio.blocking import Output, drive
from nbrunner.compare.as_text import text_of
from nbrunner.compare.diff import diff
from nbrunner.errors import BadValueError, RunNotFoundError, some_of
from nbrunner.handles import ExecutingProcess, ExecutingRun, attach
from nbrunner.history import (
    CELLS,
    STATUSES,
    History,
    cells_of,
    said_of_unreadable,
    telling_columns,
)
from nbrunner.launch.processes import Look
from nbrunner.logs.reader import open_log
from nbrunner.record import registry
from nbrunner.sweeps.store import stop_living
from nbrunner.text.printable import aligned, on_one_line

#: Printed if there is nothing to stop.
NO_RUN = "No run is active"


def name_of(running: ExecutingProcess) -> str:
    """Return the display name of a run: its pathspec, or its directory before it has an id."""
    return on_one_line(running.pathspec or running.directory.name)


def all_running() -> list[ExecutingProcess]:
    """Return all runs of this user that can be stopped, from any process, newest first.

    These are running, are about to start, or lost with processes left.
    """
    found: list[ExecutingProcess] = []
    look = Look()
    for directory in registry.unended_and_starting():
        with contextlib.suppress(RunNotFoundError):  # deleted in the meantime
            has_record = directory.exists()
            running = attach(directory.name) if has_record else ExecutingRun(directory)
            if running.watched.lives_on(look):
                found.append(running)
    return found


def stop(runs: Iterable[ExecutingProcess]) -> None:
    """Stop runs concurrently and print a report for each."""

    async def every(output: Output) -> None:
        stopping = {each: asyncio.ensure_future(each.async_stop()) for each in runs}
        try:
            for running, report in stopping.items():
                result = str(await report)
                if not running.command and not running.directory.path.exists():
                    result = "was not started"  # its starter has seen the stop request
                output.write("stdout", f"{name_of(running)}: {result}\n")
        finally:  # wait for the other stops if one fails
            await asyncio.gather(*stopping.values(), return_exceptions=True)

    drive(every)


def stop_sweeps() -> bool:
    """Make every active sweep of this user start no more runs, and print their names.

    Call this before stopping the runs: a sweep starts its next run as soon as one ends.

    Returns
    -------
    bool
        True if anything was printed.
    """
    stopped, refused = stop_living()
    for name in stopped:
        print(f"sweep {name}: no more runs will be started")  # noqa: T201
    for name, error in refused.items():
        message = f"sweep {name} cannot be stopped and may start more runs: {error}"
        print(message, file=sys.stderr)  # noqa: T201
    return bool(stopped or refused)


def stop_named(names: Sequence[str]) -> None:
    """Stop the named runs; ``all`` stops all active sweeps and the runs of `all_running`.

    Raises
    ------
    RunNotFoundError
        A name has no record. No run is stopped in that case.
    """
    has_printed = False
    if list(names) == ["all"]:
        tell_unreadable(registry.unreadable())
        has_printed = stop_sweeps()
        runs = all_running()
    else:
        runs = [attach(name) for name in names]
    if runs:
        # Stopping can take as long as both grace periods.
        print(f"stopping {some_of([name_of(each) for each in runs])} ...", file=sys.stderr)  # noqa: T201
        stop(runs)
    elif not has_printed:
        print(NO_RUN)  # noqa: T201


def list_runs(flow: str, words: Sequence[str], status: str, page: int) -> None:
    """Print one page of runs, newest first.

    Parameters
    ----------
    flow : str
        Name of a flow, to include its runs that nbrunner did not start; empty for all flows.
    words : list of str
        Words that must all occur in the run's id, tags, user or ``parameter=value``.
    status : str
        Status label, such as ``failed``; empty for all.
    page : int
        Page number, from 1.

    Raises
    ------
    BadValueError
        The page or the status does not exist.
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
    """Print the unreadable records, with reasons, to stderr."""
    if damages:
        print(said_of_unreadable(damages), file=sys.stderr)  # noqa: T201


def print_log(name: str, stream: str, follow: bool) -> None:
    """Print the log of a run; with ``follow``, keep printing until the run ends.

    Raises
    ------
    RunNotFoundError
        The run has no record: nbrunner did not start it, or the record was deleted.
    """
    running = attach(name)
    if follow:
        asyncio.run(running.wait(stream=stream))
    else:  # copy the file as it is; it may be large
        sys.stdout.flush()
        with open_log(running.directory.log(stream)) as log:
            shutil.copyfileobj(log, sys.stdout.buffer)


def print_diff(names: Sequence[str], every: bool) -> None:
    """Print a comparison of runs; with ``every``, what is equal too.

    Raises
    ------
    BadValueError
        Fewer than two runs are named.
    RunNotFoundError
        There is no such run.
    """
    if len(names) < 2:
        raise BadValueError(f"diff: expected two runs or more, got {names[0]!r} alone")
    print(text_of(diff(*names), every))  # noqa: T201
