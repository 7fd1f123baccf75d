"""Metaflow's output: the prefix of its lines and its sentences, each with its place in Metaflow.

The runtime announces what becomes of each task in lines like ::

    2026-11-23 00:02:53.890 [<run id>/<step>/<task id> (pid 17)] Task is starting.

which look the same for local, Kubernetes and Batch tasks. Nothing else in this package spells
these words, and `IN_METAFLOW` names the source of each; tests hold both to the installed Metaflow.
Patterns are text with named groups: `only_named` drops the groups that a reader does not need.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

# -- the prefix: `logger` in metaflow/cli.py, `Task.log` in metaflow/runtime.py ------------------

DATE = r"\d\d\d\d-\d\d-\d\d"
CLOCK = r"\d\d:\d\d:\d\d\.\d\d\d"
WHEN = f"{DATE} {CLOCK}"

# Possessive quantifiers: a third less time on a million lines.
NAME = r"[^/\]\s]++"
TASK = f"(?P<run>{NAME})/(?P<step>{NAME})/(?P<task>{NAME})"
PID = r" \(pid (?P<pid>\d++)\)"  # a task that is cloned has no process
BRACKET = rf"\[{TASK}(?:{PID})?+\]"


def only_named(pattern: str, *names: str) -> str:
    """Return a pattern in which the groups of other names capture nothing."""
    return re.sub(r"\?P<(\w+)>", lambda group: group[0] if group[1] in names else "?:", pattern)


def when(moment: datetime) -> str:
    """Return a local time in the format of a log line's prefix."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"[:-3]


def process_name(task: str, pid: int | None) -> str:
    """Return the text in brackets for ``"<run>/<step>/<task>"`` and its process."""
    return f"{task} (pid {pid})"


# -- the life of a task: metaflow/runtime.py -----------------------------------------------------

# Every sentence on the state of a task begins so.
TASK_BEGINS = "Task "
STARTS = "Task is starting"  # then "." or " (retry)."
STARTING = f"{STARTS}."
RETRYING = f"{STARTS} (retry)."
FALLING_BACK = "Task fallback is starting to handle the failure."
DONE = "Task finished successfully."
FAILED = "Task failed."
CRASHED = "Task failed with a segmentation fault."

FOREACH_BEGINS = "Foreach yields "
FOREACH = FOREACH_BEGINS + r"(?P<count>\d+) child steps\."

# -- the life of a run: metaflow/runtime.py ------------------------------------------------------

# Printed once the run has its id, before it has any task; a spin has no such line.
ANNOUNCED = "Workflow starting (run-id "

# Printed when the scheduler ends its tasks.
INTERRUPTED = "Workflow interrupted."
RUN_FAILED = "Workflow failed."

# -- a resume: metaflow/runtime.py ---------------------------------------------------------------

CLONING_BEGINS = "Cloning "  # then a run, `Flow/16`, before anything is cloned; or a task
OF_TASK = "previously run task "
CLONED_TASK = "Cloning previously run task "
SKIPPED_TASK = "Skipping cloning of previously run task "
# Versions before those that nbrunner needs say "Cloning results of a previously run task".
CLONING_TASK = rf"Cloning (?:results of a )?{OF_TASK}"
ANY_CLONE = rf"(?:{CLONING_TASK}|{SKIPPED_TASK})"
ANY_CLONE_BEGINS = r"(?:C|Skipping c)loning "

# -- before a run: metaflow/cli.py, on stderr ----------------------------------------------------

# One of these is the last line before the run begins.
CHECKED = (
    *("The graph looks good!", "Pylint is happy!", "Pylint not found"),
    "Skipping Pylint checks.",
)

# Printed before every run, with nothing wrong.
VALIDATING = "Validating your flow..."
LINTING = "Running pylint..."
GREETING = "|".join(
    [
        r"Metaflow \S+ executing \S+ for \S+",
        *map(re.escape, (VALIDATING, LINTING, CHECKED[0], CHECKED[1], CHECKED[3])),
    ]
)

# -- an error without a traceback: `print_metaflow_exception` in metaflow/cli.py -----------------

HEADLINE = r"(?P<headline>.+?)(?: in file .+)?(?: on line \d+)?:"


def error_place(path: str, line: str) -> str:
    """Return the place of an error in the format of the line below the headline."""
    return f"file {path} on line {line}"


#: File of Metaflow -> source text of the sentences and formats that are expected in it.
IN_METAFLOW: Mapping[str, tuple[str, ...]] = {
    "runtime.py": (
        *(f'"{STARTS}" + suffix', '" (retry)." if task.retries else "."'),
        *(f'"{FALLING_BACK}"', f'"{DONE}"', f'b"{FAILED}"', f'b"{CRASHED}"'),
        *(f'"{FOREACH_BEGINS}%d child steps."', f'"{ANNOUNCED}%s', '"[%s (pid %s)] "', '"[%s] "'),
        *(f'"{CLONING_BEGINS}{{}}/{{}}"', f'"{CLONED_TASK}%s"', f'"{SKIPPED_TASK}%s"'),
        *(f'"{INTERRUPTED}', f'"{RUN_FAILED}"'),
    ),
    "cli.py": (
        *(f'"{CHECKED[0]}"', f'"{CHECKED[1]}"', f'"{CHECKED[2]}, ', f'"{CHECKED[3]}"'),
        *('"Metaflow %s" % version', '" executing *%s*"', '" for *%s*"'),
        *(f'"{VALIDATING}"', f'"{LINTING}"'),
        *('strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]', '" in file %s"', '" on line %d"'),
    ),
}
