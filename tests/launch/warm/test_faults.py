"""Faults during warm starts: nothing hangs, nothing is left, the next run works."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import psutil
import pytest
from support.offspring import lives, processes_of
from support.other_fork import other_fork
from support.waiting import async_until, until, whole

from nbrunner import Runner, attach
from nbrunner.launch.run_processes import run_process_of, supervisor_of
from nbrunner.launch.warm.launcher import LAUNCHER, ZYGOTE_LOG

pytestmark = [pytest.mark.slow, pytest.mark.once]


@pytest.fixture(autouse=True)
def _warm(monkeypatch):
    monkeypatch.setenv("NBRUNNER_WARM", "1")


@pytest.fixture
def folder(tmp_path, write_flow):
    write_flow("gatedflow")
    write_flow("slowflow")
    os.mkfifo(tmp_path / "gate")
    return tmp_path


def runner(folder, name="gatedflow.py", **options):
    return Runner(folder / name, pylint=False, show_output=False, **options)


def open_gate(folder):
    os.close(os.open(folder / "gate", os.O_WRONLY))


def next_is_fine(folder, warm=True):
    running = runner(folder, "slowflow.py").run(seconds=0)
    assert (running.status, running.warm) == ("successful", warm), running.cold_reason


async def begun(folder):
    running = await runner(folder).async_run()
    assert running.warm, running.cold_reason
    task = await async_until(lambda: whole(folder / "task"), "the task")
    return running, int(task)


def task_server(running) -> psutil.Process:
    """Return the fork server: the child of the supervisor that is not the run process."""
    children = psutil.Process(supervisor_of(running.directory).pid).children()
    (server,) = (each for each in children if each.pid != run_process_of(running.directory).pid)
    return server


SPEAKING = "import os\nos.write(2, b'{name} speaks')\nos.system('echo; echo {name} speaks again')\n"


def test_what_the_interpreters_of_several_kernels_say_stays(folder, private_state):
    log = private_state / ZYGOTE_LOG
    owners = [speaking(folder, name) for name in ("first", "second", "first")]
    assert [owner.returncode for owner in owners] == [0, 0, 0]
    said = [line for line in log.read_text().splitlines() if "speaks" in line]
    assert said == [
        *("first speaks", "first speaks again"),
        *("second speaks", "second speaks again"),
        *("first speaks", "first speaks again"),
    ]
    log.write_bytes(b"x" * 1_000_001)
    speaking(folder, "third")
    assert log.read_text().startswith("third speaks\nthird speaks again\n")


def speaking(folder, name):
    """Run a process whose warm interpreter prints something during the preload."""
    modules = folder / "modules"
    modules.mkdir(exist_ok=True)
    (modules / f"{name}.py").write_text(SPEAKING.format(name=name))
    code = f"""
from nbrunner import Runner
from nbrunner.launch.warm.launcher import LAUNCHER
runner = Runner({str(folder / "slowflow.py")!r}, pylint=False, show_output=False)
running = runner.run(seconds=0)
assert running.warm, running.cold_reason
"""
    environment = {**os.environ, "NBRUNNER_PRELOAD": name, "PYTHONPATH": str(modules)}
    return subprocess.run([sys.executable, "-c", code], env=environment, check=False)


@pytest.mark.parametrize("when", ["before any run", "between runs"])
def test_zygote_killed(folder, when):
    ready = runner(folder, "slowflow.py")
    if when == "between runs":
        assert ready.run(seconds=0).warm
    LAUNCHER._zygotes[0].process.send(signal.SIGKILL)
    next_is_fine(folder)


def test_zygote_killed_while_a_run_goes_on(folder):
    async def main():
        running, _task = await begun(folder)
        LAUNCHER._zygotes[0].process.send(signal.SIGKILL)
        open_gate(folder)
        return await asyncio.wait_for(running.wait(), 60)

    assert asyncio.run(main()).status == "successful"
    next_is_fine(folder)


def test_task_server_killed_while_a_task_runs(folder):
    async def main():
        running, _task = await begun(folder)
        task_server(running).kill()
        open_gate(folder)
        return await asyncio.wait_for(running.wait(), 60)

    running = asyncio.run(main())
    # Its exit code is lost with the fork server: the task counts as killed.
    assert running.status == "failed"
    assert processes_of(running.directory.path) == []
    next_is_fine(folder)


@pytest.mark.parametrize("whom", ["run process", "task", "supervisor"])
def test_a_process_of_the_run_killed(folder, whom):
    async def main():
        running, task = await begun(folder)
        pid = {
            "run process": run_process_of(running.directory).pid,
            "task": task,
            "supervisor": supervisor_of(running.directory).pid,
        }[whom]
        os.kill(pid, signal.SIGKILL)
        if whom == "supervisor":
            open_gate(folder)
        return await asyncio.wait_for(running.wait(), 60)

    running = asyncio.run(main())
    expected = {
        "run process": ("failed", -signal.SIGKILL),
        "task": ("failed", 1),
        "supervisor": ("lost", None),
    }
    assert (running.status, running.returncode) == expected[whom]
    until(lambda: not processes_of(running.directory.path), "the end of all processes")
    next_is_fine(folder)


OWNER = """\
import asyncio, sys
from nbrunner import Runner

