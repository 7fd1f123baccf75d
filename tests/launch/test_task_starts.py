"""How the tasks of runs and spins are started: as forks, or cold and why."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
from support import probe
from support.both_ways import masked, without_ours
from support.waiting import async_until

from nbrunner import CleanedUpError, Runner, TaskStarts, attach, doctor
from nbrunner.launch.warm import task_popen
from nbrunner.launch.warm.fingerprint import task_cold_reason
from nbrunner.launch.warm.partial_lines import task_of
from nbrunner.launch.warm.run_files import RunFiles
from nbrunner.record.run_directory import RunDirectory
from nbrunner.record.task_starts import note_task_start, read_task_starts

pytestmark = [pytest.mark.slow, pytest.mark.once]

MIXEDFLOW = """\
import os
from metaflow import FlowSpec, Parameter, environment, retry, step

class MixedFlow(FlowSpec):
    width = Parameter('width', default=3)

    @step
    def start(self):
        self.numbers = list(range(self.width))
        self.next(self.wide, foreach='numbers')

    @step
    def wide(self):
        self.next(self.join)

    @environment(vars={'METAFLOW_TEST_MIXED': '1'})
    @step
    def join(self, inputs):
        self.next(self.again)

    @retry(times=1, minutes_between_retries=0)
    @environment(vars={'PYTHONMIXED': '1'})
    @step
    def again(self):
        from metaflow import current
        if current.retry_count == 0:
            raise ValueError('once more')
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    MixedFlow()
"""


@pytest.fixture(autouse=True)
def here(tmp_path):
    """Where runs leave their files."""
    with contextlib.chdir(tmp_path):
        yield


@pytest.fixture
def run_mixed(write_flow, monkeypatch):
    """Return a function that runs a flow with forked and cold tasks."""
    flow = write_flow("mixedflow.py", MIXEDFLOW)

    def run(warm, **parameters):
        monkeypatch.setenv("NBRUNNER_WARM", "1" if warm else "0")
        return Runner(flow, show_output=False, pylint=False).run(**parameters)

    return run


# -- what is reported ----------------------------------------------------------------------


def test_a_warm_run_tells_which_of_its_tasks_were_cold(run_mixed):
    """A10: running.warm reports the run process, running.task_starts every task."""
    running = run_mixed(True, width=12)
    assert (running.status, running.warm) == ("successful", True), running.stdout
    told = running.task_starts
    assert told.forked == 14  # start, 12 in the foreach, end
    assert dict(told.cold) == {"$METAFLOW_TEST_MIXED differs": 1, "$PYTHONMIXED differs": 2}
    assert str(told) == (
        "3 of 17 tasks started cold: $METAFLOW_TEST_MIXED differs; $PYTHONMIXED differs"
    )
    assert attach(running.pathspec).task_starts == told
    running.runner.cleanup()
    with pytest.raises(CleanedUpError):
        _ = running.task_starts


def test_all_tasks_of_a_cold_run_are_cold(run_mixed):
    """A10: for the same reason as the run."""
    running = run_mixed(False)
    assert not running.warm
    assert running.task_starts == TaskStarts(0, {"turned off by $NBRUNNER_WARM": 8})


def test_they_are_told_while_the_run_goes_on_and_when_it_is_stopped(write_flow, monkeypatch):
    """A10: the counts are available before the end of the run."""
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    flow = write_flow("gatedflow")

    async def main():
        running = await Runner(flow, show_output=False, pylint=False).async_run()
        await async_until(lambda: running.progress.tasks.running == 1, "the first task")
        assert running.task_starts.forked == 1
        await running.async_stop()
        return running.task_starts

    assert asyncio.run(main()) == TaskStarts(1, {})


def test_the_doctor_tells_of_cold_tasks(run_mixed):
    """A10: its trial run shows tasks that are not forked."""
    assert doctor._judged(run_mixed(True)).what.endswith(
        "s, warm, 3 of 8 tasks started cold: $METAFLOW_TEST_MIXED differs; $PYTHONMIXED differs"
    )


def test_a_task_that_cannot_be_forked_is_told(tmp_path, monkeypatch):
    """A10: also if the fork server has ended, or cannot start another process."""
    ours, theirs = socket.socketpair()
    theirs.close()
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "flow.py")])
    flow = tmp_path / "flow.py"
    flow.write_text("")
    env = dict(os.environ)
    files = RunFiles(str(flow), env)
    starts = task_popen._Subprocess(ours, env, "/", RunDirectory(tmp_path), files)
    pipe = task_popen.subprocess.PIPE
    piped = {"stdin": pipe, "stdout": pipe, "stderr": pipe, "env": env}
    for _ in range(2):
        process = starts.Popen([sys.executable, str(flow), "step", "start"], **piped)
        process.stdin.close()
        assert process.wait() == 0
        process.stdout.close()
        process.stderr.close()
    process = starts.Popen(["true"], env=env)
    assert process.wait() == 0
    ours.close()
    assert read_task_starts(RunDirectory(tmp_path)) == TaskStarts(
        0, {"the fork server could not fork": 1, "the fork server has ended": 2}
    )


def test_nothing_to_tell_and_nowhere_to_write(tmp_path):
    """A10: no task yet; a reason that is no text; a record that was deleted."""
    directory = RunDirectory(tmp_path)
    assert read_task_starts(directory) == TaskStarts()
    note_task_start(directory, "the interpreter is /odd\n\udcff/python")
    note_task_start(directory, None)
    assert read_task_starts(directory).forked == 1
    assert sum(read_task_starts(directory).cold.values()) == 1
    gone = RunDirectory(tmp_path / "gone")
    note_task_start(gone, None)
    assert read_task_starts(gone) == TaskStarts()


# -- spin ----------------------------------------------------------------------------------

SPIN_STEP = [sys.executable, "/f/flow.py", "--quiet", "--metadata", "spin", "spin-step", "step"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (SPIN_STEP, None),
        ([*SPIN_STEP[:2], "spin-step", "start"], None),
        ([*SPIN_STEP[:2], "--config-value", "c", "kv.c", "spin-step", "start"], None),
        ([*SPIN_STEP[:5], "kubernetes", *SPIN_STEP[5:]], "it is not a local step"),
        ([*SPIN_STEP[:5], "spin", "step"], "it is not a local step"),
        (["/conda/bin/python", *SPIN_STEP[1:]], "the interpreter is /conda/bin/python"),
    ],
)
def test_which_commands_of_a_spin_are_forked(command, reason):
    """C4: a local spin-step is forked like a step."""
    assert task_cold_reason(command, "/f/flow.py", {}, {}) == reason


def test_the_task_of_a_spin_is_named():
    """C4: an unfinished line of a spun task is shown as that of a task."""
    assert task_of([*SPIN_STEP, "--run-id", "7", "--task-id", "0"]) == "7/step/0"


SEENFLOW = """\
import sys
from metaflow import FlowSpec, Parameter, card, current, environment, step, timeout
import probe

