"""The memory of a step task: its own, and that shared with other processes."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import PEER, Benchmark, Figures, Row, runner_class, write_flow
from tests.support.memory import Memory, memory

_TASKS = 4

# Each task reports that it is running, and waits until it may end.
WAITING = f"""\
import os, time
from pathlib import Path
from metaflow import FlowSpec, step

class WaitingFlow(FlowSpec):
    @step
    def start(self):
        self.items = list(range({_TASKS}))
        self.next(self.work, foreach='items')
    @step
    def work(self):
        Path(f'task-{{os.getpid()}}').touch()
        while not os.path.exists('end'):
            time.sleep(0.02)
        self.next(self.join)
    @step
    def join(self, inputs):
        self.next(self.end)
    @step
    def end(self):
        pass

if __name__ == '__main__':
    WaitingFlow()
"""


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.02)


def _pids() -> list[int]:
    return [int(file.name.removeprefix("task-")) for file in Path().glob("task-*")]


def waiting_tasks(whose: str) -> Figures:
    """Measure the tasks of one step while all of them are running."""
    flow = write_flow(WAITING)

    async def main() -> list[Memory]:
        running = await runner_class(whose)(flow, pylint=False).async_run()
        try:
            async with asyncio.timeout(120):
                await _until(lambda: len(_pids()) == _TASKS)
            return [memory(pid) for pid in _pids()]
        finally:
            Path("end").touch()
            await running.wait()

    found = asyncio.run(main())
    return {
        "private": statistics.median(each.private_bytes for each in found) / 1e6,
        "shared": statistics.median(each.shared_bytes for each in found) / 1e6,
        "tasks": len(found),
        "zygote": _zygote_megabytes() if whose != PEER else 0.0,
    }


def _zygote_megabytes() -> float:
    """Return the memory of the warm interpreter, the only child of this process."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    (zygote,) = (memory(int(pid)) for pid in children)
    return (zygote.private_bytes + zygote.shared_bytes) / 1e6


BENCHMARKS = (
    Benchmark(
        "memory",
        waiting_tasks,
        (
            Row("memory of a step task next to three others, its own", "private", "MB"),
            Row(
                "the same, shared with other processes",
                "shared",
                "MB",
                "",
                "the warm interpreter: {nbrunner.zygote:.0f} MB, once",
            ),
        ),
    ),
)
