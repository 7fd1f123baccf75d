"""Checks of the installation: versions, directories, Metaflow's settings, and a trial run."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nbrunner.engine import metaflow_versions
from nbrunner.engine.client import LOCAL_ROOT, local_root, metaflow_settings
from nbrunner.environment import run_environment, unnamed_user, user_of
from nbrunner.errors import NbrunnerError
from nbrunner.handles import ExecutingRun
from nbrunner.launch.warm.fingerprint import PRELOAD_VARIABLE
from nbrunner.record.registry import STATE_VARIABLE, runs_directory, state_directory
from nbrunner.record.retention import KEEP, disk_usage
from nbrunner.runner import Runner
from nbrunner.version import __version__

_LIBRARIES = ("ipykernel", "ipywidgets", "anywidget")
_FRONT_ENDS = ("jupyterlab", "notebook")
_PACKAGE = Path(__file__).parent
_BUNDLE = _PACKAGE / "static" / "run_header.js"
_LITTLE_BYTES = 500e6
_OUTPUT_CHARACTERS = 2000

_SETTINGS = (
    "$METAFLOW_PROFILE and other $METAFLOW_... variables, and the files in ~/.metaflowconfig, "
    "set this; `metaflow configure show` prints them"
)

_TRIAL = """\
from metaflow import FlowSpec, step

class DoctorFlow(FlowSpec):

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    DoctorFlow()
"""


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes
    ----------
    name : str
        Name of the check.
    what : str
        What was found.
    remedy : str
        How to fix the problem; empty if there is none.
    """

    name: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = "!" if self.remedy else " "
        text = f"{mark} {self.name:<16} {self.what}"
        return f"{text}\n{'':<19}-> {self.remedy}" if self.remedy else text


def examine() -> Iterator[Finding]:
    """Run all checks in order; the last one runs a flow of two steps.

    Yields
    ------
    Finding
        Result of each check as soon as it is available. Checks never raise; a failing check is
        itself reported as a finding.
    """
    looks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("nbrunner", _nbrunner),
        ("Python", _python),
        ("metaflow", _metaflow_version),
        *((name, lambda name=name: _library(name)) for name in _LIBRARIES),
        *((name, lambda name=name: _front_end(name)) for name in _FRONT_ENDS),
        ("user", _user),
        ("state directory", _state),
        ("Metaflow", _metaflow),
        ("trial run", _trial),
    )
    for name, look in looks:
        try:
            yield look()
        except Exception as error:  # any failure is a finding
            yield Finding(name, f"{type(error).__name__}: {error}", _remedy_of(error))


def _remedy_of(error: Exception) -> str:
    if isinstance(error, NbrunnerError):
        return "see the message"
    if isinstance(error, ImportError):
        return "`pip install --force-reinstall nbrunner metaflow` repairs a broken installation"
    return _SETTINGS


def _nbrunner() -> Finding:
    what = f"{__version__} in {_PACKAGE}"
    if _BUNDLE.exists():
        return Finding("nbrunner", what)
    return Finding(
        "nbrunner",
        f"{what}, without the JavaScript of its panels",
        "install nbrunner from a wheel, or from source with Node.js 18 or newer "
        "(`pip install .`, `make`)",
    )


def _python() -> Finding:
    return Finding("Python", f"{platform.python_version()}, {sys.executable}, {sys.platform}")


def _metaflow_version() -> Finding:
    found = _library("metaflow")
    side = metaflow_versions.side(found.what) if not found.remedy else ""
    if side == "older":
        return Finding("metaflow", found.what, metaflow_versions.what_to_do(found.what))
    if side == "newer":
        what = f"{found.what}; nbrunner is tested with {metaflow_versions.RANGE}"
        return Finding("metaflow", f"{what}, and may start newer ones cold: see the trial run")
    return found


def _library(name: str) -> Finding:
    try:
        return Finding(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "not installed", f"pip install {name}")


def _front_end(name: str) -> Finding:
    try:
        return Finding(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        # Not a problem: JupyterLab may run in another environment than the kernel.
        what = "not in this environment; its own environment needs ipywidgets and anywidget"
        return Finding(name, what)


def _user() -> Finding:
    user = user_of(run_environment())
    source = " (from the password database; no variable is set)" if unnamed_user(os.environ) else ""
    return Finding("user", f"{user}{source}")


def _state() -> Finding:
    folder = state_directory()
    used, count = disk_usage(runs_directory())
    free = shutil.disk_usage(folder).free
    what = (
        f"{folder}: {count:,} runs, {used / 1e6:,.1f} MB of {KEEP.max_total_bytes / 1e9:g} GB; "
        f"{free / 1e9:,.1f} GB free"
    )
    if free > _LITTLE_BYTES:
        return Finding("state directory", what)
    remedy = f"`%flowruns --clean` deletes old records; ${STATE_VARIABLE} sets another directory"
    return Finding("state directory", what, remedy)


def _metaflow() -> Finding:
    settings = metaflow_settings()
    what = ", ".join(f"{name} {value}" for name, value in settings.items())
    return Finding("Metaflow", what, _SETTINGS if settings["metadata"] == "service@None" else "")


def _trial() -> Finding:
    """Run a flow of two steps, with its results in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="nbrunner-doctor-") as folder:
        flow = Path(folder, "doctor_flow.py")
        flow.write_text(_TRIAL, encoding="utf-8")
        # Without a configured root Metaflow writes next to the flow, in this directory. It is
        # set only if needed, as another environment needs another warm interpreter.
        local = {LOCAL_ROOT: folder} if local_root() else {}
        runner = Runner(
            flow,
            show_output=False,
            env=local,
            cwd=folder,
            metadata="local",
            datastore="local",
            pylint=False,
        )
        try:
            runner.run()  # waits until metaflow is imported; the second run is timed
            return _judged(runner.run())
        finally:
            runner.cleanup()


def _judged(running: ExecutingRun) -> Finding:
    way = "warm" if running.warm else f"cold: {running.cold_reason}"
    if running.warm and running.task_starts.cold:
        way = f"warm, {running.task_starts}"
    if running.preloaded:
        way += f", with {', '.join(running.preloaded)} preloaded"
    what = f"{running.status} in {running.elapsed_seconds or 0:.2f} s, {way}"
    if running.status == "successful":
        return Finding("trial run", what, _not_preloaded(running))
    output = (running.stderr or running.stdout).strip()
    return Finding("trial run", what, f"Metaflow printed:\n{output[-_OUTPUT_CHARACTERS:]}")


def _not_preloaded(running: ExecutingRun) -> str:
    """Return how to handle modules that could not be preloaded; empty if all were."""
    if not running.not_preloaded:
        return ""
    reasons = "; ".join(f"{name}: {reason}" for name, reason in running.not_preloaded.items())
    return (
        f"not preloaded, so each task imports it: {reasons}. "
        f"Remove it from ${PRELOAD_VARIABLE} or FlowRun.preload"
    )


def report(findings: Iterator[Finding], write: Callable[[str], object] = print) -> int:
    """Print a line for each finding, and its remedy.

    Returns
    -------
    int
        Number of findings with a remedy.
    """
    problems = 0
    for finding in findings:
        problems += bool(finding.remedy)
        write(str(finding))
    write(f"\n{_summary(problems)}")
    return problems


def _summary(problems: int) -> str:
    if not problems:
        return "No problems found"
    found = "1 problem" if problems == 1 else f"{problems} problems"
    return f"{found} found (lines marked !)"