async def main():
    running = await Runner("gatedflow.py", pylint=False).async_run()
    print(running.warm, running.pathspec, flush=True)
    await running.wait()

asyncio.run(main())
"""


def test_owner_killed_the_run_goes_on(folder):
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as owner:
        warm, pathspec = owner.stdout.readline().split()
        owner.kill()
    assert warm == "True"
    running = attach(pathspec)
    assert running.status == "running"
    until(lambda: whole(folder / "task"), "the task")
    open_gate(folder)
    asyncio.run(asyncio.wait_for(running.wait(), 60))
    assert running.status == "successful"


def test_zygote_that_hangs_while_it_imports(folder):
    (folder / "hanging.py").write_text("import time\ntime.sleep(3600)\n")
    hanging = runner(
        folder,
        "slowflow.py",
        env={"NBRUNNER_PRELOAD": "hanging", "PYTHONPATH": str(folder)},
    )
    running = hanging.run(seconds=0)
    assert (running.status, running.warm) == ("successful", False)
    assert "is still importing metaflow and hanging" in running.cold_reason
    next_is_fine(folder)


ENDING = """\
import os, signal, subprocess, sys, time
from metaflow import FlowSpec, step

class EndingFlow(FlowSpec):

    @step
    def start(self):
        {body}
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    EndingFlow()
"""


@pytest.mark.parametrize(
    ("body", "status", "returncode"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "failed", 1),
        ("os._exit(137)", "failed", 1),
        ("os.close(1); os.close(2); time.sleep(0.2)", "successful", 0),
        ("[print('x' * 999) for _ in range(100_000)]", "successful", 0),
    ],
    ids=["signal", "137", "closes its output", "100 MB"],
)
def test_a_task_that_ends_or_prints_as_none_should(write_flow, folder, body, status, returncode):
    write_flow("endingflow.py", ENDING.format(body=body))
    running = runner(folder, "endingflow.py").run()
    assert running.warm, running.cold_reason
    assert (running.status, running.returncode) == (status, returncode)
    if "999" in body:
        assert running.directory.log("stdout").stat().st_size > 100_000_000
    next_is_fine(folder)


def test_a_child_that_outlives_its_failed_task_is_ended(write_flow, folder):
    body = (
        "child = subprocess.Popen(['sleep', '300'], start_new_session=True, "
        "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); "
        "print('child', child.pid, flush=True); sys.exit(1)"
    )
    write_flow("endingflow.py", ENDING.format(body=body))
    running = runner(folder, "endingflow.py").run()
    (line,) = (line for line in running.stdout.splitlines() if " child " in line)
    assert running.status == "failed"
    assert not lives(int(line.split()[-1]))


def test_fork_that_fails_is_a_cold_start(folder, monkeypatch):
    """Simulated, as root, who may run the suite, is not bound by a limit of processes."""
    assert runner(folder, "slowflow.py").run(seconds=0).warm
    LAUNCHER.close()
    failing = "raise BlockingIOError(11, 'Resource temporarily unavailable')"
    (folder / "no_forks.py").write_text(other_fork("zygote", failing))
    running = runner(
        folder,
        "slowflow.py",
        env={"NBRUNNER_PRELOAD": "no_forks", "PYTHONPATH": str(folder)},
    ).run(seconds=0)
    assert (running.status, running.warm) == ("successful", False)
    next_is_fine(folder)


FAMILY = """\
import os, sys
from metaflow import FlowSpec, Parameter, step

