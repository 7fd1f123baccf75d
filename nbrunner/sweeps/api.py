"""Functions to start sweeps, and to find earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import overload

from nbrunner.aio.blocking import drive
from nbrunner.errors import BadTypeError, BadValueError, shown
from nbrunner.flow.build_argv import command_words
from nbrunner.flow.description import FlowDescription
from nbrunner.flow.run_record import plain
from nbrunner.record import schema
from nbrunner.runner import Runner
from nbrunner.sweeps import store
from nbrunner.sweeps.grid import parameter_sets
from nbrunner.sweeps.handle import OnFailure, Sweep, to_the_end

#: Called with each sweep that blocks in this process; returns True if it shows a board.
SHOWN_BY: list[Callable[[Sweep], bool]] = []


# Overloads, as a checker infers the type of a dict of lists from one type alone.
@overload
def sweep(
    runner: Runner,
    parameters: Mapping[str, Iterable[object]],
    parallel: int = 4,
    on_failure: OnFailure = "continue",
    artifacts: Iterable[str] = (),
    **arguments: object,
) -> Sweep: ...
@overload
def sweep(
    runner: Runner,
    parameters: Iterable[Mapping[str, object]],
    parallel: int = 4,
    on_failure: OnFailure = "continue",
    artifacts: Iterable[str] = (),
    **arguments: object,
) -> Sweep: ...
def sweep(
    runner: Runner,
    parameters: Mapping[str, Iterable[object]] | Iterable[Mapping[str, object]],
    parallel: int = 4,
    on_failure: OnFailure = "continue",
    artifacts: Iterable[str] = (),
    **arguments: object,
) -> Sweep:
    """Run a flow with each parameter set and wait for all runs.

    An interrupt (Ctrl-C) stops all runs and then raises KeyboardInterrupt.

    Parameters
    ----------
    runner : Runner
        Runner of the flow.
    parameters : dict of lists, or list of dicts
        Every combination of the lists, or each dict as given.
    parallel : int
        Number of runs at once.
    on_failure : "continue" or "stop"
        Whether to start more runs after a failure.
    artifacts : iterable of str
        Artifacts of the last step for the columns of the board and of `Sweep.table`.
    **arguments
        Parameters and options shared by all runs.

    Returns
    -------
    Sweep
        The runs in order, including failed ones, and `Sweep.table`.

    Raises
    ------
    BadValueError, BadTypeError
        A parameter set or an argument is invalid; nothing was started.
    """
    _check_runner("sweep", runner)
    description = runner.describe()
    made = _made(runner, description, parameters, parallel, on_failure, arguments, artifacts)
    shown = any([show(made) for show in SHOWN_BY])
    tell = runner.show_output and not shown
    try:
        drive(lambda output: to_the_end(made, output if tell else None))
    except KeyboardInterrupt:
        made.stop()
        raise
    return made


@overload
async def async_sweep(
    runner: Runner,
    parameters: Mapping[str, Iterable[object]],
    parallel: int = 4,
    on_failure: OnFailure = "continue",
    artifacts: Iterable[str] = (),
    **arguments: object,
) -> Sweep: ...
@overload
async def async_sweep(
    runner: Runner,
    parameters: Iterable[Mapping[str, object]],
    parallel: int = 4,
    on_failure: OnFailure = "continue",
    artifacts: Iterable[str] = (),
    **arguments: object,
) -> Sweep: ...
async def async_sweep(
    runner: Runner,
    parameters: Mapping[str, Iterable[object]] | Iterable[Mapping[str, object]],
    parallel: int = 4,
    on_failure: OnFailure = "continue",
    artifacts: Iterable[str] = (),
    **arguments: object,
) -> Sweep:
    """Start a sweep and return at once; ``await`` the result to wait for its end.

    See `sweep`. Runs are started while the caller's event loop is running; with
    ``%load_ext nbrunner`` always.
    """
    _check_runner("async_sweep", runner)
    description = await runner.async_describe()
    made = _made(runner, description, parameters, parallel, on_failure, arguments, artifacts)
    made.begin()
    return made


def attach_sweep(name: str = "", runner: Runner | None = None) -> Sweep:
    """Return a sweep that this or another process started.

    ``await`` it, or call `Sweep.begin`, to start its remaining runs.

    Parameters
    ----------
    name : str
        Name of the sweep, as in `Sweep.name`; default the latest.
    runner : Runner, optional
        Runner for the remaining runs; required if the first one had environment variables, which
        are not stored.

    Raises
    ------
    RunNotFoundError
        There is no sweep with this name.
    BadTypeError
        The runner is not a `Runner`.
    """
    if runner is not None:
        _check_runner("attach_sweep", runner)
    found = Sweep(store.find(name), runner)
    found.refresh()
    return found


def _check_runner(function: str, runner: Runner) -> None:
    if not isinstance(runner, Runner):
        raise BadTypeError(
            f"{function}: expected a Runner, got {shown(runner)} of type {type(runner).__name__}; "
            "create one with Runner(flow)"
        )


def _made(
    runner: Runner,
    description: FlowDescription,
    parameters: Mapping[str, Iterable[object]] | Iterable[Mapping[str, object]],
    parallel: int,
    on_failure: OnFailure,
    arguments: Mapping[str, object],
    artifacts: Iterable[str] = (),
) -> Sweep:
    """Check all arguments of a sweep, and record it."""
    if isinstance(parallel, bool) or not isinstance(parallel, int) or parallel < 1:
        raise BadValueError(f"parallel: expected 1 or more, got {parallel!r}")
    if on_failure not in ("continue", "stop"):
        raise BadValueError(f"on_failure: expected 'continue' or 'stop', got {on_failure!r}")
    if not isinstance(artifacts, Iterable):
        raise BadTypeError(f"artifacts: expected a list of names, got {shown(artifacts)}")
    sets = [
        {**each, **{name: value for name, value in arguments.items() if name not in each}}
        for each in parameter_sets(parameters)
    ]
    for each in sets:
        command_words(description, runner.top_level_options, "run", each)
        runner.starter.check_files(description, each)
    settings = runner.settings
    content: schema.Sweep = {
        "flow": description.name,
        "file": runner.flow_file,
        "cwd": settings["cwd"],
        "profile": settings["profile"],
        "env": settings["env"],
        "top_level_options": {k: plain(v) for k, v in runner.top_level_options.items()},
        "parameters": [{name: plain(value) for name, value in each.items()} for each in sets],
        "parallel": parallel,
        "on_failure": on_failure,
        "artifacts": [artifacts] if isinstance(artifacts, str) else list(artifacts),
    }
    made = Sweep(store.create(content), runner)
    made.parameters = sets  # as given; the record contains their JSON form
    return made
