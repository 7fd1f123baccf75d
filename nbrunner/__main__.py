"""The command ``nbrunner``: list runs, print logs, stop, diff, export, doctor.

It is also ``python -m nbrunner``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys

from nbrunner.version import __version__

_RUN = "pathspec of the run, such as Flow/1234, or its id"


def main() -> int:
    """Run the subcommand given on the command line and return the exit code."""
    asked = parser().parse_args()
    from nbrunner.errors import NbrunnerError

    try:
        code = _do(asked)
        sys.stdout.flush()
    except NbrunnerError as error:
        print(f"nbrunner: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:  # stdout was closed, for example by `| head`
        _leave_closed_stdout()
        return 128 + signal.SIGPIPE
    return code


def _do(asked: argparse.Namespace) -> int:
    # Imported here because these modules are slow to import.
    if asked.command == "doctor":
        from nbrunner.doctor import examine, report

        return 1 if report(examine()) else 0
    if asked.command == "export":
        return _export(asked)
    from nbrunner import cli

    # Escape characters that the terminal cannot encode; flush each line.
    sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    if asked.command == "list":
        cli.list_runs(asked.flow, asked.words, asked.status, asked.page)
    elif asked.command == "logs":
        cli.print_log(asked.run, "stderr" if asked.stderr else "stdout", asked.follow)
    elif asked.command == "diff":
        cli.print_diff(asked.runs, asked.all)
    else:
        cli.stop_named(asked.runs)
    return 0


def _export(asked: argparse.Namespace) -> int:
    from nbrunner.flow.steps.export_file import write_exported
    from nbrunner.jupyter.notebook_file import exported_notebook

    text = exported_notebook(asked.notebook, asked.flow)
    if asked.output:
        write_exported(asked.output, text, asked.force)
    else:
        print(text, end="")  # noqa: T201
    return 0


def _leave_closed_stdout() -> None:
    """Redirect a closed stdout to the null device so that the flush at exit does not fail."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    words = argparse.ArgumentParser(
        prog="nbrunner",
        description="List, follow, stop and compare Metaflow runs; export flows of notebooks.",
    )
    words.add_argument("--version", action="version", version=f"nbrunner {__version__}")
    cli = words.add_subparsers(dest="command", required=True)

    runs = cli.add_parser("list", help="list runs, newest first")
    runs.add_argument("words", nargs="*", help="text in the run's id, tags, user or name=value")
    runs.add_argument("--flow", default="", help="runs of this flow, however they were started")
    runs.add_argument("--status", default="", help="running, successful, failed, stopped, ...")
    runs.add_argument("--page", type=int, default=1, help="page of 20 runs; the first is 1")

    logs = cli.add_parser("logs", help="print the log of a run")
    logs.add_argument("run", help=_RUN)
    logs.add_argument("-f", "--follow", action="store_true", help="print until the run ends")
    logs.add_argument("--stderr", action="store_true", help="print stderr instead of stdout")

    stop = cli.add_parser("stop", help="stop runs and all of their processes")
    stop.add_argument("runs", nargs="+", metavar="run", help=f"{_RUN}; all: every active run")

    diff = cli.add_parser("diff", help="compare runs: parameters, code, artifacts, durations")
    diff.add_argument("runs", nargs="+", metavar="run", help=f"{_RUN}; two or more")
    diff.add_argument("--all", action="store_true", help="list what is equal too")

    export = cli.add_parser(
        "export", help="write the flow of a notebook's %%%%step cells as a file; executes nothing"
    )
    export.add_argument("notebook", help="the notebook, an .ipynb file")
    export.add_argument("-o", "--output", metavar="FILE", help="flow file; default: print it")
    export.add_argument("--flow", default="", help="name of the flow, if there are several")
    export.add_argument("--force", action="store_true", help="overwrite a file that you edited")

    cli.add_parser(
        "doctor",
        help="check versions, directories and Metaflow's settings, and run a flow of two steps",
    )
    return words


if __name__ == "__main__":
    sys.exit(main())
