"""``python -m nbrunner doctor``, and the command ``nbrunner`` that does the same."""

from __future__ import annotations

import argparse
import sys

from nbrunner import __version__


def main() -> int:
    """Do what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="nbrunner", description="Run, watch, stop and resume Metaflow flows from Python."
    )
    parser.add_argument("--version", action="version", version=f"nbrunner {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "doctor",
        help="look at versions, folders and Metaflow's settings, and run a flow of two steps",
    )
    parser.parse_args()
    from nbrunner.doctor import examine, report

    return 1 if report(examine()) else 0


if __name__ == "__main__":
    sys.exit(main())
