"""The difference between runs: rows of values, and changes of code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbrunner.compare import as_html, as_text
from nbrunner.compare.code_changes import CodeChange, code_changes
from nbrunner.compare.facts import ArtifactFacts, RunFacts, facts_of
from nbrunner.data_frame import data_frame
from nbrunner.text.durations import took

# Durations always differ a little; these are the least differences that count.
_LEAST_SECONDS = 0.2
_LEAST_RATIO = 1.1

_UNKNOWN_CODE = (
    "the code of {run} is not known: nbrunner did not start the run, or an older version did"
)


@dataclass(frozen=True)
class DiffRow:
    """One compared fact.

    Attributes
    ----------
    section : str
        ``"run"``, ``"parameters"``, ``"artifacts"`` or ``"seconds"``.
    name : str
        What is compared, such as the name of a parameter.
    values : tuple of (str or None)
        Its value in each run, as text; None if a run does not have it.
    equal : bool
        Whether all runs have the same value.
    note : str
        For two runs, how many times longer the second took; or a remark.
    """

    section: str
    name: str
    values: tuple[str | None, ...]
    equal: bool
    note: str = ""


@dataclass(frozen=True)
class RunDiff:
    """What differs between two or more runs. `print` shows it, and so does a notebook.

    Attributes
    ----------
    pathspecs : tuple of str
        The runs, in the order given.
    rows : list of DiffRow
        Every compared fact, also where the runs are equal.
    code : dict of str to list of CodeChange
        For each run after the first, what changed against the first one.
    notes : list of str
        What could not be compared, and why.
    """

    pathspecs: tuple[str, ...]
    rows: list[DiffRow]
    code: dict[str, list[CodeChange]]
    notes: list[str]

    @property
    def differing(self) -> list[DiffRow]:
        """The rows in which the runs differ."""
        return [row for row in self.rows if not row.equal]

    def table(self) -> Any:
        """Return all rows, one column per run.

        Returns
        -------
        pandas.DataFrame, or list of dict if pandas is not installed
            Columns ``section``, ``name``, one per run with its pathspec, ``equal`` and ``note``.
        """
        rows = [
            {
                "section": row.section,
                "name": row.name,
                **dict(zip(self.pathspecs, row.values, strict=True)),
                "equal": row.equal,
                "note": row.note,
            }
            for row in self.rows
        ]
        return data_frame(rows)

    def __str__(self) -> str:
        return as_text.text_of(self)

    def _repr_html_(self) -> str:
        return as_html.html_of(self)

    def __repr__(self) -> str:
        return f"<RunDiff {' '.join(self.pathspecs)}: {len(self.differing)} differences>"


def diff(first: object, second: object, *more: object) -> RunDiff:
    """Compare runs: parameters, code, artifacts, durations, and where they were executed.

    Artifacts are compared by Metaflow's hash; only small ones that differ are loaded, to show
    their values. Artifacts of a foreach are not compared, because each task has its own.

    Parameters
    ----------
    first, second, *more : str, ExecutingRun or metaflow.Run
        Pathspecs (``"Flow/1234"``), ids of runs that nbrunner started, or runs.

    Returns
    -------
    RunDiff

    Raises
    ------
    RunNotFoundError
        There is no such run.
    BadValueError, BadTypeError
        A value does not name a run.
    """
    return difference([facts_of(each) for each in (first, second, *more)])


def difference(runs: Sequence[RunFacts]) -> RunDiff:
    """Return the difference between runs whose facts are known."""
    rows = [*_of_runs(runs), *_parameters(runs), *_artifacts(runs), *_seconds(runs)]
    pathspecs = tuple(run.run.pathspec for run in runs)
    unknown = [run.run.pathspec for run in runs if not run.code]
    first = runs[0]
    code = {
        run.run.pathspec: code_changes(first.code, run.code)
        for run in runs[1:]
        if first.code and run.code
    }
    return RunDiff(pathspecs, rows, code, [_UNKNOWN_CODE.format(run=each) for each in unknown])


def _of_runs(runs: Sequence[RunFacts]) -> Iterator[DiffRow]:
    facts: dict[str, Callable[[RunFacts], str]] = {
        "status": lambda run: run.run.status,
        "failure": lambda run: run.failure,
        "user": lambda run: run.run.user,
        "tags": lambda run: ", ".join(run.run.tags),
        "origin run": lambda run: run.run.origin,
        "flow file": lambda run: run.flow_file,
    }
    for name, read in facts.items():
        if any(values := [read(run) for run in runs]):
            yield _row("run", name, [value or None for value in values])
    for name in _names([run.platform for run in runs]):
        yield _row("run", name, [run.platform.get(name) for run in runs])


def _parameters(runs: Sequence[RunFacts]) -> Iterator[DiffRow]:
    for name in _names([run.parameters for run in runs]):
        given = [run.parameters for run in runs]
        values = [repr(each[name]) if name in each else None for each in given]
        yield _row("parameters", name, values)


def _artifacts(runs: Sequence[RunFacts]) -> Iterator[DiffRow]:
    parameters = {name for run in runs for name in run.parameters}
    for name in _names([run.artifacts for run in runs]):
        if name in parameters:  # Metaflow stores parameters as artifacts too
            continue
        found = [run.artifacts.get(name) for run in runs]
        if len({each and each.sha for each in found}) == 1:
            yield DiffRow("artifacts", name, tuple(map(_described, found)), True)
            continue
        values = [each.value(name) or _described(each) if each else None for each in found]
        alike = len(set(values)) == 1
        note = "printed alike, stored differently" if alike else ""
        yield DiffRow("artifacts", name, tuple(values), False, note)


def _described(artifact: ArtifactFacts | None) -> str | None:
    """Return type and size of an artifact."""
    if artifact is None:
        return None
    size = "" if artifact.size is None else f", {artifact.size:,} bytes"
    return f"{artifact.type or 'unknown type'}{size}"


def _seconds(runs: Sequence[RunFacts]) -> Iterator[DiffRow]:
    yield _duration("whole run", [run.run.seconds for run in runs])
    for step in _names([dict.fromkeys(run.steps) for run in runs]):
        yield _duration(step, [run.seconds.get(step) for run in runs])


def _duration(name: str, seconds: Sequence[float | None]) -> DiffRow:
    known = [each for each in seconds if each is not None]
    least, most = min(known, default=0.0), max(known, default=0.0)
    close = most - least < _LEAST_SECONDS or most < least * _LEAST_RATIO
    note = ""
    if len(seconds) == 2 and not close and seconds[0] and seconds[1]:
        note = f"{seconds[1] / seconds[0]:.2g} times as long"
    values = tuple(None if each is None else took(each) for each in seconds)
    return DiffRow("seconds", name, values, close and len(known) in (0, len(seconds)), note)


def _row(section: str, name: str, values: Sequence[str | None]) -> DiffRow:
    return DiffRow(section, name, tuple(values), len(set(values)) == 1)


def _names(tables: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the keys of all tables in the order of their first occurrence."""
    return list(dict.fromkeys(name for table in tables for name in table))
