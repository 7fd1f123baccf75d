"""The times at which tasks ran, from the lines of a run."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from nbrunner.engine.progress import ProgressTracker
from nbrunner.engine.timeline import TaskSpan, Timeline, step_spans

pytestmark = pytest.mark.once

STARTED = datetime(2026, 11, 23, 12, 0, 0)


def line(seconds: float, task: str, text: str) -> str:
    when = (STARTED + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return f"{when} [17/{task} (pid 5)] {text}"


def timeline_of(*lines: str, started: datetime = STARTED) -> Timeline:
    tracker, timeline = ProgressTracker(), Timeline(started.timestamp())
    for each in lines:
        for event in tracker.feed(each):
            timeline.feed(event)
    return timeline


def test_a_span_for_each_attempt_in_the_order_of_their_starts():
    timeline = timeline_of(
        line(0.5, "start/1", "Task is starting."),
        line(2.0, "start/1", "Task finished successfully."),
        line(2.1, "train/2", "Task is starting."),
        line(2.2, "train/3", "Task is starting."),
        line(4.0, "train/2", "Task failed."),
        line(5.0, "train/2", "Task is starting (retry)."),
    )
    assert timeline.spans() == [
        TaskSpan("start", "1", "done", 0.5, 2.0),
        TaskSpan("train", "2", "failed", 2.1, 4.0),
        TaskSpan("train", "3", "running", 2.2),
        TaskSpan("train", "2", "running", 5.0),
    ]
    assert [span.state for span in timeline.spans(ended=True)] == ["done"] + ["failed"] * 3


def test_steps_were_at_work_from_their_first_start_to_their_last_end():
    spans = [
        TaskSpan("start", "1", "cloned", 0.1, 0.1),
        TaskSpan("train", "2", "done", 2.0, 5.0),
        TaskSpan("train", "3", "failed", 3.0, 9.0),
        TaskSpan("train", "4", "failed", 4.0, None),
    ]
    assert step_spans(spans) == {"train": (2.0, 9.0)}


@pytest.mark.parametrize("hours", [-9.5, -2, 0, 1, 5.75])
def test_a_run_in_another_time_zone_starts_at_the_same_moment(hours):
    # The environment of a run may set TZ; its lines carry no zone.
    timeline = timeline_of(
        line(1.25, "start/1", "Task is starting."),
        line(3.5, "start/1", "Task finished successfully."),
        started=STARTED + timedelta(hours=hours),
    )
    assert timeline.spans() == [TaskSpan("start", "1", "done", 1.25, 3.5)]


@pytest.mark.parametrize("delay", [0.0, 449.0, 451.0, 600.0, 898.0])
@pytest.mark.parametrize("hours", [-9.5, 0, 1])
def test_a_first_task_that_comes_late_is_late(hours, delay):
    timeline = timeline_of(
        line(delay, "start/1", "Task is starting."),
        line(delay + 60, "start/1", "Task finished successfully."),
        started=STARTED + timedelta(hours=hours),
    )
    assert timeline.spans() == [TaskSpan("start", "1", "done", delay, delay + 60)]


def test_words_that_are_a_little_early_for_their_precision_are_not_a_zone_away():
    timeline = timeline_of(line(-0.001, "start/1", "Task is starting."))
    assert timeline.spans() == [TaskSpan("start", "1", "running", 0.0)]


def test_clones_are_marks_without_a_duration():
    timeline = timeline_of(
        f"{STARTED:%Y-%m-%d %H:%M:%S}.700 [18/start/2] Cloning previously run task 17/start/1"
    )
    assert timeline.spans() == [TaskSpan("start", "1", "cloned", 0.7, 0.7)]


def test_clones_whose_lines_run_into_each_other_are_all_there():
    when = f"{STARTED:%Y-%m-%d %H:%M:%S}"
    cloning = "Cloning previously run task 17"
    timeline = timeline_of(
        f"{when}.700 {when}.800 [18/start/2] [18/train/3] {cloning}/start/1",
        f"{cloning}/train/2",
        f"{when}.900 [18/train/4] {cloning}/train/3{when}.950 [18/train/5] {cloning}/train/4",
    )
    assert timeline.spans() == [
        TaskSpan("start", "1", "cloned", 0.8, 0.8),
        TaskSpan("train", "2", "cloned", 0.8, 0.8),
        TaskSpan("train", "3", "cloned", 0.9, 0.9),
        TaskSpan("train", "4", "cloned", 0.95, 0.95),
    ]
