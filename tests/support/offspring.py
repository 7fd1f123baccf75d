"""A flow whose step leaves children of every kind, and a check which of them are alive."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil

# Each child writes its pid when it is set up. `stubborn` ignores all signals that can
# be ignored; `daemon` is made by a double fork in a new session.
CHILDFLOW = """\
import os, signal, subprocess, sys
from metaflow import FlowSpec, Parameter, step

HERE = os.path.dirname(os.path.abspath(__file__))

if os.path.exists(f"{HERE}/deaf"):
    signal.signal(signal.SIGINT, signal.SIG_IGN)

CHILD = '''
import os, signal, sys
kind, here = sys.argv[1:]
if kind == "stubborn":
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
if kind == "setsid":
    os.setsid()
if kind == "daemon":
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
with open(f"{here}/.pid", "w") as file:
    file.write(f"{os.getpid()}\\\\n")
os.rename(f"{here}/.pid", f"{here}/{kind}.pid")
signal.pause()
'''

class ChildFlow(FlowSpec):

    kind = Parameter('kind', default='plain')
    then = Parameter('then', default='wait')

    @step
    def start(self):
        for kind in self.kind.split(","):
            out = open(os.devnull, "w")
            subprocess.Popen([sys.executable, "-c", CHILD, kind, HERE], stdout=out, stderr=out)
            while not os.path.exists(f"{HERE}/{kind}.pid"):
                pass
        with open(f"{HERE}/.task", "w") as file:
            file.write(f"{os.getpid()}\\n")
        os.rename(f"{HERE}/.task", f"{HERE}/task.pid")
        if self.then == "wait":
            signal.pause()
        if self.then == "fail":
            raise ValueError("on purpose")
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    ChildFlow()
"""

KINDS = ("plain", "setsid", "stubborn", "daemon")


class Offspring:
    """The processes that a run of the flow has recorded in its folder.

    Parameters
    ----------
    folder : Path
        The folder of the flow file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ready(self) -> bool:
        """Return whether all children are running and the step is about to wait."""
        return (self.folder / "task.pid").exists()

    def pids(self) -> dict[str, int]:
        return {file.stem: int(file.read_text()) for file in self.folder.glob("[!.]*.pid")}

    def living(self) -> set[str]:
        """Return the kinds of the children that are alive."""
        return {kind for kind, pid in self.pids().items() if lives(pid)}

    def kill(self) -> None:
        """Kill the children that a test has left alive on purpose."""
        for pid in self.pids().values():
            if lives(pid):
                psutil.Process(pid).kill()


def lives(pid: int) -> bool:
    """Return whether a process is running; a zombie is not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def processes_of(directory: Path) -> list[psutil.Process]:
    """Return every living process that belongs to the run of a run directory.

    Found by environment, arguments or session: the processes of a warm run, being forks, show those
    of the interpreter they were forked from.
    """
    session = _session(directory)
    found = []
    for process in psutil.process_iter():
        try:
            words = process.environ().get("NBRUNNER_RUN_DIRECTORY"), *process.cmdline()
            ours = str(directory) in words or os.getsid(process.pid) == session
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, ProcessLookupError):
            continue
    return found


def _session(directory: Path) -> int | None:
    try:
        return json.loads((directory / "supervisor.json").read_text())["supervisor"]["pid"]
    except FileNotFoundError:
        return None
