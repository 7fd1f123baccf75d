"""One flow, run cold and run warm, and what is the same in both put out of the way."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbrunner import Runner
from nbrunner.launch.warm import WARM_VARIABLE

# What differs between any two runs of one flow.
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"), "TIME"),
    (re.compile(r"\b\d{16}\b"), "RUN"),
    (re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}"), "DIRECTORY"),
    (re.compile(r"pid \d+"), "pid PID"),
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
)


def masked(text: str) -> str:
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text


@dataclass
class Outcome:
    """What can be seen of a run from outside."""

    status: str
    returncode: int | None
    stdout: list[str]
    stderr: list[str]
    running: Any


def outcome(flow: Path, monkeypatch: Any, warm: bool, **arguments: Any) -> Outcome:
    """Run a flow; a run that is to be warm must be."""
    monkeypatch.setenv(WARM_VARIABLE, "1" if warm else "0")
    running = Runner(flow, pylint=False, show_output=False).run(**arguments)
    assert running.warm == warm, running.cold_reason
    return Outcome(
        running.status,
        running.returncode,
        masked(running.stdout).splitlines(),
        masked(running.stderr).splitlines(),
        running,
    )


def both_ways(flow: Path, monkeypatch: Any, **arguments: Any) -> tuple[Outcome, Outcome]:
    """Return what a cold and a warm run of a flow come to, from the same directory."""
    here = os.getcwd()
    try:
        os.chdir(flow.parent)
        return (
            outcome(flow, monkeypatch, warm=False, **arguments),
            outcome(flow, monkeypatch, warm=True, **arguments),
        )
    finally:
        os.chdir(here)