def note(place):
    if {'spin', 'spin-step'} & set(sys.argv):
        probe.note(place)

note('before' if 'spin-step' in sys.argv else 'run')

class SeenFlow(FlowSpec):
    'As a spun step sees itself.'
    size = Parameter('size', default=3)

    @step
    def start(self):
        self.items = [1, 2]
        self.next(self.work, foreach='items')

    @timeout(seconds=100)
    @environment(vars={'SEEN': 'yes'})
    @card
    @step
    def work(self):
        print('at', self.input, self.index, self.size, current.pathspec, current.origin_run_id)
        self.found = self.input * self.size
        note('work')
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(each.found for each in inputs)
        print('total', self.total)
        note('join')
        self.next(self.end)

    @step
    def end(self):
        print('the end of', self.total, file=sys.stderr)
        note('end')
        if self.total > 100:
            raise ValueError('too much')

if __name__ == '__main__':
    SeenFlow()
"""


@pytest.fixture
def spin_both_ways(write_flow, monkeypatch, tmp_path):
    """Return a function that spins a step cold and warm."""
    shutil.copy(probe.__file__, tmp_path)
    (tmp_path / ".metaflow_spin").mkdir()  # otherwise the first spin prints that it creates it
    flow = write_flow("seenflow.py", SEENFLOW)
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    run = Runner(flow, show_output=False, pylint=False).run().run

    def spin(step, **options):
        for warm in (False, True):
            monkeypatch.setenv("NBRUNNER_WARM", "1" if warm else "0")
            # A task would see the variable, but does not use it.
            env = {"NBRUNNER_WARM": "hidden"}
            runner = Runner(flow, show_output=False, pylint=False, env=env)
            spun = runner.spin(run[step].task.pathspec, **options)
            assert (spun.warm, spun.task_starts.forked) == (warm, int(warm)), spun.task_starts
            yield spun

    return spin


def seen(spun, place):
    return json.loads(masked((spun.directory.path / "facts" / f"{place}.json").read_text()))


@pytest.mark.parametrize("step", ["work", "join"])
def test_a_forked_spin_sees_and_makes_the_same(spin_both_ways, step):
    """C4: a forked task observes, prints and stores the same as a cold one."""
    cold, warm = spin_both_ways(step, persist=True)
    assert cold.status == warm.status == "successful"
    for place in ("before", step):
        before, after = seen(cold, place), seen(warm, place)
        assert set(before.pop("modules")) <= set(after.pop("modules"))
        for each in (before, after):  # the remaining time of @timeout differs
            each["timers"] = [left > 0 for left, _ in each["timers"]]
        after = without_ours(after)
        assert {key: [before[key], after[key]] for key in before if before[key] != after[key]} == {}
    for stream in ("stdout", "stderr"):
        texts = [sorted(masked(getattr(each, stream)).splitlines()) for each in (cold, warm)]
        assert texts[0] == texts[1]
    names = [{each.id for each in spun.task} for spun in (cold, warm)]
    assert names[0] == names[1]
    made = {"work": "found", "join": "total"}[step]
    assert cold.task[made].data == warm.task[made].data


def test_a_forked_spin_takes_artifacts_from_a_module(spin_both_ways, tmp_path):
    """C4: with the options of spin: artifacts_module, skip_decorators."""
    (tmp_path / "given.py").write_text("ARTIFACTS = {'total': 1000}\n")
    cold, warm = spin_both_ways(
        "end", artifacts_module=str(tmp_path / "given.py"), skip_decorators=True
    )
    assert cold.status == warm.status == "failed"
    assert "the end of 1000" in warm.stdout
    assert cold.failure.message == warm.failure.message == "too much"
    assert cold.failure.source == warm.failure.source


def test_a_spin_in_another_environment_is_cold_and_says_so(write_flow, monkeypatch):
    """C4, A10: a task is not forked if the fork would not be exact."""
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    runner = Runner(write_flow("mixedflow.py", MIXEDFLOW), show_output=False, pylint=False)
    run = runner.run().run
    spun = runner.spin(run["join"].task.pathspec)
    assert (spun.status, spun.warm) == ("successful", True)
    assert spun.task_starts == TaskStarts(0, {"$METAFLOW_TEST_MIXED differs": 1})
    assert runner.spin(run["end"].task.pathspec).task_starts == TaskStarts(1, {})


def test_a_progress_bar_of_a_spun_task_is_seen(write_flow, monkeypatch):
    """C4: as in a run, unfinished lines of a task are shown."""
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    text = """\
import os, sys, time
from metaflow import FlowSpec, step

class BarFlow(FlowSpec):

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        if os.path.exists('slow'):
            sys.stderr.write('\\r20%|### ')
            sys.stderr.flush()
            while not os.path.exists('go'):
                time.sleep(0.01)

if __name__ == '__main__':
    BarFlow()
"""

    async def main():
        runner = Runner(write_flow("barflow.py", text), show_output=False, pylint=False)
        run = await runner.async_run()
        await run.wait()
        Path("slow").touch()
        spun = await runner.async_spin(run.run["end"].task.pathspec)

        def bars():
            content = spun.directory.read("open.json")
            return content and content["lines"]

        (line,) = await async_until(bars, "the bar")
        Path("go").touch()
        await spun.wait()
        return spun.attributes, line

    names, line = asyncio.run(main())
    assert f"[{names['run_id']}/end/{names['task_id']} (pid " in line
    assert line.endswith("20%|###")
