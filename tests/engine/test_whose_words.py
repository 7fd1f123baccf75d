"""The origin of log lines: the output of a task is not mistaken for Metaflow's messages."""

from __future__ import annotations

import asyncio
import json

import pytest
from support.waiting import async_until

from nbrunner import RunEvent, Runner, StepProgress
from nbrunner.engine.progress import ProgressTracker
from nbrunner.engine.timeline import TaskSpan, Timeline
from nbrunner.launch.warm.log_pipes import TaskLine
from nbrunner.logs.progress_follower import ProgressFollower
from nbrunner.text.escapes import without_escapes

pytestmark = [pytest.mark.slow, pytest.mark.once]

METAFLOWS = [
    "Foreach yields 99 child steps.",
    "Task is starting.",
    "Task is starting (retry).",
    "Task fallback is starting to handle the failure.",
    "Task finished successfully.",
    "Task failed.",
    "Task failed with a segmentation fault.",
    "Cloning previously run task 16/end/2",
    "Cloning SlowFlow/16",
    "Workflow starting (run-id 17):",
    "Done!",
    "2026-11-23 00:02:53.890 [17/end/9 (pid 17)] Task failed.",
]

PARROTFLOW = """\
import os, time
from metaflow import FlowSpec, step

WORDS = {words!r}
HERE = os.path.dirname(os.path.abspath(__file__))

class ParrotFlow(FlowSpec):

    @step
    def start(self):
        self.words = WORDS
        self.next(self.each, foreach="words")

    @step
    def each(self):
        for number in (1, 2):
            print(self.input)
            print(self.input, flush=True)
            if self.index == {waits}:
                open(f"{{HERE}}/printed", "w").close()
                while not os.path.exists(f"{{HERE}}/go"):
                    time.sleep(0.02)
                    if {more}:
                        print("one more", flush=True)
        print(self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        print(*WORDS, sep=chr(10))
        self.next(self.end)

    @step
    def end(self):
        print(*WORDS, sep=chr(10))

if __name__ == "__main__":
    ParrotFlow()
"""


def parrot(write_flow, waits=-1, more=False):
    text = PARROTFLOW.format(words=METAFLOWS, waits=waits, more=more)
    return Runner(write_flow("parrotflow.py", text), show_output=False, pylint=False)


@pytest.fixture(params=["0", "1"], ids=["cold", "warm"])
def warm(request, monkeypatch):
    monkeypatch.setenv("NBRUNNER_WARM", request.param)
    return request.param == "1"


def test_a_run_whose_tasks_print_what_metaflow_says(warm, write_flow):
    """B8: no output of a task changes a count, a span, an event or an origin."""
    running = parrot(write_flow).run()
    assert running.warm == warm, running.cold_reason
    assert running.status == "successful"
    number = len(METAFLOWS)
    assert running.progress.steps == {
        "start": StepProgress(done=1),
        "each": StepProgress(done=number),
        "join": StepProgress(done=1),
        "end": StepProgress(done=1),
    }
    assert running.progress.cloned_from == ""
    spans = running.timeline
    assert [span.state for span in spans] == ["done"] * (number + 3)
    assert len({(span.step, span.task_id) for span in spans}) == number + 3
    starts = [line for line in running.stdout.splitlines() if line.endswith("] Task is starting.")]
    assert len(starts) >= number + 3, "the log has all that was printed"

    async def states():
        told: dict[tuple[str, str, str], list[str]] = {}
        async for event in running.events():
            told.setdefault((event.kind, event.step, event.task_id), []).append(event.state)
        return told

    told = asyncio.run(states())
    assert len(told) == number + 5
    assert {each[-1] for each in told.values()} == {"done", str(number), "successful"}
    if warm:  # there nothing has to be corrected
        each = [states for (kind, step, _), states in told.items() if kind == "task"]
        assert each == [["running", "done"]] * (number + 3)


@pytest.mark.parametrize("words", ["Task finished successfully.", "Task failed."])
@pytest.mark.parametrize("more", [False, True])
def test_a_task_that_prints_its_end_and_goes_on(warm, write_flow, tmp_path, words, more):
    """B8: the task counts as running: in a warm run always, in a cold one when it prints more."""

    async def main():
        running = await parrot(write_flow, METAFLOWS.index(words), more).async_run()
        assert running.warm == warm, running.cold_reason
        await async_until(lambda: (tmp_path / "printed").exists(), "the words")
        if warm or more:
            others = len(METAFLOWS) - 1
            expected = StepProgress(running=1, done=others)
            await async_until(lambda: running.progress.steps["each"] == expected, "the others")
            assert [each.state for each in running.timeline if each.state != "done"] == ["running"]
        (tmp_path / "go").touch()
        return await running

    assert asyncio.run(main()).progress.steps["each"] == StepProgress(done=len(METAFLOWS))


