"""The artifacts of a run's tasks, read while it is active and after it has failed."""

from __future__ import annotations

import asyncio

import pytest
from support.waiting import async_until

from nbrunner import Runner
from nbrunner.jupyter.widgets import Artifacts

pytestmark = [pytest.mark.once, pytest.mark.slow]

WAITFLOW = """\
import os, pathlib, signal, time
from metaflow import FlowSpec, Parameter, step

class WaitFlow(FlowSpec):

    kill = Parameter('kill', default=False)

    @step
    def start(self):
        self.numbers = [1, 2, 3]
        self.next(self.wait)

    @step
    def wait(self):
        if self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        pathlib.Path('begun').touch()
        while not pathlib.Path('go').exists():
            time.sleep(0.02)
        self.name = 'of my own'
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    WaitFlow()
"""


def names(shown):
    return [row["name"] for row in shown.rows]


def widget(running):
    return Artifacts(running, aside=lambda work: work(), unfolded=True)


def test_while_a_step_runs_the_one_before_is_shown_and_the_running_one_says_so(
    write_flow, tmp_path
):
    runner = Runner(write_flow("waitflow", WAITFLOW), show_output=False, pylint=False, cwd=tmp_path)

    async def main():
        running = await runner.async_run()
        # Metaflow reports the start of a task before the task has registered itself.
        await async_until((tmp_path / "begun").exists, "the step")
        shown = widget(running)
        shown.reload()
        assert (shown.steps, shown.step, shown.error) == (["start", "wait"], "start", "")
        assert names(shown) == ["kill", "numbers"]
        shown.step = "wait"
        assert len(shown.tasks) == 1
        assert (shown.error, shown.rows) == (f"task {shown.task} has not finished", [])
        (tmp_path / "go").touch()
        await running
        shown.show(over=True)
        assert (shown.step, shown.error) == ("wait", "")
        assert names(shown) == ["kill", "name", "numbers"], "a name of the user's own"

    asyncio.run(main())


def test_a_task_that_was_killed_has_left_nothing_and_does_not_hide_the_others(write_flow):
    runner = Runner(write_flow("waitflow", WAITFLOW), show_output=False, pylint=False)
    shown = widget(runner.run(kill=True))
    shown.reload()
    assert (shown.step, names(shown)) == ("start", ["kill", "numbers"])
    shown.step = "wait"
    assert shown.error == f"task {shown.task} has not finished"
