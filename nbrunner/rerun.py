"""Runners with the settings of an earlier run or sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbrunner.errors import BadValueError, StateError
from nbrunner.handles import ExecutingProcess
from nbrunner.record.schema import Record, Sweep
from nbrunner.runner import Runner


def runner_like(flow: object, settings: Record | Sweep) -> Runner:
    """Return a Runner with recorded settings.

    Parameters
    ----------
    flow : path-like or FlowSpec class
        Flow to run.
    settings : mapping
        ``cwd``, ``profile``, ``top_level_options``, and ``env``, the names of its variables.

    Raises
    ------
    BadValueError
        ``env`` names variables, whose values are not stored because they may be secrets.
    """
    if settings.get("env"):
        was, is_ = ("was", "is") if len(settings["env"]) == 1 else ("were", "are")
        raise BadValueError(
            f"{', '.join(settings['env'])} {was} set through env= and {is_} not stored; "
            "create a Runner with the values: Runner(..., env={...})"
        )
    cwd = settings.get("cwd")
    options: dict[str, Any] = settings.get("top_level_options", {})
    return Runner(
        flow,
        show_output=False,
        cwd=cwd if cwd and Path(cwd).is_dir() else None,
        profile=settings.get("profile"),
        **options,
    )


def runner_of(running: ExecutingProcess, flow: object = None) -> Runner:
    """Return the Runner that started a run, or one with its flow, directory and options.

    Parameters
    ----------
    running : ExecutingProcess
        The earlier run.
    flow : path-like or FlowSpec class, optional
        Flow to run instead, for example an edited one.

    Raises
    ------
    StateError
        The record of the run is damaged.
    BadValueError
        See `runner_like`.
    """
    known: Runner | None = running.runner
    if known is not None and flow is None:
        return known
    if known is not None:
        return Runner(flow, False, **known.process_options, **known.top_level_options)
    record = running.record
    if flow is None and "flow" not in record:
        raise StateError(
            f"the record of {running.pathspec} is damaged and does not name the flow file; "
            f"resume with %flowrun FLOW resume --origin-run-id {running.attributes['run_id']}"
        )
    return runner_like(flow or record["flow"]["file"], record)