def lines(*said):
    return [f"2026-11-23 12:00:0{second}.000 [17/{task}] {text}" for second, task, text in said]


def followed(lines, **options):
    tracker, timeline = ProgressTracker(["a", "b"], {"a": ["b"]}, **options), Timeline(0)
    events = []
    for line in lines:
        found = tracker.feed(line)
        events += found
        for event in found:
            timeline.feed(event)
    return tracker.snapshot(), events, timeline.spans()


def test_an_end_that_another_line_follows_was_none():
    """B8: a task that prints after its end counts as running since its start."""
    said = [
        (1, "a/1 (pid 5)", "Task is starting."),
        (2, "a/1 (pid 5)", "Task failed."),
        (3, "b/2 (pid 6)", "Task is starting."),
        (4, "a/1 (pid 5)", "and on it goes"),
    ]
    progress, events, spans = followed(lines(*said))
    assert progress.steps["a"] == StepProgress(running=1)
    assert [event.state for event in events] == ["running", "failed", "running", "running"]
    assert (events[-1].step, events[-1].when) == ("a", "2026-11-23 12:00:01.000")
    assert [(span.step, span.state, span.end) for span in spans] == [
        ("a", "running", None),
        ("b", "running", None),
    ]
    progress, events, spans = followed(
        lines(*said, (5, "a/1 (pid 5)", "Task finished successfully."))
    )
    assert progress.steps["a"] == StepProgress(done=1)
    assert spans[0].state == "done"
    assert spans[0].seconds == 4.0


@pytest.mark.parametrize(
    ("said", "total"),
    [
        (["Foreach yields 99 child steps.", "more", "Task finished successfully."], 1),
        (["Foreach yields 99 child steps.", "Task finished successfully.", "more"], 1),
        (["Foreach yields 99 child steps.", "Foreach yields 3 child steps."], 3),
        (
            [
                *("Foreach yields 99 child steps.", "Task finished successfully."),
                *("Foreach yields 3 child steps.", "Task finished successfully."),
            ],
            3,
        ),
    ],
)
def test_a_foreach_is_announced_right_before_the_end(said, total):
    """B8: a foreach counts only if the end of its task follows directly."""
    said = [(1, "a/1 (pid 5)", text) for text in ["Task is starting.", *said]]
    assert followed(lines(*said))[0].steps["b"] == StepProgress(pending=total)


def test_a_step_without_a_foreach_announces_none():
    """B8: if the flow's graph is known, only a foreach step can announce child steps."""
    said = [(1, "a/1 (pid 5)", "Foreach yields 99 child steps.")]
    assert followed(lines(*said), foreach_steps={"b"})[0].steps["b"].total == 1
    assert followed(lines(*said), foreach_steps={"a"})[0].steps["b"].total == 99


def test_an_attempt_that_is_tried_again_is_none_that_goes_on():
    """B8: a retry is not mistaken for a continuing task, even with the same process id."""
    for pid in (5, 6):
        said = [
            (1, "a/1 (pid 5)", "Task is starting."),
            (2, "a/1 (pid 5)", "Task failed."),
            (3, f"a/1 (pid {pid})", "Task is starting (retry)."),
            (4, f"a/1 (pid {pid})", "Task is starting (retry)."),
        ]
        progress, events, spans = followed(lines(*said))
        assert progress.steps["a"] == StepProgress(running=1)
        assert [event.state for event in events] == ["running", "failed", "retrying"]
        assert [span.state for span in spans] == ["failed", "running"]


def test_the_follower_reads_what_refutes_an_end(tmp_path):
    """B8: a line without any of Metaflow's words is read if it shows that a task continues."""
    log = tmp_path / "stdout.log"
    record = {"flow": {"steps": ["a", "b"], "types": {"a": "linear"}}, "started": 0}
    follower = ProgressFollower(log, record)
    said = lines(
        (1, "a/1 (pid 5)", "Task is starting."),
        (2, "a/1 (pid 5)", "Task finished successfully."),
        (3, "b/1 (pid 5)", "of another task"),
        (4, "a/1 (pid 5)", "on and on"),
    )
    states = []
    for text in said:
        with open(log, "a") as file:
            file.write(f"{text}\n")
        states.append(follower.snapshot(False).steps["a"])
    done, running = StepProgress(done=1), StepProgress(running=1)
    assert states == [running, done, done, running]
    # The same, read in one go.
    assert ProgressFollower(log, record).snapshot(False).steps["a"] == running


