"""Runs continue when their kernel is restarted or killed, and a new kernel finds them."""

from __future__ import annotations

import os

import psutil
import pytest
from support.kernels import Kernel
from support.waiting import until, whole

pytestmark = pytest.mark.slow

GATEFLOW = """\
import os
from metaflow import FlowSpec, step

HERE = os.path.dirname(os.path.abspath(__file__))

class GateFlow(FlowSpec):

    @step
    def start(self):
        print("first line")
        with open(f"{HERE}/task", "w") as file:
            file.write("begun\\n")
        open(f"{HERE}/gate").close()
        print("last line")
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    GateFlow()
"""


def restart(kernel):
    kernel.restart()


def restart_now(kernel):
    kernel.restart(now=True)


def kill(kernel):
    process = psutil.Process(kernel.pid)
    process.kill()
    psutil.wait_procs([process], timeout=10)
    kernel.restart(now=True)


@pytest.mark.slow
@pytest.mark.parametrize("end_kernel", [restart, restart_now, kill])
def test_a_background_run_outlives_its_kernel(kernel, write_flow, tmp_path, end_kernel):
    write_flow("gateflow.py", GATEFLOW)
    os.mkfifo(tmp_path / "gate")
    pathspec = kernel.execute(
        "from nbrunner import Runner\n"
        "running = await Runner('gateflow.py', pylint=False).async_run()\n"
        "print(running.pathspec)"
    )
    pathspec = pathspec.checked().stdout.strip()
    until(lambda: whole(tmp_path / "task"), "the step")
    end_kernel(kernel)
    attach = f"import nbrunner\nrunning = nbrunner.attach({pathspec!r})\nprint(running.status)"
    assert kernel.execute(attach).checked().stdout == "running\n"
    os.close(os.open(tmp_path / "gate", os.O_WRONLY))
    cell = kernel.execute(
        "lines = [line async for _, line in running.stream_log('stdout')]\n"
        "print(running.status, running.returncode, running.run.successful)\n"
        "print(*lines, sep='\\n')"
    ).checked()
    assert cell.lines[0] == "successful 0 True"
    assert "Workflow starting" in cell.lines[1]
    assert sum(line.endswith("first line") for line in cell.lines) == 1
    assert sum(line.endswith("last line") for line in cell.lines) == 1
    assert cell.lines[-1].endswith("Done!")


def test_a_blocking_run_outlives_a_killed_kernel_too(kernel, write_flow, private_state):
    write_flow("slowflow")
    kernel.client.execute(
        "from nbrunner import Runner\nRunner('slowflow.py', pylint=False).run(seconds=2)"
    )
    attributes = until(lambda: list(private_state.glob("runs/*/attributes.json")), "the run's id")
    kill(kernel)
    cell = kernel.execute(
        "import json, nbrunner\n"
        f"facts = json.load(open({str(attributes[0])!r}))\n"
        "running = nbrunner.attach(f\"{facts['flow_name']}/{facts['run_id']}\")\n"
        "_ = await running\nprint(running.status)"
    ).checked()
    assert cell.stdout == "successful\n"


@pytest.mark.slow
def test_two_kernels_watch_one_run_and_either_ends_it(kernel, write_flow, tmp_path):
    write_flow("gateflow.py", GATEFLOW)
    os.mkfifo(tmp_path / "gate")
    begin = (
        "from nbrunner import Runner\n"
        "running = await Runner('gateflow.py', pylint=False).async_run()\n"
        "print(running.pathspec)"
    )
    pathspec = kernel.execute(begin).checked().stdout.strip()
    until(lambda: whole(tmp_path / "task"), "the step")
    with Kernel(tmp_path, dict(os.environ)) as other:
        attach = f"import nbrunner\nrunning = nbrunner.attach({pathspec!r})\n"
        other.execute(attach + "print(running.status)").checked()
        read = (
            "async for position, line in running.stream_log('stdout'):\n"
            "    print(line)\n"
            "    if line.endswith('first line'): break"
        )
        one, two = kernel.execute(read).checked(), other.execute(read).checked()
        assert one.lines == two.lines and one.lines[-1].endswith("first line")
        assert other.execute("print(running.stop().status)").checked().stdout == "stopped\n"
        rest = "await running\nprint(running.status)\nprint(running.stdout)"
        one, two = kernel.execute(rest).checked(), other.execute(rest).checked()
        assert one.lines == two.lines
        assert one.lines[0] == "stopped"
