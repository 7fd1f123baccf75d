"""Imports modules in a scratch process and returns what they draw.

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
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from nbrunner.launch.warm.probe.draws import Draw
from nbrunner.launch.warm.probe.recording import Recording

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass
class Observed:
    """What an import did in the scratch process.

    Attributes
    ----------
    draws : list of Draw
    files : list of str
        Files of the user's that it has read or looked for; see `Recording`.
    states : list of str
        The states of the random number generators that it has made, but for those that a
        fork can seed anew.
    error : str
        Why the import failed; empty if it did not.
    output : bytes
        What the import printed.
    metadata : bool
        Whether it has looked up installed distributions.
    filters : bool
        Whether it has changed ``warnings.filters``.
    """

    draws: list[Draw] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    error: str = ""
    output: bytes = b""
    metadata: bool = False
    filters: bool = False


def observe(names: Iterable[str]) -> Observed:
    """Import modules in a fork of this process, which itself stays as it is.

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
    )


def _report(names: Iterable[str], writing: int, output: int, parent: int) -> NoReturn:
    """Import the modules, send the result and exit. The parent's end kills this process."""
    ctypes.pythonapi.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.dup2(output, 1)
    os.dup2(output, 2)
    recording = Recording()
    filters = list(warnings.filters)
    error = ""
    try:
        with recording:
            for name in names:
                importlib.import_module(name)
    except BaseException as failure:  # an import may raise anything
        error = f"{type(failure).__name__}: {failure}"
    answer = {
        "draws": sorted(recording.draws),
        "files": sorted(recording.files),
        "states": recording.states,
        "error": error,
        "metadata": recording.metadata,
        "filters": warnings.filters != filters,
    }
    with open(writing, "w", encoding="utf-8") as pipe:
        json.dump(answer, pipe)
    os._exit(0)
