"""Runs a flow cold and warm at the same time, each in its own directory."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbrunner import Runner
from nbrunner.errors import RunStartError
from nbrunner.handles import ExecutingRun
from nbrunner.launch.warm.launcher import WARM_VARIABLE

# Text that differs between any two runs of one flow.
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"), "TIME"),
    (re.compile(r"\b\d{16}\b"), "RUN"),
    (re.compile(r"\d{8}-\d{6}-\d{6}-[0-9a-f]{8}"), "RECORD"),
    # Metaflow strips the output of tasks; in warm runs the indentation is kept.
    (re.compile(r"\(pid \d+\)\][ \t]+"), "(pid PID)] "),
    (re.compile(r"pid \d+"), "pid PID"),
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
)


@dataclass
class Outcome:
    """The visible result of a run, without text that identifies this very run.

    Attributes
    ----------
    status : str
        ``"not started"`` if it ended before it had an id.
    returncode : int or None
    stdout, stderr : str
        The message of the error, and nothing, for one that has not started.
    cwd : Path
    running : ExecutingRun or None
    """

    status: str
    returncode: int | None
    stdout: str
    stderr: str
    cwd: Path
    running: ExecutingRun | None

    def masked(self, text: str) -> str:
        """Return a text without the parts that identify this very run."""
        return masked(text.replace(str(self.cwd), "CWD"))


def masked(text: str) -> str:
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text


async def _start(
    flow: Path, monkeypatch: Any, warm: bool, options: dict[str, Any]
) -> tuple[Path, ExecutingRun | RunStartError]:
    cwd = flow.parent / ("warm" if warm else "cold")
    cwd.mkdir(exist_ok=True)
    monkeypatch.setenv(WARM_VARIABLE, "1" if warm else "0")
    # The run sees the variable, but does not use it.
    env = {**options.get("env", {}), WARM_VARIABLE: "hidden"}
    runner = Runner(flow, **{"pylint": False, "cwd": cwd, **options, "env": env})
    try:
        running = await runner.async_run()
    except RunStartError as error:
        return cwd, error
    assert running.warm == warm, running.cold_reason
    return cwd, running


async def _end(cwd: Path, running: ExecutingRun | RunStartError) -> Outcome:
    if isinstance(running, RunStartError):
        found = Outcome("not started", running.returncode, str(running), "", cwd, None)
    else:
        await running
        status, code = running.status, running.returncode
        found = Outcome(status, code, running.stdout, running.stderr, cwd, running)
    found.stdout, found.stderr = found.masked(found.stdout), found.masked(found.stderr)
    return found


def both_ways(flow: Path, monkeypatch: Any, **options: Any) -> tuple[Outcome, Outcome]:
    """Return the outcomes of a cold and a warm run of a flow; the latter must be warm.

    Parameters
    ----------
    **options
        Of `Runner`.
    """

    async def main() -> tuple[Outcome, Outcome]:
        cold = await _start(flow, monkeypatch, False, options)
        warm = await _start(flow, monkeypatch, True, options)
        return await _end(*cold), await _end(*warm)

    return asyncio.run(main())


def warmly(flow: Path, monkeypatch: Any, **options: Any) -> Outcome:
    """Return the outcome of a warm run."""

    async def main() -> Outcome:
        return await _end(*await _start(flow, monkeypatch, True, options))

    return asyncio.run(main())


def listing(folder: Path) -> dict[str, str]:
    """Return the files in a folder and their content."""
    return {
        os.path.relpath(file, folder): file.read_text(errors="replace")
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def without_ours(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that a warm task saw, without the differences listed in zygote.py."""
    finders = [each for each in facts["meta path"] if "_CompiledFinder" not in each]
    return {**facts, "meta path": finders, "exit functions": facts["exit functions"] - 1}
