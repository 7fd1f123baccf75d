"""The failure of a recorded run, from Metaflow's Client, the logs and the exit record."""

from __future__ import annotations

from dataclasses import replace

from nbrunner.engine import client
from nbrunner.engine.failure import Failure, as_written, failure_of_run, failure_of_task
from nbrunner.launch.run_state import RunState
from nbrunner.logs.reader import lines_of, read_text
from nbrunner.record.schema import flow_of
from nbrunner.text import line_origins


def failure_of(run: RunState, failed_task: tuple[str, str] | None) -> Failure:
    """Return the failure of a run.

    Parameters
    ----------
    run : RunState
        State of the failed run.
    failed_task : (str, str) or None
        Step and id of the failed task; None if the log shows no failed task.
    """
    failure, stored = _failure(run, failed_task)
    if run.exit_record and run.exit_record.get("disk_full"):
        failure = _on_full_disk(failure, stored, str(run.directory.path))
    flow = flow_of(run.record)
    return as_written(failure, flow["file"], line_origins.from_json(flow["origins"]))


def _failure(run: RunState, failed_task: tuple[str, str] | None) -> tuple[Failure, bool]:
    """Return the failure, and whether it is known from more than the end of the log."""
    if failed_task is None:
        failure = failure_of_run(read_text(run.directory.log("stderr")), run.returncode)
        return failure, failure.exception_type == "Killed"
    facts = run.attributes
    pathspec = "/".join((facts.get("flow_name", ""), str(facts.get("run_id", "")), *failed_task))
    task = client.reachable_task(pathspec, facts.get("metadata"))
    log, headlines = run.directory.log("stdout"), client.error_headlines()
    failure = failure_of_task(*failed_task, lambda: lines_of(log), task, headlines)
    return failure, bool(failure.exception_type)


def _on_full_disk(failure: Failure, is_known: bool, folder: str) -> Failure:
    """Return the failure of a run whose logs were truncated by a full disk.

    Truncated output, such as half a traceback, is not shown as the reason.
    """
    message = f"the disk of its logs, {folder}, was full; its last output is missing"
    if is_known:
        return replace(failure, message=f"{failure.message}\n({message})")
    return replace(failure, exception_type="", message=message, source=())
