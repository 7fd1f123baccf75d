"""A run whose process writes exactly the bytes that a test wants, when it wants them.

Bytes written inside a step pass through Metaflow first; these go straight to the log,
like those of a C library or of module-level code. stderr is the quiet stream: after
Metaflow's greeting, which ends before the first task starts, nothing else writes to it.
"""

from __future__ import annotations

import os
from pathlib import Path

from nbrunner import Runner
from support.waiting import async_until

TALKFLOW = """\
import os, sys, threading
from metaflow import FlowSpec, step

HERE = os.path.dirname(os.path.abspath(__file__))

def talk():
    with open(f"{HERE}/say", "rb", buffering=0) as orders:
        while piece := orders.read(65536):
            os.write(2, piece)

if "run" in sys.argv:
    threading.Thread(target=talk, daemon=True).start()

class TalkFlow(FlowSpec):

    @step
    def start(self):
        open(f"{HERE}/started", "w").close()
        open(f"{HERE}/finish").close()
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    TalkFlow()
"""


class TalkingRun:
    """Start with ``async with await TalkingRun.begin(folder) as talking``."""

    def __init__(self, folder: Path, running) -> None:
        self.folder = folder
        self.running = running
        self.log = running.directory.log("stderr")
        self._say: int | None = None
        self.greeting_bytes = 0

    @classmethod
    async def begin(cls, folder: Path) -> TalkingRun:
        flow = folder / "talkflow.py"
        flow.write_text(TALKFLOW)
        for name in ("say", "finish"):
            os.mkfifo(folder / name)
        running = await Runner(flow, pylint=False).async_run()
        return cls(folder, running)

    async def __aenter__(self) -> TalkingRun:
        await async_until((self.folder / "started").exists, "the step")
        self.greeting_bytes = self.log.stat().st_size
        self._say = os.open(self.folder / "say", os.O_WRONLY)
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.hush()
        await self.running.async_stop()

    async def say(self, piece: bytes) -> None:
        """Make the run process write a piece, and wait until it is in the log."""
        assert self._say is not None and len(piece) <= 4096  # in a single write
        grown = self.log.stat().st_size + len(piece)
        os.write(self._say, piece)
        await async_until(lambda: self.log.stat().st_size >= grown, "the piece in the log")

    def hush(self) -> None:
        if self._say is not None:
            os.close(self._say)
            self._say = None

    async def finish(self) -> None:
        """Let the step continue, and wait until the run has ended."""
        descriptor = await async_until(self._writer, "the step at its gate")
        os.close(descriptor)
        await self.running

    def _writer(self) -> int | None:
        try:
            return os.open(self.folder / "finish", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # the step does not read yet
            return None
