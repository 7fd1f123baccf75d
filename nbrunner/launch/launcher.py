"""The interface of launchers, and the cold launcher."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nbrunner.launch.child_processes import CHILDREN
from nbrunner.launch.processes import ProcessIdentity
from nbrunner.record import private
from nbrunner.record.run_directory import RunDirectory

PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])

# Started by path instead of -m, so that the caller's sys.path, PYTHON* variables and site
# packages do not affect the supervisor.
_BOOTSTRAP = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from nbrunner.launch.supervisor import main; main()"
)

SUPERVISOR_LOG = "supervisor.log"


# Added by nbrunner after the subcommand: Metaflow writes the run's id to this file.
ATTRIBUTES_OPTION = "--runner-attribute-file="


def without_ours(command: Sequence[str]) -> list[str]:
    """Return the words of a run's command without those that nbrunner added."""
    return [word for word in command if not word.startswith(ATTRIBUTES_OPTION)]


@dataclass(frozen=True)
class Started:
    """A started process.

    Attributes
    ----------
    process : ProcessIdentity
        The process.
    way : str
        ``"warm"``: forked from an interpreter that had imported metaflow; or ``"cold"``: started as
        a fresh interpreter.
    why : str
        Reason for a cold start; empty for a warm one.
    """

    process: ProcessIdentity
    way: str
    why: str = ""


class Launcher(Protocol):
    """Starts the processes of this package."""

    async def start_run(
        self, directory: RunDirectory, environment: Mapping[str, str], flow_file: str
    ) -> Started:
        """Start the supervisor of a recorded run.

        Raises
        ------
        OSError
            The system cannot start another process.
        """
        ...

    async def start_script(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        cwd: str,
        output: Path,
        flow_file: str,
    ) -> Started:
        """Start one of our scripts that imports a flow file, with its output in a file."""
        ...


class ColdLauncher:
    """Starts everything in a fresh interpreter, like ``python flow.py run``."""

    def __init__(self, why: str = "") -> None:
        self._why = why

    async def start_run(
        self, directory: RunDirectory, environment: Mapping[str, str], flow_file: str
    ) -> Started:
        """Start the supervisor; see `Launcher`."""
        command = [sys.executable, "-I", "-S"]
        if sys.dont_write_bytecode:
            command.append("-B")
        command += ["-c", _BOOTSTRAP, PACKAGE_ROOT, str(directory.path)]
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(private.open_file(directory.path / SUPERVISOR_LOG, flags), "wb") as log:  # noqa: ASYNC230 (local, and empty)
            process = CHILDREN.start(command, environment=environment, output=log.fileno())
        return Started(process, "cold", self._why)

    async def start_script(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        cwd: str,
        output: Path,
        flow_file: str,
    ) -> Started:
        """Start the script; see `Launcher`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(private.open_file(output, flags), "wb") as log:  # noqa: ASYNC230 (local, and empty)
            process = CHILDREN.start(
                [sys.executable, *arguments],
                environment=environment,
                cwd=cwd,
                output=log.fileno(),
            )
        return Started(process, "cold", self._why)
