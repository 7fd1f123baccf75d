"""The warm interpreter: when it starts, which runs it serves, its cost, its end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from support.memory import memory
from support.offspring import lives
from support.scripts import run_script
from support.waiting import until

from nbrunner import Runner
from nbrunner.launch.warm.launcher import LAUNCHER

pytestmark = [pytest.mark.slow, pytest.mark.once]


@pytest.fixture(autouse=True)
def _warm(monkeypatch):
    monkeypatch.setenv("NBRUNNER_WARM", "1")


def zygotes() -> list[psutil.Process]:
    """Return the living warm interpreters of this process."""
    return [each for each in psutil.Process().children() if _is_zygote(each)]


def _is_zygote(process: psutil.Process) -> bool:
    try:
        return "nbrunner.launch.warm.zygote" in " ".join(process.cmdline())
    except psutil.ZombieProcess:  # or one that has just ended
        return False


def test_it_starts_with_the_first_runner_and_serves_all(write_flow):
    flow = write_flow("slowflow")
    assert zygotes() == []
    runner = Runner(flow, show_output=False, pylint=False)
    (first,) = until(zygotes, "the warm interpreter")
    assert runner.run(seconds=0).warm

    async def several():
        started = [Runner(flow, pylint=False).async_run(seconds=0) for _ in range(3)]
        return [await running.wait() for running in await asyncio.gather(*started)]

    assert [each.warm for each in asyncio.run(several())] == [True] * 3
    assert zygotes() == [first]


@pytest.mark.parametrize("flow", ["path", "class"])
def test_it_is_started_before_the_runner_imports_what_takes_long(tmp_path, write_flow, flow):
    """The first run of a process waits for both, which take place at the same time."""
    path = write_flow("slowflow")
    given = {"path": repr(str(path)), "class": "__import__('slowflow').SlowFlow"}[flow]
    lines = run_script(
        tmp_path,
        f"""
        import sys
        flow = {given}
        late = ["nbrunner.handles", "nbrunner.starter", "nbrunner.flow.capture.flow_text"]
        late += [] if "asyncio" in sys.modules else ["asyncio"]  # metaflow imports it
        def note(event, arguments):
            if event == "subprocess.Popen":
                print([name for name in late if name in sys.modules])
        from nbrunner import Runner
        sys.addaudithook(note)
        Runner(flow)
        print(late[:2] == [name for name in late[:2] if name in sys.modules])
        """,
    )
    assert lines == ["[]", "True"]


def test_neither_a_runner_nor_the_extension_waits_for_it(tmp_path):
    lines = run_script(
        tmp_path,
        """
        import os, sys
        from pathlib import Path

        os.environ["IPYTHONDIR"] = os.getcwd()
        Path("sleeper.py").write_text("import time; time.sleep(3600)")
        os.environ |= {"NBRUNNER_PRELOAD": "sleeper", "PYTHONPATH": os.getcwd()}

        from IPython.core.interactiveshell import InteractiveShell
        from nbrunner import Runner
        from nbrunner.jupyter.extension import load
        from nbrunner.launch.warm.launcher import LAUNCHER

        Path("flow.py").write_text("raise SystemExit")
        load(InteractiveShell.instance())
        (zygote,) = LAUNCHER._zygotes
        # It is never ready: to construct a Runner asks nothing of it.
        for _ in range(100):
            Runner("flow.py")
        print(LAUNCHER._zygotes == [zygote], zygote._is_ready, "metaflow" in sys.modules)
        """,
    )
    assert lines == ["True False False"]


@pytest.mark.alone
def test_the_first_run_of_a_process_is_not_later_than_a_cold_one(tmp_path, write_flow):
    write_flow("slowflow")
    seconds: dict[str, list[float]] = {"0": [], "1": []}
    for _ in range(3):  # in turn, so that other load affects both
        for warm, taken in seconds.items():
            (line,) = run_script(tmp_path, FIRST, warm)
            way, spent = line.split()
            assert way == {"0": "False", "1": "True"}[warm]
            taken.append(float(spent))
    # Half of a cold run is far more than its cost plus the noise of the machine.
    assert min(seconds["1"]) < 1.5 * min(seconds["0"]), seconds


FIRST = """\
import os, sys, time
os.environ["NBRUNNER_WARM"] = sys.argv[1]
began = time.perf_counter()
from nbrunner import Runner
running = Runner("slowflow.py", show_output=False, pylint=False).run(seconds=0)
print(running.warm, time.perf_counter() - began)
"""


def test_other_surroundings_have_an_interpreter_of_their_own_and_no_more_than_three(write_flow):
    flow = write_flow("slowflow")
    for number in range(5):
        runner = Runner(
            flow, show_output=False, pylint=False, env={"METAFLOW_TEST_NUMBER": str(number)}
        )
        assert runner.run(seconds=0).warm
    until(lambda: len(zygotes()) == 3, "the end of those used least lately")


def test_idle_it_uses_no_cpu_and_has_no_thread(write_flow):
    assert Runner(write_flow("slowflow"), show_output=False, pylint=False).run(seconds=0).warm
    (zygote,) = zygotes()
    until(lambda: zygote.status() == psutil.STATUS_SLEEPING, "rest")
    before = zygote.cpu_times()
    switches = zygote.num_ctx_switches()
    time.sleep(1)  # the stretch of time that is measured
    assert zygote.cpu_times() == before
    assert zygote.num_ctx_switches() == switches
    assert zygote.num_threads() == 1


OWNER = """\
import os, sys
from nbrunner import Runner
from nbrunner.launch.warm.launcher import LAUNCHER
running = Runner("slowflow.py", show_output=False, pylint=False).run(seconds=0)
assert running.warm, running.cold_reason
print(LAUNCHER._zygotes[0].process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_it_ends_with_its_owner(end, write_flow, tmp_path):
    write_flow("slowflow")
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        pid = int(owner.stdout.readline())
        assert lives(pid)
        if end == "kill":
            os.kill(owner.pid, signal.SIGKILL)
        owner.stdin.close()
        owner.wait(30)
    until(lambda: not lives(pid), "the end of the warm interpreter")


def test_closed_it_ends_and_a_run_goes_on(write_flow):
    async def main():
        running = await Runner(write_flow("slowflow"), pylint=False).async_run(seconds=1)
        (zygote,) = zygotes()
        LAUNCHER.close()
        until(lambda: not lives(zygote.pid), "the end of the warm interpreter")
        return await running.wait()

    assert asyncio.run(main()).status == "successful"


PRELOADED = """\
import sys
from metaflow import FlowSpec, step
HAD = 'colorsys' in sys.modules

class HadFlow(FlowSpec):

    @step
    def start(self):
        self.had = HAD
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    HadFlow()
"""


@pytest.mark.parametrize("by", ["variable", "trait", "nothing"])
def test_preload_imports_into_the_warm_interpreter(by, write_flow, monkeypatch):
    if by == "variable":
        monkeypatch.setenv("NBRUNNER_PRELOAD", "colorsys, textwrap")
    if by == "trait":
        monkeypatch.setattr(LAUNCHER, "preload", ("colorsys",))
    runner = Runner(write_flow("hadflow.py", PRELOADED), show_output=False, pylint=False)
    assert runner.run().run.data.had == (by != "nothing")


def test_a_module_that_cannot_be_imported_is_not_preloaded(write_flow, monkeypatch):
    monkeypatch.setenv("NBRUNNER_PRELOAD", "no_such_module_anywhere")
    running = Runner(write_flow("slowflow"), show_output=False, pylint=False).run(seconds=0)
    assert (running.status, running.warm) == ("successful", True)
    (reason,) = running.not_preloaded.values()
    assert reason == "ModuleNotFoundError: No module named 'no_such_module_anywhere'"


HELD = """\
import os
from metaflow import FlowSpec, step

class HeldFlow(FlowSpec):

    @step
    def start(self):
        for name in ('there', 'go on'):
            os.mkfifo(name)
        print(os.getpid(), file=open('there', 'w'))
        open('go on').close()
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    HeldFlow()
"""


def test_a_task_shares_its_memory_with_the_interpreter(write_flow, tmp_path, monkeypatch):
    flow = write_flow("heldflow.py", HELD)
    held = {}
    for warm in ("0", "1"):
        monkeypatch.setenv("NBRUNNER_WARM", warm)
        cwd = tmp_path / warm
        cwd.mkdir()
        running = asyncio.run(Runner(flow, pylint=False, cwd=cwd).async_run())
        until((cwd / "go on").exists, "the task")
        held[warm] = memory(int((cwd / "there").read_text()))
        (cwd / "go on").write_text("")
        assert asyncio.run(running.wait()).warm == (warm == "1")
    # Modules, most of a task's memory, exist only once.
    assert held["1"].private_bytes < 0.5 * held["0"].private_bytes, held
    assert held["1"].shared_bytes > 1.5 * held["0"].shared_bytes, held
