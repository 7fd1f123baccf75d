"""Two runs never share an id, however they start."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor

import pytest

from nbrunner import Runner
from nbrunner.launch import run_id_collisions

pytestmark = pytest.mark.slow

# The first run of each parameter gets its id from a stopped clock, and all of them
# begin together.
FROZENFLOW = """\
import glob, os, sys, time
from metaflow import FlowSpec, Parameter, step

class FrozenFlow(FlowSpec):

    n = Parameter('n', default=0)

    @step
    def start(self):
        print('n is', self.n)
        self.next(self.end)

    @step
    def end(self):
        self.result = self.n

if __name__ == '__main__':
    mark = os.path.join(os.path.dirname(os.path.abspath(__file__)), f'seen-{sys.argv[-1]}')
    if 'run' in sys.argv and not os.path.exists(mark):
        open(mark, 'w').close()
        while len(glob.glob(mark.rpartition('-')[0] + '-*')) < 3:
            time.sleep(0.001)
        time.time = lambda: 1795000000.0
    FrozenFlow()
"""


def run_async(runner, *values):
    async def main():
        runs = await asyncio.gather(*(runner.async_run(n=n) for n in values))
        return await asyncio.gather(*(run.wait() for run in runs))

    return asyncio.run(main())


def run_blocking(runner, *values):
    with ThreadPoolExecutor() as threads:
        runs = list(threads.map(lambda n: runner.run(n=n), values))
    gc.collect()  # three loops, which the errors of a TaskGroup hold in Python 3.11
    return runs


@pytest.mark.parametrize("run_all", [run_async, run_blocking])
def test_runs_that_start_in_one_microsecond_keep_their_own_parameters(
    write_flow, monkeypatch, run_all
):
    monkeypatch.setattr(run_id_collisions, "_SETTLING_SECONDS", 3.0)  # on a machine of any load
    runner = Runner(write_flow("frozenflow.py", FROZENFLOW), show_output=False, pylint=False)
    runs = run_all(runner, 1, 2, 3)
    assert len({run.pathspec for run in runs}) == 3
    for n, run in enumerate(runs, start=1):
        assert run.status == "successful", run.stderr
        assert run.run.data.result == n
        assert f"n is {n}" in run.stdout


def test_a_run_alone_does_not_wait_for_anybody(write_flow, monkeypatch):
    monkeypatch.setattr(run_id_collisions, "_SETTLING_SECONDS", 1000.0)
    runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
    for _ in range(2):
        assert runner.run(seconds=0).status == "successful"
