"""``stop all`` also ends sweeps: no more of their runs start, whatever process starts them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap

import pytest
from support.waiting import async_until, until

from nbrunner import Runner, async_sweep, attach_sweep, cli, sweep
from nbrunner.sweeps import api, store

pytestmark = pytest.mark.slow

SETS = {"seconds": [60, 61, 62, 63]}
WHOLE = ["stopped", "stopped", "not started", "not started"]


@pytest.fixture
def runner(write_flow):
    return Runner(write_flow("slowflow"), show_output=False, pylint=False)


def two_run(made):
    made.refresh()
    return len([run for run in made if run is not None and run.pathspec]) == 2


def test_a_sweep_of_this_process_starts_no_more_runs(runner, capsys):
    """`stop all` stopped two runs, and the sweep then started the other two."""

    async def main():
        began = await async_sweep(runner, SETS, parallel=2)
        await async_until(lambda: two_run(began), "two runs")
        await asyncio.to_thread(cli.stop_named, ["all"])
        await began
        return began

    began = asyncio.run(main())
    assert began.statuses == WHOLE
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"sweep {began.name}: no more runs will be started"
    assert len(told) == 3
    cli.stop_named(["all"])
    assert capsys.readouterr().out == f"{cli.NO_RUN}\n"


DRIVES = """
    import asyncio
    from nbrunner import Runner, async_sweep

    async def main():
        runner = Runner("slowflow.py", show_output=False, pylint=False)
        began = await async_sweep(runner, {"seconds": [60, 61, 62, 63]}, parallel=2)
        print(began.name, flush=True)
        await began
        print(*began.statuses, sep=",", flush=True)

    asyncio.run(main())
"""


def test_a_sweep_of_another_process_starts_no_more_runs(write_flow, tmp_path):
    write_flow("slowflow")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(DRIVES))
    command = [sys.executable, script]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as driving:
        name = driving.stdout.readline().strip()
        seen = attach_sweep(name)
        until(lambda: two_run(attach_sweep(name)), "two runs")
        cli.stop_named(["all"])
        assert driving.stdout.readline().strip() == ",".join(WHOLE)
    assert driving.returncode == 0
    assert seen.is_over


def test_a_sweep_that_was_created_just_now_starts_nothing(runner, capsys):
    made = api._made(runner, runner.describe(), {"seconds": [60]}, 1, "continue", {})
    cli.stop_named(["all"])
    assert capsys.readouterr().out == f"sweep {made.name}: no more runs will be started\n"
    asyncio.run(made.wait())
    assert made.statuses == ["not started"]


def test_a_sweep_that_nobody_drives_is_left_to_who_takes_it_up(runner):
    done = sweep(runner, {"seconds": [0]})
    assert store.stop_living() == ([], {})
    assert not done._directory.is_stopped


def test_runs_are_stopped_also_where_a_sweep_cannot_be_told(runner, monkeypatch, capsys):
    async def main():
        began = await async_sweep(runner, {"seconds": [60]})
        await async_until(lambda: began.statuses == ["running"], "the run")
        with monkeypatch.context() as patch:
            patch.setattr(store.private, "touch", full)
            await asyncio.to_thread(cli.stop_named, ["all"])
        await began
        return began

    def full(path):
        raise OSError(28, "No space left on device", str(path))

    assert asyncio.run(main()).statuses == ["stopped"]
    assert "cannot be stopped and may start more runs: [Errno 28]" in capsys.readouterr().err
