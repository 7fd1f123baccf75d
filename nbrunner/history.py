"""Past runs, page by page: Metaflow's Client joined with the records of our own."""

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
from nbrunner.text.printable import on_one_line

PAGE_SIZE = 20

#: What `cells_of` tells of a run, in its order.
CELLS = ("Run", "Started", "Time", "Tags", "Parameters", "User", "Note")
_MAX_CHARACTERS = 80
_MAX_DAMAGES = 3

# What is told of no run whose end is known.
_UNENDED = ("running", "lost")

# How often a search tells what it has found so far.
_TELL_SECONDS = 0.3

#: What a status filter takes: the labels of runs that have started, and "unfinished".
STATUSES = (*(label for label in LABELS.values() if label != "starting"), "unfinished")


@dataclass(frozen=True)
class PastRun:
    """One run, as a row of the history.

    Attributes
    ----------
    pathspec : str
    status : str
        One of `STATUSES`.
    started : float or None
        Seconds since the epoch.
    seconds : float or None
    tags : tuple of str
    user : str
    parameters : dict
    recorded : str
        Name of nbrunner's record; empty for a run that something else has started.
    is_spin : bool
        Whether this is a step that spin has run by itself: it cannot be resumed.
    note : str
        What else there is to know of it; mostly empty.
    origin : str
        Pathspec of the run that it resumes; empty if it resumes none.
    left : int
        How many processes of a lost run still live.
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
        """The status, with what a lost run has left running."""
        return f"{self.status}, {what_lives(self.left)}" if self.left else self.status

    @property
    def name(self) -> str:
        """What the run is called among others."""
        return f"{self.pathspec} (spin)" if self.is_spin else self.pathspec

    @property
    def words(self) -> str:
        """All that a search looks in."""
        given = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        said = (self.name, self.status, *self.tags, self.user, given, self.origin)
        return " ".join(said).lower()


@dataclass(frozen=True)
class Page:
    """One page of the history.

    Attributes
    ----------
    runs : list of PastRun
        The newest first.
    number : int
    pages : int
        -1 where that would take reading all of them.
    unreadable : tuple of str
        Of each record that was left out because it cannot be read, its path and why.
    """

    runs: list[PastRun]
    number: int
    pages: int
    unreadable: tuple[str, ...] = ()


class History:
    """The runs of one flow, or all that nbrunner has started.

    Reading may take long, a metadata service be slow: call it in a thread of its own.

    Parameters
    ----------
    flow : str
        Name of the flow; empty for the runs of all flows that nbrunner has a record of.
    """

    def __init__(self, flow: str = "") -> None:
        self.flow = flow
        self._stored: dict[str, PastRun] = {}  # those that will not change
        self._ended: set[str] = set()  # records of runs that are known to have ended
        self._unreadable: dict[str, None] = {}  # why, in the order in which they were met
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
        query : str
            Words that all have to be in id, tags, user or ``parameter=value``.
        status : str
            One of `STATUSES`; empty for all.
        namespace : str, optional
            As ``"user:me"``; default all.
        cancelled : callable
            Asked from run to run; what was found so far is returned when it says so.
        tell : callable
            Called now and then, while a search goes through many runs, with those of this page
            found so far, how many runs were looked at, and how many there are.
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
        if not filtered:  # a run that cannot be read leaves its place empty
            ids = ids[: (number + 1) * PAGE_SIZE]
        words = query.lower().split()
        found: list[PastRun] = []
        # Without a filter the runs before this page need not be read.
        skipped = 0 if filtered else number * PAGE_SIZE
        told = time.monotonic()
        for seen, pathspec in enumerate(ids[skipped:]):
            if len(found) >= wanted - skipped or cancelled():
                break
            if time.monotonic() - told >= _TELL_SECONDS:
                told = time.monotonic()
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
        """Return one run, on whatever page it is.

        Raises
        ------
        RunNotFoundError
            Its record cannot be read, and Metaflow does not know the run.
        """
        found = self._run(pathspec, self._records())
        if found is None:
            raise RunNotFoundError(
                f"{pathspec}: its record is damaged or deleted, and Metaflow does not know the run"
            )
        return found

    # -- inside -------------------------------------------------------------------------

    def _ids(self, records: dict[str, str]) -> list[str]:
        if not self.flow:
            return list(records)
        # Also those that Metaflow does not know of here: another datastore, or profile.
        started = {pathspec: registry.began(name) for pathspec, name in records.items()}
        for run_id, at in client.run_starts(self.flow).items():
            started[f"{self.flow}/{run_id}"] = at
        return sorted(started, key=started.__getitem__, reverse=True)

    def _records(self) -> dict[str, str]:
        """Return pathspec -> record of the runs that nbrunner has started, newest first."""
        listing = registry.listing()
        self._ended = set(listing.ended)
        recorded = dict(listing.ended)
        for directory in listing.others:
            if damage := directory.damage():
                self._unreadable[damage] = None
                continue
            facts = directory.read(run_directory.ATTRIBUTES) or {}
            recorded[directory.name] = (
                str(facts.get("flow_name", "")),
                str(facts.get("run_id", "")),
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
        """Return a run; None where its record cannot be read and Metaflow does not know it."""
        record = records.get(pathspec, "")
        found = self._stored.get(pathspec)
        if found is None or found.recorded != record:  # the record may be deleted since
            try:
                found = _read(pathspec, record, self._look)
            except _UnreadableError as error:
                self._unreadable[str(error)] = None
                # With a flow's name Metaflow's own runs are asked for as well.
                return client.if_reachable(lambda: _stored_run(pathspec)) if self.flow else None
            if found.status not in ("running", "unfinished") and not found.left:
                self._stored[pathspec] = found
        return found


def _read(pathspec: str, record: str, look: Look) -> PastRun:
    if record:
        with contextlib.suppress(RunNotFoundError):  # it is deleted just now
            return _recorded_run(pathspec, record, look)
    return _stored_run(pathspec)


class _UnreadableError(Exception):
    """The record of a run is damaged; the message names the file, and says why."""


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
    if (running.watched.exit_record or {}).get("disk_full"):
        notes.append("log disk full")
    return ", ".join(notes)


def _stored_run(pathspec: str) -> PastRun:
    run = client.stored_run(pathspec)
    return PastRun(
        pathspec, run.status, run.created, run.seconds, run.tags, run.user, run.parameters
    )


def cells_of(run: PastRun) -> list[str]:
    """Return a run as the cells of a table's row, in the order of `CELLS`."""
    started = ""
    if run.started is not None:
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
    given = " ".join(f"{name}={_short(value)}" for name, value in run.parameters.items())
    took = elapsed(run.seconds, run.status)
    return [run.name, started, took, ", ".join(run.tags), given, run.user, run.note]


def said_of_unreadable(damages: Sequence[str]) -> str:
    """Return what is said of records that cannot be read; empty where there are none."""
    if not damages:
        return ""
    count = "1 record" if len(damages) == 1 else f"{len(damages):,} records"
    rest = len(damages) - _MAX_DAMAGES
    more = f"; and {rest:,} more" if rest > 0 else ""
    return on_one_line(f"{count} could not be read: {'; '.join(damages[:_MAX_DAMAGES])}{more}")


def telling_columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return which columns of these rows tell something, as indices.

    Empty columns are dropped, and the user where it is always the same, to leave room for the
    others.
    """
    columns = range(len(CELLS))
    if not rows:
        return [index for index in columns if CELLS[index] != "Note"]
    said = [{row[index] for row in rows} for index in columns]
    least = [2 if name == "User" else 1 for name in CELLS]
    return [index for index in columns if len(said[index]) >= least[index] and said[index] != {""}]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 1]}…"
