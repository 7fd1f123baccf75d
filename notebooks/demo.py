"""Run a flow on real data and follow it live; see a run fail; fix the flow and resume the run.

``python notebooks/demo.py``, or ``make demo``. Needs no network and leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

FLOW = Path(__file__).parent / "flows" / "movies.py"

# The standard deviation is not defined for a single film.
BROKEN = "self.spread = statistics.stdev(gross)"
FIXED = "self.spread = statistics.stdev(gross) if len(gross) > 1 else 0.0"

# Beginnings of Metaflow's own messages about a task.
OF_METAFLOW = ("Task ", "Foreach yields ", "Cloning ")

COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def main() -> None:
    """Run the demo with its datastore, records and flow file in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="nbrunner-demo-") as folder:
        os.environ["NBRUNNER_STATE_DIR"] = f"{folder}/state"
        os.environ["METAFLOW_DATASTORE_SYSROOT_LOCAL"] = f"{folder}/metaflow"
        flow = Path(shutil.copy(FLOW, folder))
        asyncio.run(show(flow))


async def show(flow: Path) -> None:
    """Start the three runs and follow them."""
    from nbrunner import Runner

    runner = Runner(flow)

    title("A run, followed line by line")
    call("Runner('movies.py').async_run(decade=2000)")
    running = await runner.async_run(decade=2000)
    await follow(running)
    conclude(running)
    table(running)

    title("A run that fails")
    call("Runner('movies.py').async_run(decade=1930, top=7)")
    failed = await runner.async_run(decade=1930, top=7)
    await follow(failed)
    conclude(failed)
    explain(failed)

    title("The flow is fixed, the run resumed")
    print(paint("red", f"  - {BROKEN}"))
    print(paint("green", f"  + {FIXED}"))
    flow.write_text(flow.read_text().replace(BROKEN, FIXED))
    call(f"Runner('movies.py').async_resume(origin_run_id='{failed.run.id}')")
    resumed = await runner.async_resume(origin_run_id=failed.run.id)
    await follow(resumed)
    conclude(resumed)
    table(resumed)
    if (running.status, failed.status, resumed.status) != ("successful", "failed", "successful"):
        sys.exit("the demo did not end as expected")


async def follow(running) -> None:
    """Print the lines of a run as they are written, without machine-readable parts."""
    from nbrunner.engine.progress import parse_line
    from nbrunner.logs.clone_lines import printed_lines

    began = time.monotonic()
    in_traceback = set()
    async for line in printed_lines(running.stream_log("stdout")):
        said = parse_line(line)
        if said is None or not said.text:
            continue
        task = f"{said.step}/{said.task_id}"
        of_metaflow = said.text.startswith(OF_METAFLOW)
        if of_metaflow:
            in_traceback.discard(task)
        elif said.text.endswith("> failed:"):  # `explain` shows it better than the log
            in_traceback.add(task)
        if task not in in_traceback:
            seconds = paint("dim", f"{time.monotonic() - began:5.1f} s")
            print(f"  {seconds}  {task:<11} {paint('dim' if of_metaflow else '', said.text)}")


def conclude(running) -> None:
    """Print how a run ended, and the number of its tasks by state."""
    tasks = running.progress.tasks
    counts = {"done": tasks.done, "cloned": tasks.cloned, "failed": tasks.failed}
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    status = paint("green" if running.status == "successful" else "red", running.status)
    print(f"\n  {running.pathspec} {status}; tasks: {said}\n")


def table(running) -> None:
    """Print the results of a run, read from Metaflow's Run."""
    data = running.run.data
    print(f"  {'genre':<10} {'films':>5} {'median, M$':>11} {'spread, M$':>11}")
    for genre, films, median, spread in data.table:
        print(f"  {genre:<10} {films:>5} {median / 1e6:>11.1f} {spread / 1e6:>11.1f}")


def explain(running) -> None:
    """Print the failure of a run: the user's own lines, then the exception."""
    failure = running.failure
    print(f"  in step {failure.step}, task {failure.task_id}:")
    for line in failure.source:
        print(f"    {Path(line.file).name}:{line.line}   {paint('bold', line.text)}")
    print(f"    {paint('red', failure.exception_type)}: {failure.message}")


def title(text: str) -> None:
    """Print a heading."""
    print(f"\n{paint('bold', text)}")


def call(text: str) -> None:
    """Print the call whose output follows."""
    print(f"{paint('yellow', '>>>')} {text}")


def paint(colour: str, text: str) -> str:
    """Return coloured text if the output is a terminal."""
    if not colour or not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


if __name__ == "__main__":
    main()
