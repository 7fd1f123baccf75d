"""Imports modules in a scratch process and returns their draws and other effects.

The scratch process is a fork of the warm interpreter and ends afterwards, so the wrappers of
the recording do no harm. Draws of native code that does not go through Python, such as a C
library that reads the clock, are not seen.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from nbrunner.launch.warm.probe.attribution import IMPORT
from nbrunner.launch.warm.probe.draws import Draw
from nbrunner.launch.warm.probe.recording import Recording
from nbrunner.launch.warm.probe.replaced import callables, replaced
from nbrunner.launch.warm.probe.variables import VariablesRead

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass
class Observed:
    """The effects of an import in the scratch process.

    Attributes
    ----------
    draws : list of Draw
        Its draws.
    files : list of str
        Files of the user that it has read or looked for; see `Recording`.
    states : list of str
        The states of the random number generators with fixed seeds that it has made.
    error : str
        Why the import failed; empty if it did not.
    output : bytes
        The output of the import.
    metadata : bool
        Whether it has looked up installed distributions.
    filters : bool
        Whether it has changed ``warnings.filters``.
    sets : list of str
        Environment variables that it has set or changed.
    replaced : list of str
        Functions and classes of Python and metaflow that it has replaced, by full name.
    """

    draws: list[Draw] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    error: str = ""
    output: bytes = b""
    metadata: bool = False
    filters: bool = False
    sets: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)


def import_as_flow(what: str) -> None:
    """Import like a statement of a flow file, as a warning may name the importing module.

    Parameters
    ----------
    what : str
        ``"module"``, or ``"module:a,b"`` for ``from module import a, b``.
    """
    module, _, names = what.partition(":")
    if not module.replace(".", "").isidentifier():
        importlib.import_module(module)  # raises the usual error
        return
    statement = f"from {module} import {names}" if names else f"import {module}"
    exec(statement, {"__name__": "__main__"})


def is_done(what: str) -> bool:
    """Return whether `import_as_flow` would import nothing in this process."""
    module, _, names = what.partition(":")
    space = vars(sys.modules[module]) if module in sys.modules else None
    return space is not None and (not names or set(names.split(",")) <= space.keys())


def observe(names: Iterable[str]) -> Observed:
    """Import modules in a fork of this process, which itself does not change.

    Parameters
    ----------
    names : iterable of str
        See `import_as_flow`.

    Raises
    ------
    OSError
        The system refuses another process.
    """
    reading, writing = os.pipe()
    output = os.memfd_create("nbrunner-import")
    us = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        for descriptor in (reading, writing, output):
            os.close(descriptor)
        raise
    if pid == 0:
        _report(names, writing, output, us)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pipe.read()
    _pid, status = os.waitpid(pid, 0)
    with open(output, "rb") as printed:
        printed.seek(0)
        said = printed.read()
    if not answer:
        code = os.waitstatus_to_exitcode(status)
        return Observed(error=f"it ended the process with code {code}", output=said)
    found = json.loads(answer)
    draws = [Draw(*each) for each in found["draws"]]
    return Observed(
        draws,
        found["files"],
        found["states"],
        found["error"],
        said,
        found["metadata"],
        found["filters"],
        found["sets"],
        found["replaced"],
    )


def _report(names: Iterable[str], writing: int, output: int, parent: int) -> NoReturn:
    """Import the modules, send the result and exit. The parent's end kills this process."""
    ctypes.pythonapi.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.dup2(output, 1)
    os.dup2(output, 2)
    recording = Recording()
    before = callables()
    filters, variables, read = list(warnings.filters), dict(os.environ), VariablesRead()
    error = ""
    try:
        with recording, read.noting():
            for name in names:
                import_as_flow(name)
    except BaseException as failure:  # an import may raise anything
        error = f"{type(failure).__name__}: {failure}"
    sets = sorted(name for name in os.environ if os.environ[name] != variables.get(name))
    for name in filter(read.is_read_for_its_value, sets):
        recording.draws.add(Draw(f"sets ${name}, which it reads", *IMPORT))
    answer = {
        "draws": sorted(recording.draws),
        "files": sorted(recording.files),
        "states": recording.states,
        "error": error,
        "metadata": recording.metadata,
        "filters": warnings.filters != filters,
        "sets": sets,
        "replaced": replaced(before),
    }
    with open(writing, "w", encoding="utf-8") as pipe:
        json.dump(answer, pipe)
    os._exit(0)
