"""The blocking and the async methods for one run."""

from __future__ import annotations

import asyncio

from nbrunner import Runner


def test_blocking_run_gives_status_output_and_results(write_flow, capfd):
    with Runner(write_flow("slowflow"), pylint=False).run(seconds=1) as running:
        assert (running.status, running.returncode) == ("successful", 0)
        assert running.run.data.secs == 1
        assert "0 seconds passed" in running.stdout
    out, err = capfd.readouterr()
    assert "0 seconds passed" in out
    assert "executing SlowFlow" in err


def test_async_run_returns_while_the_run_goes_on(write_flow):
    async def main():
        running = await Runner(write_flow("slowflow"), pylint=False).async_run(seconds=1)
        first = running.status
        await running
        return first, running.status

    assert asyncio.run(main()) == ("running", "successful")