class FamilyFlow(FlowSpec):

    words = Parameter('words', default='a,b', separator=',')

    @step
    def start(self):
        self.next(self.work, foreach='words')

    @step
    def work(self):
        self.upper = self.input.upper()
        self.forked = 'nbrunner.launch.warm.fork_server' in sys.modules
        print('to stderr', file=sys.stderr)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.words_upper = [each.upper for each in inputs]
        self.forked = [each.forked for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        print('all of them', ''.join(self.words_upper), flush=True)

if __name__ == '__main__':
    FamilyFlow()
"""

# In the fork server alone; every second time, or each.
TASKS_NOT_FORKED = """\
if next(count) % {every} == 0:
    raise BlockingIOError(11, "Resource temporarily unavailable")
return os.fork()
"""


@pytest.mark.parametrize(("every", "forked"), [(1, 0), (2, 1)], ids=["none", "every other one"])
def test_a_task_that_cannot_be_forked_is_started_cold(write_flow, folder, every, forked):
    write_flow("familyflow.py", FAMILY)
    # Next to the flow it would shadow a loaded module.
    preload = write_flow(
        "preload/no_tasks.py", other_fork("fork_server", TASKS_NOT_FORKED.format(every=every))
    )
    env = {"NBRUNNER_PRELOAD": "no_tasks", "PYTHONPATH": str(preload.parent)}
    running = runner(folder, "familyflow.py", env=env).run(words="x,y", max_workers=1)
    assert running.warm, running.cold_reason
    assert (running.status, running.returncode) == ("successful", 0)
    assert "] all of them XY\n" in running.stdout
    assert running.stdout.count("] to stderr\n") == 2
    assert running.run["join"].task.data.forked.count(True) == forked
    assert processes_of(running.directory.path) == []
    next_is_fine(folder)


def test_a_state_directory_with_a_very_long_path(folder, monkeypatch, tmp_path):
    deep = tmp_path.joinpath(*["a" * 40] * 8)
    monkeypatch.setenv("NBRUNNER_STATE_DIR", str(deep))
    next_is_fine(folder)


def test_a_home_that_cannot_be_written(folder, monkeypatch, tmp_path):
    (tmp_path / "home").write_text("a file, which root cannot write into either")
    monkeypatch.delenv("NBRUNNER_STATE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home" / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    next_is_fine(folder)


WIDEFLOW = """\
import os, resource
from metaflow import FlowSpec, step

class WideFlow(FlowSpec):

    @step
    def start(self):
        self.items = list(range(24))
        self.next(self.each, foreach='items')

    @step
    def each(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    resource.setrlimit(resource.RLIMIT_NOFILE, (110, 110))
    WideFlow()
"""


def test_a_run_with_few_descriptors_has_as_many_tasks_at_once_as_a_cold_one(write_flow):
    flow = write_flow("wideflow.py", WIDEFLOW)
    running = Runner(flow, pylint=False, show_output=False).run(max_workers=24)
    assert running.warm
    assert running.status == "successful", running.stderr


def test_where_a_run_has_replaced_the_interpreter_its_end_is_not_that_of_others(folder):
    next_is_fine(folder)  # so that the interpreter gets no requests except runs
    LAUNCHER._zygotes[0].process.send(signal.SIGKILL)

    async def main():
        one, other = [
            await runner(folder, "slowflow.py").async_run(seconds=60) for _ in ("one", "other")
        ]
        assert one.warm and other.warm
        supervisor_of(one.directory).send(signal.SIGKILL)
        await one.async_stop()
        return one, other

    one, other = asyncio.run(main())
    assert (one.status, other.status) == ("stopped", "running")
    assert processes_of(one.directory.path) == []
    other.stop()
    next_is_fine(folder)
