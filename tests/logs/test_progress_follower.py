"""Following a run: its progress, its events, and the reason of its failure."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.feature_flows import HARDYFLOW
from support.flows import FAILFLOW, FOREACHFLOW

from nbrunner import ExecutingRun, Failure, RunEvent, Runner, StepProgress
from nbrunner.engine.failure import SourceLine, failure_of_task, user_lines
from nbrunner.engine.progress import ProgressTracker
from nbrunner.logs.progress_follower import ProgressFollower
from nbrunner.record import run_directory

pytestmark = pytest.mark.slow


def quiet(flow) -> Runner:
    return Runner(flow, show_output=False, pylint=False, cwd=flow.parent)


def test_progress_while_the_run_goes_on(write_flow, tmp_path):
    """The tasks wait for a file each, so that every state can be observed."""
    text = FOREACHFLOW.replace(
        "        self.square = ",
        "        import time, pathlib\n"
        f"        go = pathlib.Path({str(tmp_path)!r}) / f'go{{self.input}}'\n"
        "        while not go.exists():\n"
        "            time.sleep(0.02)\n"
        "        self.square = ",
    )

    async def main():
        running = await quiet(write_flow("foreachflow", text)).async_run(width=3, max_workers=2)
        looks: list[tuple[str, object]] = []
        async for event in running.events():
            if event == RunEvent("foreach", "3", event.step, event.task_id, event.when):
                looks.append(("foreach", running.progress.steps["work"].total))
            if (event.step, event.state) == ("work", "running"):
                started = sum(each[0] == "work" for each in looks)
                looks.append(("work", running.progress.steps["work"]))
                if started == 1:  # two of three are running: let the first one end
                    looks.append(("pending", running.progress.steps["end"].pending))
                    for number in range(3):
                        (tmp_path / f"go{number}").touch()
        return running, looks

    running, looks = asyncio.run(main())
    assert running.status == "successful"
    assert looks[0] == ("foreach", 3), "known as soon as the foreach announces it"
    of_work = [look for what, look in looks if what == "work"]
    assert len(of_work) == 3
    assert of_work[0].pending in (1, 2)
    assert of_work[0].done == 0
    assert [look.total for look in of_work] == [3, 3, 3]
    assert ("pending", 1) in looks, "end is still to come"
    assert running.progress.steps["work"] == StepProgress(done=3)
    assert str(running.progress) == "start 1/1  work 3/3  join 1/1  end 1/1"


def test_events_tell_the_whole_story_at_any_time(write_flow):
    async def story(running):
        return [(each.kind, each.state, each.step) async for each in running.events()]

    async def main():
        running = await quiet(write_flow("foreachflow")).async_run(width=2)
        live = await story(running)
        return live, await story(running)

    live, afterwards = asyncio.run(main())
    assert live == afterwards
    assert live[:4] == [
        ("task", "running", "start"),
        ("foreach", "2", "start"),
        ("task", "done", "start"),
        ("task", "running", "work"),
    ]
    assert sorted(live[3:7]) == 2 * [("task", "done", "work")] + 2 * [("task", "running", "work")]
    assert live[7:] == [
        ("task", "running", "join"),
        ("task", "done", "join"),
        ("task", "running", "end"),
        ("task", "done", "end"),
        ("status", "successful", ""),
    ]


def test_events_of_tasks_that_are_tried_again(write_flow):
    running = quiet(write_flow("hardy", HARDYFLOW)).run()

    async def story():
        return [each async for each in running.events()]

    events = asyncio.run(story())
    assert [each.state for each in events if each.step == "start"] == [
        "running",
        "failed",
        "retrying",
        "done",
    ]
    assert all(each.when and each.task_id for each in events[:-1])
    assert [each.state for each in events if each.step == "careless"][-1] == "done"


def failed(flow: Path, **arguments) -> tuple[Failure, ExecutingRun]:
    running = quiet(flow).run(**arguments)
    assert (running.status, running.returncode) == ("failed", 1)
    failure = running.failure
    assert failure is not None
    return failure, running


def test_failure_names_step_task_exception_and_the_users_own_line(write_flow):
    file = write_flow("failflow")
    failure, running = failed(file)
    task = running.run["divide"].task
    assert (failure.step, failure.task_id) == ("divide", task.id)
    assert (failure.exception_type, failure.message) == ("ZeroDivisionError", "division by zero")
    assert failure.traceback.startswith("Traceback (most recent call last):")
    assert failure.traceback.endswith("ZeroDivisionError: division by zero")
    (line,) = failure.source
    number = 1 + [each.strip()[:11] for each in FAILFLOW.splitlines()].index("self.result")
    assert (line.file, line.line, line.function) == (str(file), number, "divide")
    assert line.text == "self.result = sum(self.numbers) / (0 if self.fail else 1)"
    assert str(failure).startswith(f"step divide, task {task.id}: ZeroDivisionError: division")
    assert running.progress.steps["divide"] == StepProgress(failed=1)
    assert running.progress.steps["end"].total == 0


def test_failure_in_a_module_of_the_user_shows_both_lines(write_flow):
    helper = write_flow("arithmetic", "def divide(a, b):\n    return a / b\n")
    text = FAILFLOW.replace(
        "sum(self.numbers) / (0 if self.fail else 1)",
        "__import__('arithmetic').divide(1, 0 if self.fail else 1)",
    )
    file = write_flow("failflow", text)
    failure, _ = failed(file)
    assert [Path(each.file) for each in failure.source] == [file, helper]
    assert failure.source[-1].line == 2
    assert failure.source[-1].text == "return a / b"


def test_failure_of_an_exception_with_many_lines_and_a_cause(write_flow):
    text = FAILFLOW.replace(
        "        self.result = sum(self.numbers) / (0 if self.fail else 1)\n",
        "        try:\n            {}['key']\n"
        "        except KeyError as error:\n"
        "            raise ValueError('first line\\n\\nlast: line') from error\n",
    )
    failure, _ = failed(write_flow("failflow", text))
    assert failure.exception_type == "ValueError"
    assert failure.message == "first line\n\nlast: line"
    assert "KeyError: 'key'" in failure.traceback


def test_failure_of_an_exception_class_of_the_user(write_flow):
    text = FAILFLOW.replace("class Fail", "class OddError(Exception):\n    pass\n\nclass Fail")
    text = text.replace("self.result = sum(self.numbers)", "raise OddError('odd'), 1")
    text = text.replace(", 1 / (0 if self.fail else 1)", "")
    failure, _ = failed(write_flow("failflow", text))
    assert (failure.exception_type, failure.message) == ("OddError", "odd")


@pytest.mark.parametrize("code", ["os.kill(os.getpid(), 9)", "os._exit(7)", "sys.exit(5)"])
def test_failure_of_a_task_that_ends_without_an_exception(write_flow, code):
    last = f"print('my last words', flush=True); import os, sys; {code}; x = 1"
    text = FAILFLOW.replace("self.result = sum(self.numbers)", last)
    failure, running = failed(write_flow("failflow", text))
    assert failure.step == "divide"
    assert failure.task_id == running.run["divide"].task.id
    assert (failure.exception_type, failure.traceback) == ("", "my last words")
    assert f"task {failure.task_id}: the task's process ended without an exc" in str(failure)


def test_frames_of_one_line_are_one():
    frame = 'File "/flows/{}.py", line {}, in {}'
    frames = [("f", 3, "divide"), ("f", 3, "<dictcomp>"), ("g", 3, "part"), ("f", 3, "divide")]
    text = "\n".join(frame.format(*each) for each in frames)
    found = [(each.file, each.function) for each in user_lines(text)]
    assert found == [("/flows/f.py", "divide"), ("/flows/g.py", "part"), ("/flows/f.py", "divide")]


def test_a_long_message_is_cut_for_those_who_look_and_whole_for_those_who_ask():
    line = SourceLine("Cell In[3]", 7, "train", "fit(table)")
    message = "\n".join(f"line {number}" for number in range(1, 1211))
    failure = Failure("a", "1", "ValueError", message, "traceback", (line, line))
    assert failure.message == message
    assert str(failure).count("\n") == 1209 + 4
    assert failure.short.message.splitlines() == [
        *(f"line {number}" for number in range(1, 9)),
        "… 1,202 more lines",
    ]
    assert failure.headline.splitlines() == [
        "step a, task 1: ValueError: line 1",
        "  Cell In[3], line 7, in train: fit(table)",
    ]
    nine = replace(failure, message="\n".join("123456789"), source=())
    assert nine.short == nine
    assert len(replace(failure, message="x" * 10**6).short.message) == 1001


def test_failure_to_store_an_artifact_is_told_in_metaflows_words(write_flow):
    # Up to Metaflow's report of the error: either of the two streams may come first.
    printed = "import sys; print('Result:', 'none', sep=chr(10), file=sys.stderr, flush=True)"
    held = f"{printed}; self.held = __import__('_thread')"
    text = FAILFLOW.replace("self.result = sum(self.numbers)", f"{held}.allocate_lock(); x = 1")
    failure, _ = failed(write_flow("failflow", text), fail=False)
    assert (failure.step, failure.exception_type) == ("divide", "")
    said = 'Cannot pickle artifact: Cannot pickle dump artifact named "held"'
    assert failure.message == said
    assert str(failure) == f"step divide, task {failure.task_id}: {said}"


def test_failure_of_the_last_attempt_alone():
    said = ["Task is starting.", "Data store error:", "Disk full", "and more", "", "Task failed."]
    killed = ["Task is starting (retry).", "my last words", "Task failed."]

    def failure(lines):
        log = [f"2026-11-23 00:02:53.890 [17/a/1 (pid 9)] {line}" for line in lines]
        return failure_of_task("a", "1", lambda: log, None, {"Data store error"})

    assert failure(said).message == "Data store error: Disk full\nand more"
    assert failure(said + killed).message.startswith("the task's process ended without")
    assert failure(said + killed).traceback == "my last words"


def test_failure_of_the_one_among_many(write_flow):
    text = FOREACHFLOW.replace("self.input ** 2", "1 // (self.input - 2)")
    failure, running = failed(write_flow("foreachflow", text), width=4)
    assert failure.step == "work"
    assert running.run["work"][failure.task_id].index == 2
    work = running.progress.steps["work"]
    assert (work.failed >= 1, work.running, work.pending) == (True, 0, 0)


def test_a_run_that_goes_on_or_went_well_has_no_failure(write_flow):
    async def main():
        running = await quiet(write_flow("slowflow")).async_run(seconds=1)
        assert running.failure is None
        await running
        assert running.failure is None

    asyncio.run(main())


def test_resume_of_a_failed_run_after_an_edit(write_flow):
    runner = quiet(write_flow("failflow"))
    first = runner.run()
    assert first.status == "failed"
    write_flow("failflow", FAILFLOW.replace("0 if self.fail else 1", "2"))
    again = runner.resume(origin_run_id=first.run.id)
    assert again.status == "successful"
    assert again.run.data.result == 3.0
    assert dict(again.progress.steps) == {
        "start": StepProgress(cloned=1),
        "divide": StepProgress(done=1),
        "end": StepProgress(done=1),
    }

    async def cloned():
        return [each.step async for each in again.events() if each.state == "cloned"]

    assert asyncio.run(cloned()) == ["start"]


def test_resume_of_the_latest_run_and_from_a_step(write_flow):
    runner = quiet(write_flow("foreachflow"))
    first = runner.run(width=2)
    again = runner.resume(step_to_rerun="join", tags=["resumed"])
    assert again.status == "successful"
    assert again.run.data.squares == first.run.data.squares == [0, 1]
    assert (first.progress.cloned_from, again.progress.cloned_from) == ("", first.pathspec)
    assert "resumed" in again.run.user_tags
    assert dict(again.progress.steps) == {
        "start": StepProgress(cloned=1),
        "work": StepProgress(cloned=2),
        "join": StepProgress(done=1),
        "end": StepProgress(done=1),
    }


def test_progress_is_exact_wherever_the_log_is_cut_when_it_is_read(tmp_path):
    """Metaflow writes a line in pieces: the time, the task, the text."""
    log = tmp_path / "stdout.log"
    prefix = "2026-11-23 00:02:53.890 [17/{}/{} (pid 9)] "
    lines = [prefix.format("start", 1) + "Task is starting.", "x" * 50, ""]
    lines += [prefix.format("start", 1) + "Task finished successfully."]
    data = ("\n".join(lines) + "\n").encode()
    for step in (1, 7, 40):
        log.write_bytes(b"")
        follower = ProgressFollower(log, {"flow": {"steps": ["start"], "following": {}}})
        with open(log, "ab", buffering=0) as file:
            for at in range(0, len(data), step):
                file.write(data[at : at + step])
                follower.snapshot(ended=False)
        assert follower.snapshot(ended=True).steps["start"].done == 1


@pytest.mark.parametrize("hours", [-9.5, 0, 5.75])
@pytest.mark.parametrize("queued", [0.5, 660.0, 4000.0])
def test_the_first_task_may_begin_long_after_the_run(tmp_path, hours, queued):
    """It may wait in a queue, or for its environment; this must not depend on the time zone."""
    log = tmp_path / "stdout.log"
    started = datetime(2026, 11, 23, 12)
    named = started + timedelta(seconds=1000)  # until then packages were resolved

    def line(after, text):
        when = named + timedelta(seconds=after, hours=hours)
        return f"{when.isoformat(' ', 'milliseconds')} {text}\n"

    follower = ProgressFollower(log, {"started": started.timestamp()})
    log.write_text(line(0, "Workflow starting (run-id 17), see it in the UI at https://ui/17"))
    assert follower.spans(ended=False) == [], "looked at before the attributes are there"
    (tmp_path / run_directory.ATTRIBUTES).touch()
    os.utime(tmp_path / run_directory.ATTRIBUTES, (named.timestamp() + 2,) * 2)
    with open(log, "a") as file:
        file.write(line(queued, "[17/start/1 (pid 9)] Task is starting."))
        file.write(line(queued + 60, "[17/start/1 (pid 9)] Task finished successfully."))
    (span,) = follower.spans(ended=True)
    assert (span.start, span.end) == (1000 + queued, 1060 + queued)


def test_the_timeline_of_a_run_in_another_time_zone(write_flow):
    flow = write_flow("foreachflow")
    running = Runner(flow, show_output=False, pylint=False, env={"TZ": "Asia/Kolkata"}).run()
    ends = [span.end for span in running.timeline]
    assert 0 < running.timeline[0].start < max(ends) <= running.elapsed_seconds


CLONING = "Cloning previously run task 16/"


@pytest.mark.parametrize(
    "lines",
    [
        [f"T [17/a/1] {CLONING}a/2", f"T [17/b/2] {CLONING}b/3"],
        [f"T T [17/a/1] [17/b/2] {CLONING}a/2", f"{CLONING}b/3"],
        [f"T [17/a/1] {CLONING}a/2T [17/b/2] {CLONING}b/3"],
        ["T [17/a/1] Cloning results of a previously run task 16/b/3", f"{CLONING}a/2"],
    ],
)
def test_clones_count_however_their_lines_run_into_each_other(lines):
    tracker = ProgressTracker(["a", "b"])
    for line in lines:
        tracker.feed(line.replace("T", "2026-11-23 00:02:53.890"))
    steps = tracker.snapshot(ended=True).steps
    assert (steps["a"].cloned, steps["b"].cloned) == (1, 1)


def test_what_a_foreach_has_announced_stays_announced_when_the_run_has_ended():
    tracker = ProgressTracker(["start", "work", "join"], {"start": ["work"], "work": ["join"]})
    for task, text in [
        ("start/1", "Foreach yields 1200 child steps."),
        ("work/2", "Task is starting."),
        ("work/3", "Task is starting."),
        ("work/2", "Task finished successfully."),
    ]:
        tracker.feed(f"2026-11-23 00:02:53.890 [17/{task} (pid 9)] {text}")
    ended = tracker.snapshot(ended=True)
    assert ended.steps["work"] == StepProgress(done=1, failed=1, pending=1198)
    assert (ended.steps["join"].total, str(ended)) == (0, "work 1/1200")


def test_a_task_that_speaks_of_clones_is_not_believed():
    tracker = ProgressTracker(["a"])
    for text in ("Cloning previously run task 16/a/2", "Cloning A/16"):
        tracker.feed(f"2026-11-23 00:02:53.890 [17/a/1 (pid 9)] {text}")
    ended = tracker.snapshot(ended=True)
    assert (ended.steps["a"].cloned, ended.cloned_from) == (0, "")


@pytest.mark.parametrize(
    ("line", "origin"),
    [
        ("2026-11-23 00:02:53.890 Cloning A/16", "A/16"),
        ("\x1b[35m2026-11-23 00:02:53.890 \x1b[0m\x1b[1mCloning A/16\x1b[0m", "A/16"),
        ("INFO Cloning org/repository", ""),
        ("2026-11-23 00:02:53.890 Cloning task from A/16/a/2 to A/17/a/1", ""),
        (f"2026-11-23 00:02:53.890 [17/a/1] {CLONING}a/2", ""),
    ],
)
def test_which_run_is_resumed(line, origin):
    tracker = ProgressTracker(["a"])
    tracker.feed(line)
    assert tracker.snapshot().cloned_from == origin