def test_the_rest_of_a_very_long_line_is_no_line(tmp_path):
    """B8: text inside a line that is read in pieces is not mistaken for a line."""
    log = tmp_path / "stdout.log"
    (start, end) = lines(
        (1, "a/1 (pid 5)", "Task is starting."), (2, "a/1 (pid 5)", "Task finished successfully.")
    )
    first = f"{start}\n".encode()
    log.write_bytes(first + b"x" * (2 * (1 << 20)) + f"{end}\n".encode())
    record = {"flow": {"steps": ["a"]}, "started": 0}
    for shift in range(3):
        text = log.read_bytes()
        log.write_bytes(first + b"x" * shift + text[len(first) :])
        assert ProgressFollower(log, record).snapshot(False).steps["a"].running == 1


@pytest.mark.parametrize("text", [each for each in METAFLOWS[:7]])
def test_a_line_of_a_warm_task_is_marked_where_it_could_be_metaflows(text):
    """B8: a blank is appended to text that Metaflow might have printed; other text is unchanged."""
    for printed in (f"{text}\n", f" \r{text} \t\n"):
        logged = TaskLine(printed.encode()).strip().decode()
        assert logged == f"{text} "
        assert followed(lines((1, "a/1 (pid 5)", logged)))[1] == []
    for coloured in (
        f"\x1b[1m{text}\x1b[0m",
        f"\x1b]0;title\x07{text}\x1b[K",
        f"Task \x1b[0m{text[5:]}",
    ):
        if text in without_escapes(coloured):
            logged = TaskLine(f"{coloured}\n".encode()).strip().decode()
            assert logged == f"{coloured} "
            assert followed(lines((1, "a/1 (pid 5)", logged)))[1] == []
    for other in (f"  {text}", f"{text} or so", f"x {text}", text.lower()):
        assert TaskLine(f"{other}\n".encode()).strip().decode() == other


INDENTEDFLOW = """\
import json, sys
from metaflow import FlowSpec, step

PRINTED = {printed!r}

class IndentedFlow(FlowSpec):

    @step
    def start(self):
        print(*PRINTED, sep=chr(10))
        print(json.dumps({{"a": [1, 2]}}, indent=2), file=sys.stderr)
        self.next(self.end)

    @step
    def end(self):
        raise ValueError("with a traceback")

if __name__ == "__main__":
    IndentedFlow()
"""
PRINTED = ["   two  three", "\ttab", "", "   ", "\r 10%\r 20%", "x  ", "\x0b vertical", " é "]


def test_indentation_is_kept_where_the_pipe_is_ours(warm, write_flow):
    """E9: a warm run's log keeps the leading blanks of lines; a cold one's is Metaflow's."""
    flow = write_flow("indentedflow.py", INDENTEDFLOW.format(printed=PRINTED))
    running = Runner(flow, show_output=False, pylint=False).run()
    assert running.warm == warm, running.cold_reason
    logged: dict[str, list[str]] = {"start": [], "end": []}
    for line in running.stdout.split("\n"):
        prefix, bracket, text = line.partition(")] ")
        if bracket:
            logged[prefix.split("/")[1]].append(text)
    stderr = json.dumps({"a": [1, 2]}, indent=2).splitlines()
    kept = ["   two  three", "\ttab", "", "", " 10%\r 20%", "x", " vertical", " é"]
    for text in [*kept, *stderr]:
        assert (text if warm else text.strip()) in logged["start"]
    frames = [text for text in logged["end"] if 'raise ValueError("with' in text]
    assert frames[0].startswith("    raise" if warm else "raise")
    # The log that Metaflow stores with the task is unchanged.
    assert "\n".join(PRINTED) in running.run["start"].task.stdout
    assert running.failure.source[-1].text == 'raise ValueError("with a traceback")'


def test_events_compare_by_what_they_say():
    """B8: the event of a continuing task has its name and the time of its start."""
    expected = RunEvent("task", "running", "a", "1", "2026-11-23 12:00:01.000")
    said = [
        (1, "a/1 (pid 5)", "Task is starting."),
        (2, "a/1 (pid 5)", "Task finished successfully."),
        (3, "a/1 (pid 5)", "more"),
    ]
    events, spans = followed(lines(*said))[1:]
    assert events[0] == events[2] == expected
    assert [type(span) for span in spans] == [TaskSpan]
