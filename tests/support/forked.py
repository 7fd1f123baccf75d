"""Runs scripts in forks of an interpreter that is prepared like the warm one, without a run.

A fork of the warm interpreter is not a child of its requester, which therefore cannot see its
exit code. This interpreter has the same start (``-c``) and preparation, forks for
one script after another, and records the end of each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbrunner.launch.warm import finalize
from nbrunner.launch.warm.become import Program, execute
from nbrunner.launch.warm.zygote import preload


@dataclass
class Ended:
    """The end of a script.

    Attributes
    ----------
    returncode : int
        Negative for a signal.
    reason : str or None
        Why the interpreter had to finalize itself; ``"no answer"`` if that is not recorded.
    """

    returncode: int
    stdout: str
    stderr: str
    reason: str | None = "no answer"


def ended_cold(script: Path, cwd: Path) -> Ended:
    """Return the end of a script in an interpreter of its own."""
    ended = subprocess.run(
        [sys.executable, "-u", str(script)],
        cwd=cwd,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    return Ended(ended.returncode, _text(ended.stdout), _text(ended.stderr))


def ended_forked(
    scripts: Sequence[tuple[Path, Path]], notes: Path, preloaded: str = ""
) -> list[Ended]:
    """Return the ends of scripts in forks, each in its directory.

    Parameters
    ----------
    scripts : sequence of (Path, Path)
        Scripts and their directories.
    notes : Path
        A folder for their output.
    preloaded : str
        Modules to import in addition to metaflow.
    """
    notes.mkdir()
    requests = [(str(script), str(cwd)) for script, cwd in scripts]
    (notes / "requests").write_text(json.dumps(requests))
    code = (
        f"__import__('sys').path[:0] = {[str(Path(__file__).parents[1]), str(_PACKAGE)]}; "
        "__import__('support.forked', fromlist=['main']).main()"
    )
    with open(notes / "log", "ab") as log:
        subprocess.run(
            [sys.executable, "-u", "-c", code, str(notes)],
            env={**_environment(), "NBRUNNER_PRELOAD": preloaded},
            stdin=subprocess.DEVNULL,
            stderr=log,  # like that of the warm interpreter
            check=True,
            timeout=150,
        )
    return [_noted(notes, index) for index in range(len(scripts))]


_PACKAGE = Path(finalize.__file__).parents[2]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


def _noted(notes: Path, index: int) -> Ended:
    found = Ended(
        int((notes / f"{index}.code").read_text()),
        _text((notes / f"{index}.out").read_bytes()),
        _text((notes / f"{index}.err").read_bytes()),
    )
    reason = notes / f"{index}.reason"
    if reason.exists():
        found.reason = json.loads(reason.read_text())
    return found


def _text(output: bytes) -> str:
    return output.decode(errors="replace")


def main() -> None:
    """Fork for each script; in the fork, return, so that the interpreter ends."""
    notes = Path(sys.argv.pop())
    del sys.path[0:3]
    last = finalize.register_last()
    preload(last, log_size=0)
    for index, (script, cwd) in enumerate(json.loads((notes / "requests").read_text())):
        pid = os.fork()
        if pid == 0:
            stdio = [
                os.open(os.devnull, os.O_RDONLY),
                *(os.open(notes / f"{index}.{end}", os.O_WRONLY | os.O_CREAT) for end in _ENDS),
            ]
            Program([script], _environment(), cwd, (stdio[0], stdio[1], stdio[2])).become(last)
            _note_reasons(str(notes / f"{index}.reason"))
            del notes, stdio
            return execute(script, last)
        _pid, status = os.waitpid(pid, 0)
        (notes / f"{index}.code").write_text(str(os.waitstatus_to_exitcode(status)))
    os._exit(0)


_ENDS = ("out", "err")


def _note_reasons(file: str) -> None:
    ask = finalize.reason_to_finalize

    def asked(*args: object) -> str | None:
        reason = ask(*args)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, json.dumps(reason).encode())
        os.close(descriptor)
        return reason

    finalize.reason_to_finalize = asked  # type: ignore[assignment]
