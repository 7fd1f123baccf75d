"""IPython in a pseudo-terminal, with typed input."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pexpect

_DEADLINE_SECONDS = 60.0
_PROMPT = re.compile(r"In \[\d+\]: $")
_CONTINUED = r"   \.\.\.: "


class Terminal:
    """One IPython; use as a context manager.

    Parameters
    ----------
    cwd : Path
        Its directory; IPython's own files are kept there too.
    """

    def __init__(self, cwd: Path) -> None:
        words = ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"]
        environment = {**os.environ, "IPYTHONDIR": str(cwd / ".ipython"), "TERM": "dumb"}
        self._child = pexpect.spawn(
            sys.executable,
            words,
            cwd=str(cwd),
            env=environment,
            encoding="utf-8",
            timeout=_DEADLINE_SECONDS,
            dimensions=(50, 200),
            echo=False,
        )
        self._child.delaybeforesend = None  # prompts are waited for

    def __enter__(self) -> Terminal:
        self._child.expect(_PROMPT)
        return self

    def __exit__(self, *exception: object) -> None:
        self._child.sendline("exit")
        self._child.expect([pexpect.EOF, pexpect.TIMEOUT])
        self._child.close(force=True)

    def enter(self, text: str, interrupt_at: str = "") -> str:
        """Type a cell and return the output until the next prompt.

        Parameters
        ----------
        text : str
            The cell. An empty line between others would end it.
        interrupt_at : str
            Type Ctrl-C once this has been printed.
        """
        for line in text.splitlines():
            self._child.sendline(line)
            ended = self._child.expect([_PROMPT, _CONTINUED]) == 0
        printed = ""
        while not ended:
            self._child.sendline("")
            ended = self._child.expect([_PROMPT, _CONTINUED, interrupt_at or _PROMPT]) != 1
        if interrupt_at:
            printed = f"{self._child.before}{self._child.after}"
            self._child.sendintr()
            self._child.expect(_PROMPT)
        return (printed + self._child.before).replace("\r\n", "\n").strip("\n")
