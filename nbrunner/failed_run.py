"""Reading why a run failed: from what its failed task has stored, else from its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbrunner import client, origins
from nbrunner.failure import Failure, as_written, failure_of_run, failure_of_task
from nbrunner.record.logfile import lines_of

if TYPE_CHECKING:
    from nbrunner.executing import ExecutingProcess


def read_failure(running: ExecutingProcess, failed: tuple[str, str] | None) -> Failure:
    """Return why a run failed.

    Parameters
    ----------
    running : ExecutingProcess
        A run that has failed.
    failed : (str, str) or None
        Step and task id of the task that made it fail, if there is one.
    """
    if failed is None:
        failure = failure_of_run(running.stderr, running.returncode)
    else:
        pathspec = "/".join((running.pathspec or "", *failed))
        metadata = running.attributes.get("metadata")
        task = client.reachable_task(pathspec, metadata)
        log, headlines = running.directory.log("stdout"), client.error_headlines()
        failure = failure_of_task(*failed, lambda: lines_of(log), task, headlines)
    flow = running.record.get("flow", {})
    return as_written(failure, flow.get("file", ""), origins.from_json(flow.get("origins")))
