"""Past runs, page by page, from Metaflow's Client and nbrunner's records."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbrunner.engine import client
from nbrunner.errors import RunNotFoundError
from nbrunner.handles import ExecutingProcess, ExecutingTask, attach
from nbrunner.launch.processes import Look
from nbrunner.record import registry, run_directory
from nbrunner.status import LABELS, what_lives
from nbrunner.text.durations import elapsed
from nbrunner.text.printable import on_one_line, shortened

PAGE_SIZE = 20

#: The columns of `cells_of`, in order.
CELLS = ("Run", "Started", "Time", "Tags", "Parameters", "User", "Note")
_MAX_CHARACTERS = 80
_MAX_DAMAGES = 3

# Labels of runs whose end is unknown.
_UNENDED = ("running", "lost")

# Seconds between progress reports of a search.
_REPORT_SECONDS = 0.3

#: The values of a status filter: the labels of started runs, and "unfinished".
STATUSES = (*(label for label in LABELS.values() if label != "starting"), "unfinished")


@dataclass(frozen=True)
class PastRun:
    """A run in the history.

    Attributes
    ----------
    pathspec : str
        ``"<flow name>/<run id>"``.
    status : str
        One of `STATUSES`.
    started : float or None
        Start time, in seconds since the epoch.
    seconds : float or None
        Duration; None if unknown.
    tags : tuple of str
        The user's tags.
    user : str
        Name of the user who started the run.
    parameters : dict
        Parameter values by name.
    recorded : str
        Name of nbrunner's record; empty if nbrunner did not start the run.
    is_spin : bool
        True for a step run by ``spin``, which cannot be resumed.
    note : str
        Further information; often empty.
    origin : str
        Pathspec of the origin run; empty if there is none.
    left : int
        Number of remaining processes of a lost run.
    """

    pathspec: str
    status: str
    started: float | None
    seconds: float | None = None
    tags: tuple[str, ...] = ()
    user: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    recorded: str = ""
    is_spin: bool = False
    note: str = ""
    origin: str = ""
    left: int = 0

    @property
    def said(self) -> str:
        """The status, with the number of remaining processes of a lost run."""
        return f"{self.status}, {what_lives(self.left)}" if self.left else self.status

    @property
    def name(self) -> str:
        """The name of the run in a table."""
        return f"{self.pathspec} (spin)" if self.is_spin else self.pathspec

    @property
    def words(self) -> str:
        """The lower-case text that searches look in."""
        given = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        parts = (self.name, self.status, *self.tags, self.user, given, self.origin)
        return " ".join(parts).lower()


@dataclass(frozen=True)
class Page:
    """One page of the history.

    Attributes
    ----------
    runs : list of PastRun
        Runs on this page, newest first.
    number : int
        Page number, from 0.
    pages : int
        Number of pages; -1 if counting them would require reading all runs.
    unreadable : tuple of str
        Path and reason of each record that could not be read.
    """

    runs: list[PastRun]
    number: int
    pages: int
    unreadable: tuple[str, ...] = ()


class History:
    """The runs of one flow, or all runs started by nbrunner.

    Reading can be slow, for example from a metadata service: use a thread.

    Parameters
    ----------
    flow : str
        Name of the flow; empty for all runs with an nbrunner record.
    """

    def __init__(self, flow: str = "") -> None:
        self.flow = flow
        self._stored: dict[str, PastRun] = {}  # runs that will not change
        self._ended: set[str] = set()  # names of the records of ended runs
        self._unreadable: dict[str, None] = {}  # reasons, in order of occurrence
        self._look = Look()

    def page(
        self,
        number: int = 0,
        query: str = "",
        status: str = "",
        namespace: str | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        tell: Callable[[list[PastRun], int, int], None] = lambda runs, seen, total: None,
    ) -> Page:
        """Return one page of runs.

        Parameters
        ----------
        number : int
            Page number, from 0.
        query : str
            Words that must all occur in id, tags, user or ``parameter=value``.
        status : str
            One of `STATUSES`; empty for all.
        namespace : str, optional
            Namespace such as ``"user:me"``; default all.
        cancelled : callable
            Called before each run; if it returns True, the runs found so far are returned.
        tell : callable
            Called regularly during a long search with the runs of this page found so far, the
            number of runs searched, and the number of all runs.
        """
        self._unreadable = {}
        self._look = Look()
        records = self._records()
        ids = self._ids(records)
        if status in _UNENDED:
            ids = [each for each in ids if each in records and records[each] not in self._ended]
        filtered = bool(query or status or namespace)
        wanted = (number + 1) * PAGE_SIZE + 1
        total = len(ids)
        if not filtered:  # an unreadable run leaves a gap
            ids = ids[: (number + 1) * PAGE_SIZE]
        words = query.lower().split()
        found: list[PastRun] = []
        # Without a filter, runs of earlier pages need not be read.
        skipped = 0 if filtered else number * PAGE_SIZE
        reported = time.monotonic()
        for seen, pathspec in enumerate(ids[skipped:]):
            if len(found) >= wanted - skipped or cancelled():
                break
            if time.monotonic() - reported >= _REPORT_SECONDS:
                reported = time.monotonic()
                tell(found[number * PAGE_SIZE - skipped :], skipped + seen, total)
            if namespace and not self._is_in(pathspec, namespace, records):
                continue
            run = self._run(pathspec, records)
            if run is None:
                continue
            if (not status or run.status == status) and all(word in run.words for word in words):
                found.append(run)
        first = number * PAGE_SIZE - skipped
        more = len(found) > first + PAGE_SIZE
        pages = math.ceil(total / PAGE_SIZE) if not filtered else (-1 if more else number + 1)
        runs = found[first : first + PAGE_SIZE]
        return Page(runs, number, max(pages, 1) if pages >= 0 else -1, tuple(self._unreadable))

    def run(self, pathspec: str) -> PastRun:
        """Return one run by its pathspec.

        Raises
        ------
        RunNotFoundError
            Its record cannot be read and Metaflow does not know the run.
        """
        found = self._run(pathspec, self._records())
        if found is None:
            raise RunNotFoundError(
                f"{pathspec}: its record is damaged or deleted, and Metaflow does not know the run"
            )
        return found

    # -- internal ---------------------------------------------------------------------

    def _ids(self, records: dict[str, str]) -> list[str]:
        if not self.flow:
            return list(records)
        # Includes runs unknown to the current Metaflow: in another datastore, or profile.
        started = {pathspec: registry.began(name) for pathspec, name in records.items()}
        for run_id, at in client.run_starts(self.flow).items():
            started[f"{self.flow}/{run_id}"] = at
        return sorted(started, key=started.__getitem__, reverse=True)

    def _records(self) -> dict[str, str]:
        """Return pathspec -> record name of the runs started by nbrunner, newest first."""
        listing = registry.listing()
        self._ended = set(listing.ended)
        recorded = dict(listing.ended)
        for directory in listing.others:
            if damage := directory.damage():
                self._unreadable[damage] = None
                continue
            facts = directory.read(run_directory.ATTRIBUTES)
            recorded[directory.name] = (
                (facts["flow_name"], str(facts["run_id"])) if facts else ("", "")
            )
        found = {}
        for name in sorted(recorded, reverse=True):
            flow, run_id = recorded[name]
            if run_id and self.flow in ("", flow):
                found[f"{flow}/{run_id}"] = name
        return found

    def _is_in(self, pathspec: str, namespace: str, records: dict[str, str]) -> bool:
        record = records.get(pathspec)
        if record:
            run = self._run(pathspec, records)
            if run is None or namespace == f"user:{run.user}":
                return run is not None
        return namespace in (client.if_reachable(lambda: client.tags_of(pathspec)) or ())

    def _run(self, pathspec: str, records: dict[str, str]) -> PastRun | None:
        """Return a run; None if its record cannot be read and Metaflow does not know it."""
        record = records.get(pathspec, "")
        found = self._stored.get(pathspec)
        if found is None or found.recorded != record:  # its record may have been deleted
            try:
                found = _read(pathspec, record, self._look)
            except _UnreadableError as error:
                self._unreadable[str(error)] = None
                # With a flow name, Metaflow's own runs are listed too.
                return client.if_reachable(lambda: _stored_run(pathspec)) if self.flow else None
            if found.status not in ("running", "unfinished") and not found.left:
                self._stored[pathspec] = found
        return found


def past_run(pathspec: str, record: str = "") -> PastRun:
    """Return one run without listing the others; from Metaflow alone if its record is damaged.

    Parameters
    ----------
    pathspec : str
        ``"<flow name>/<run id>"``.
    record : str
        Name of nbrunner's record, if there is one.

    Raises
    ------
    metaflow.exception.MetaflowNotFound
        There is no usable record, and Metaflow does not know the run.
    """
    try:
        return _read(pathspec, record, Look())
    except _UnreadableError:
        return _stored_run(pathspec)


def _read(pathspec: str, record: str, look: Look) -> PastRun:
    if record:
        with contextlib.suppress(RunNotFoundError):  # deleted in the meantime
            return _recorded_run(pathspec, record, look)
    return _stored_run(pathspec)


class _UnreadableError(Exception):
    """The record of a run is damaged; the message names the file and the reason."""


def _recorded_run(pathspec: str, record: str, look: Look) -> PastRun:
    running: ExecutingProcess = attach(record)
    if damage := running.directory.damage():
        raise _UnreadableError(damage)
    given = running.parameters
    tags = tuple(str(tag) for tag in given.pop("tags", None) or ())
    status = running.status
    return PastRun(
        pathspec,
        LABELS[status],
        float(running.record["started"]),
        running.elapsed_seconds,
        tags,
        str(running.record.get("user", "")),
        given,
        record,
        is_spin=isinstance(running, ExecutingTask),
        note=_note(running),
        origin=running.origin,
        left=len(running.watched.processes(look)) if status == "lost" else 0,
    )


def _note(running: ExecutingProcess) -> str:
    notes = [f"resumes {running.origin}"] if running.origin else []
    exit_record = running.watched.exit_record
    if exit_record and exit_record.get("disk_full"):
        notes.append("log disk full")
    return ", ".join(notes)


def _stored_run(pathspec: str) -> PastRun:
    run = client.stored_run(pathspec)
    return PastRun(
        pathspec, run.status, run.created, run.seconds, run.tags, run.user, run.parameters
    )


def cells_of(run: PastRun) -> list[str]:
    """Return the table cells of a run, in the order of `CELLS`."""
    started = ""
    if run.started is not None:
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
    given = " ".join(
        f"{name}={shortened(str(value), _MAX_CHARACTERS)}" for name, value in run.parameters.items()
    )
    took = elapsed(run.seconds, run.status)
    return [run.name, started, took, ", ".join(run.tags), given, run.user, run.note]


def said_of_unreadable(damages: Sequence[str]) -> str:
    """Return the message about unreadable records; empty if there are none."""
    if not damages:
        return ""
    count = "1 record" if len(damages) == 1 else f"{len(damages):,} records"
    rest = len(damages) - _MAX_DAMAGES
    more = f"; and {rest:,} more" if rest > 0 else ""
    return on_one_line(f"{count} could not be read: {'; '.join(damages[:_MAX_DAMAGES])}{more}")


def telling_columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the indices of the columns worth showing.

    Empty columns are dropped, and the user column if all values are the same, to leave room for
    the others.
    """
    columns = range(len(CELLS))
    if not rows:
        return [index for index in columns if CELLS[index] != "Note"]
    values = [{row[index] for row in rows} for index in columns]
    least = [2 if name == "User" else 1 for name in CELLS]
    return [
        index for index in columns if len(values[index]) >= least[index] and values[index] != {""}
    ]
