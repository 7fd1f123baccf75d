"""Snippets that use Runner in cells, and the place of their output."""

from __future__ import annotations

import pytest
from support.waiting import until

pytestmark = pytest.mark.slow

ASYNC_MAIN = """\
import asyncio
from nbrunner import Runner

async def main():
    with await Runner('slowflow.py', pylint=False).async_run(seconds=1) as running:
        async for _, line in running.stream_log('stdout'):
            print(f'OUT: {line}')
        print(f'{running.run} finished')

"""


@pytest.fixture(autouse=True)
def _flows(write_flow):
    write_flow("slowflow")
    write_flow("failflow")


def test_blocking_run_prints_into_its_cell_stdout_and_stderr_apart(kernel):
    cell = kernel.execute(
        "from nbrunner import Runner\n"
        "with Runner('slowflow.py', pylint=False).run(seconds=1) as running:\n"
        "    print(f'{running.run} finished')"
    ).checked()
    assert "0 seconds passed" in cell.stdout
    assert cell.lines[-1].endswith("finished")
    assert "Metaflow" in cell.stderr
    assert "seconds passed" not in cell.stderr
    assert kernel.execute("running.status, running.returncode").result == "('successful', 0)"
    printed = kernel.execute("print(running.stdout, end='')").checked().stdout
    assert cell.stdout.startswith(printed)


def test_hidden_output_stays_hidden(kernel):
    cell = kernel.execute(
        "from nbrunner import Runner\n"
        "running = Runner('failflow.py', pylint=False, show_output=False).run()"
    ).checked()
    assert (cell.stdout, cell.stderr) == ("", "")
    assert kernel.execute("running.status").result == "'failed'"


@pytest.mark.parametrize("start", ["asyncio.run(main())", "await main()"])
def test_an_async_program_works_in_a_cell(kernel, start):
    cell = kernel.execute(ASYNC_MAIN + start).checked()
    assert any(line.startswith("OUT: ") and "0 seconds passed" in line for line in cell.lines)
    assert cell.lines[-1].endswith("finished")


@pytest.mark.slow
def test_concurrent_runs_and_a_resumed_one_in_cells(kernel):
    kernel.execute(
        "from nbrunner import Runner, Flow\n"
        "import asyncio\n"
        "async def main():\n"
        "    runner = lambda: Runner('slowflow.py', pylint=False)\n"
        "    runs = [await runner().async_run(seconds=i, tags=['many']) for i in range(3)]\n"
        "    await asyncio.gather(*runs)\n"
        "    return [each.run.data.secs for each in runs]\n"
        "seconds = asyncio.run(main())"
    ).checked()
    assert kernel.execute("seconds").result == "[0, 1, 2]"
    cell = kernel.execute(
        "old_id = list(Flow('SlowFlow'))[-1].id\n"
        "with Runner('slowflow.py', pylint=False).resume(origin_run_id=old_id) as running:\n"
        "    print(f'Resumed run {running.run} completed')"
    ).checked()
    assert "Resumed run Run('SlowFlow/" in cell.stdout


def test_wait_with_a_stream_prints_into_the_cell_that_waits(kernel):
    kernel.execute(
        "from nbrunner import Runner\n"
        "running = await Runner('slowflow.py', pylint=False).async_run(seconds=1)"
    ).checked()
    other = kernel.execute("1 + 1").checked()
    cell = kernel.execute("_ = await running.wait(stream='stdout')").checked()
    assert (other.stdout, other.stderr) == ("", "")
    assert "0 seconds passed" in cell.stdout
    assert cell.lines[-1].endswith("Done!")


def test_a_background_run_prints_nothing_into_other_cells(kernel, private_state):
    kernel.execute(
        "from nbrunner import Runner\n"
        "running = await Runner('slowflow.py', pylint=False).async_run(seconds=0)"
    ).checked()
    until(lambda: list(private_state.glob("runs/*/exit.json")), "the end of the run")
    cell = kernel.execute("running.status").checked()
    assert (cell.stdout, cell.stderr, cell.result) == ("", "", "'successful'")
