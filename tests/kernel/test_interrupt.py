"""Interrupt stops the run that the interrupted cell waits for, and no other run."""

from __future__ import annotations

import pytest
from support.offspring import lives, processes_of
from support.waiting import until

pytestmark = pytest.mark.slow

# A bound for noisy machines; without other load it is less than 0.15 s.
PROMPT_SECONDS = 0.6

BACKGROUND = """\
from nbrunner import Runner
import asyncio, time
running = await Runner('slowflow.py', pylint=False, show_output=False).async_run(seconds=4)
"""


@pytest.fixture(autouse=True)
def _flow(write_flow):
    write_flow("slowflow")


def ended_well(kernel):
    kernel.execute("_ = await running").checked()
    assert kernel.execute("running.status").result == "'successful'"
    kernel.execute("assert 'Done!' in running.stdout").checked()


def test_in_a_blocking_run_stops_it_and_ends_the_cell(kernel, private_state):
    cell = kernel.execute(
        "from nbrunner import Runner\nRunner('slowflow.py', pylint=False).run(seconds=300)",
        interrupt_when=lambda shown: "seconds passed" in shown.stdout,
    )
    assert (cell.status, cell.error) == ("error", "KeyboardInterrupt")
    (record,) = private_state.glob("runs/*/record.json")
    assert processes_of(record.parent) == []
    status = kernel.execute(
        f"import nbrunner\nfrom nbrunner.record.run_directory import RunDirectory\n"
        f"nbrunner.ExecutingRun(RunDirectory({str(record.parent)!r})).status"
    )
    assert status.checked().result == "'stopped'"


def test_of_an_idle_kernel_leaves_a_background_run_alone(kernel):
    kernel.execute(BACKGROUND).checked()
    kernel.interrupt()
    assert kernel.execute("running.status").checked().result == "'running'"
    ended_well(kernel)


@pytest.mark.parametrize(
    "busy",
    [
        "print('go', flush=True)\ntime.sleep(60)",
        "print('go', flush=True)\nwhile True: pass",
        "Runner('slowflow.py', pylint=False).run(seconds=300)",
    ],
    ids=["sleeping", "computing", "running"],
)
def test_of_another_cell_leaves_a_background_run_alone(kernel, busy):
    kernel.execute(BACKGROUND).checked()
    cell = kernel.execute(busy, interrupt_when=lambda shown: shown.stdout)
    assert (cell.status, cell.error) == ("error", "KeyboardInterrupt")
    ended_well(kernel)


@pytest.mark.alone
@pytest.mark.parametrize(
    "waiting",
    [
        "await running.wait()",
        "await running",
        "async for _ in running.stream_log('stderr'): pass",
        "async for _ in running.events(): pass",
    ],
)
def test_of_a_waiting_cell_is_prompt_and_the_run_goes_on(kernel, waiting):
    kernel.execute(BACKGROUND).checked()
    cell = kernel.execute(
        "import sys; print('go'); sys.stdout.flush()\n" + waiting,
        interrupt_when=lambda shown: shown.stdout,
    )
    assert cell.status == "error"
    assert cell.error in ("CancelledError", "KeyboardInterrupt")
    assert cell.interrupted_after_seconds < PROMPT_SECONDS
    assert kernel.execute("running.status").checked().result == "'running'"
    ended_well(kernel)


def test_of_a_start_ends_what_was_started(kernel, private_state, write_flow):
    write_flow("hang.py", "import signal\n" + HANG)
    seen = []

    def something_runs(shown):
        for record in private_state.glob("runs/*/supervisor.json"):
            seen.extend(processes_of(record.parent))
        return seen

    cell = kernel.execute(
        "from nbrunner import Runner\nawait Runner('hang.py', pylint=False).async_run()",
        interrupt_when=something_runs,
    )
    assert cell.status == "error"
    until(lambda: not any(lives(each.pid) for each in seen), "the end of the run's processes")


HANG = """\
from metaflow import FlowSpec, step

class HangFlow(FlowSpec):

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    signal.pause()
"""


@pytest.mark.alone
def test_cells_can_be_interrupted_after_a_runner_was_built_in_them(kernel):
    for rest in ("time.sleep(60)", "while True: await asyncio.sleep(0.01)"):
        cell = kernel.execute(
            "from nbrunner import Runner\nimport asyncio, time\n"
            "runner = Runner('slowflow.py')\nprint('go', flush=True)\n" + rest,
            interrupt_when=lambda shown: shown.stdout,
        )
        assert cell.error in ("CancelledError", "KeyboardInterrupt")
        assert cell.interrupted_after_seconds < PROMPT_SECONDS
