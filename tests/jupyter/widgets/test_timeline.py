"""The bars of a timeline for tasks that ended with their run."""

from __future__ import annotations

import asyncio

import pytest
from support.waiting import until

from nbrunner import Runner
from nbrunner.jupyter.widgets.timeline import Timeline

pytestmark = [pytest.mark.once, pytest.mark.slow]

# Its first attempt fails, its second ends when the run is stopped.
FLOW = """\
import time
from metaflow import FlowSpec, current, retry, step

class TwiceFlow(FlowSpec):

    @retry(times=3, minutes_between_retries=0)
    @step
    def start(self):
        if current.retry_count == 0:
            raise ValueError('as it should')
        print('second', flush=True)
        time.sleep(600)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    TwiceFlow()
"""


def test_an_attempt_that_ended_with_its_run_is_told_apart_from_one_that_failed(write_flow):
    runner = Runner(write_flow("twiceflow.py", FLOW), show_output=False, pylint=False)
    running = asyncio.run(runner.async_run())
    until(lambda: "second" in running.stdout, "the second attempt")
    running.stop()
    bars = Timeline(running, unfolded=True)
    bars.show(over=True)
    assert running.status == "stopped"
    assert [span.state for span in bars._spans] == ["failed", "stopped"]
    bars.close()
