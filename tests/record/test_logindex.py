"""Windows, filters and search over logs, against the plain way to do it."""

from __future__ import annotations

import random
import re
import time

import pytest

from nbrunner.record import logindex
from nbrunner.record.logindex import LineView, MergedLog

PREFIX = re.compile(
    rb"\d{4}-\d\d-\d\d (\d\d:\d\d:\d\d\.\d{3}) ?(?:\[[^/\]\s]+/([^/\]\s]+)/([^/\]\s]+)"
    rb"(?: \(pid \d+\))?\] ?)?"
)


@pytest.fixture
def logs(tmp_path):
    paths = tmp_path / "stdout.log", tmp_path / "stderr.log"
    for path in paths:
        path.touch()
    return paths


@pytest.fixture
def log(logs):
    merged = MergedLog(*logs)
    yield merged
    merged.close()


def task_line(step, task, text):
    return f"2026-11-23 12:00:01.123 [17/{step}/{task} (pid 9)] {text}\n".encode()


def texts(view, start=0, stop=1 << 40):
    view.advance()
    return [line.text for line in view.window(start, stop)]


def plain(line):
    match = PREFIX.match(line)
    return line[match.end() :] if match else line


def random_line(chance):
    step = chance.choice(["start", "train", "end"])
    text = chance.choice(
        [b"", b"  blank ahead", b"Needle", b"needle in hay", b"a\rb\r", b"nul\0", b"\xff\xfe",
         "grün 漢".encode(), b"x" * chance.randrange(3000), b"crlf\r"]
    )  # fmt: skip
    return task_line(step, chance.randrange(9), "")[:-1] + text if chance.random() < 0.8 else text


@pytest.mark.parametrize("seed", range(12))
def test_every_view_is_what_the_plain_way_gives_however_the_log_grows(seed, log, logs, monkeypatch):
    chance = random.Random(seed)
    monkeypatch.setattr(logindex, "BLOCK_BYTES", chance.choice([64, 1000, 64 * 1024]))
    lines = [random_line(chance) for _ in range(chance.randrange(400))]
    data = b"\n".join(lines) + (b"\n" if lines and chance.random() < 0.5 else b"")
    views = {
        ("", ""): LineView(log),
        ("train", ""): LineView(log, step="train"),
        ("", "needle"): LineView(log, query="NEEDLE"),
        ("train", "needle"): LineView(log, step="train", query="needle"),
    }
    at = 0
    with open(logs[0], "ab", buffering=0) as file:
        while at < len(data):
            size = chance.randrange(1, 4000)
            file.write(data[at : at + size])
            at += size
            log.refresh()
            if chance.random() < 0.5:
                for view in views.values():
                    view.advance(chance.choice([None, 500]))
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    for (step, query), view in views.items():
        wanted = [
            line
            for line in expected
            if (not step or f"/{step}/".encode() in line[:60])
            and (not query or query.encode() in plain(line).lower())
        ]
        assert texts(view) == [plain(line).decode("utf-8", "replace") for line in wanted]
        assert view.lines == len(wanted)
        for _ in range(5):
            start = chance.randrange(len(wanted) + 2)
            stop = start + chance.randrange(50)
            assert texts(view, start, stop) == [
                plain(line).decode("utf-8", "replace") for line in wanted[start:stop]
            ]
    everything, found = views["", ""], views["", "needle"]
    for match in range(found.lines):
        number = everything.number_of(match, found)
        assert texts(everything, number, number + 1) == texts(found, match, match + 1)
    assert everything.number_of(found.lines, found) == -1


def test_lines_of_both_streams_stand_as_they_arrive(log, logs):
    stdout, stderr = (open(path, "ab", buffering=0) for path in logs)
    with stdout, stderr:
        for number in range(3):
            stderr.write(b"err %d\n" % number)
            log.refresh()
            stdout.write(b"out %d\n" % number)
            log.refresh()
    assert texts(LineView(log)) == ["err 0", "out 0", "err 1", "out 1", "err 2", "out 2"]
    assert texts(LineView(log, stream="stderr")) == ["err 0", "err 1", "err 2"]
    assert texts(LineView(log, stream="stdout")) == ["out 0", "out 1", "out 2"]


def test_of_a_run_read_afterwards_the_beginning_comes_first_and_the_rest_last(logs):
    logs[0].write_bytes(task_line("start", 1, "said"))
    logs[1].write_bytes(b"Validating\n    The graph looks good!\nStep failure:\n")
    log = MergedLog(*logs, ended=True)
    log.refresh()
    assert texts(LineView(log)) == [
        "Validating",
        "    The graph looks good!",
        "said",
        "Step failure:",
    ]
    log.close()


def test_what_the_prefix_tells(log, logs):
    logs[0].write_bytes(
        task_line("train", 8, "text") + b"2026-11-23 12:00:09.001 Done!\nplain\n"
        b"\x1b[35m2026-11-23 12:00:02.000 \x1b[0m\x1b[32m[17/end/9 (pid 1)] \x1b[0mgreen\n"
    )
    log.refresh()
    view = LineView(log)
    view.advance()
    found = [(line.time, line.label, line.text) for line in view.window(0, 9)]
    assert found == [
        ("12:00:01.123", "train/8", "text"),
        ("12:00:09.001", "", "Done!"),
        ("", "", "plain"),
        ("12:00:02.000", "end/9", "green"),
    ]
    assert texts(LineView(log, step="end")) == ["green"]


def test_a_long_line_is_cut_and_can_be_had_whole(log, logs):
    long = "ü" * 3_000_000
    logs[0].write_text(f"first\n{long}\nlast\n", encoding="utf-8")
    log.refresh()
    view = LineView(log)
    view.advance()
    first, cut, last = view.window(0, 9)
    assert (first.text, last.text) == ("first", "last")
    assert len(cut.text) == 8000
    assert cut.cut > 1_000_000
    assert view.whole_line(1) == long


def test_a_line_that_is_being_written_shows_and_changes(log, logs):
    view = LineView(log)
    with open(logs[0], "ab", buffering=0) as file:
        for percent in range(0, 101, 50):
            file.write(b"\r%d%%" % percent)
            log.refresh()
            view.advance()
            assert view.lines == 1
            assert view.window(0, 1)[0].text.endswith(f"{percent}%")
        file.write(b"\nnext\n")
    log.refresh()
    assert texts(view) == ["\r0%\r50%\r100%", "next"]


def test_logs_that_are_not_there_are_empty(tmp_path):
    log = MergedLog(tmp_path / "none", tmp_path / "nor")
    assert not log.refresh()
    assert texts(LineView(log)) == []


@pytest.mark.slow
def test_a_million_lines(log, logs):
    with open(logs[0], "wb") as file:
        for number in range(1_000_000):
            file.write(b"2026-11-23 12:00:01.123 [17/start/1 (pid 9)] line %030d\n" % number)
    began = time.perf_counter()
    log.refresh()
    view = LineView(log)
    view.advance()
    opened = time.perf_counter() - began
    assert view.lines == 1_000_000
    began = time.perf_counter()
    for number in (0, 123_456, 999_950):
        assert texts(view, number, number + 1) == [f"line {number:030d}"]
    window = (time.perf_counter() - began) / 3
    found = LineView(log, query="0000777777")
    began = time.perf_counter()
    found.advance()
    searched = time.perf_counter() - began
    assert found.lines == 1
    assert view.number_of(0, found) == 777_777
    # Bounds for noisy machines; the benchmark has the figures.
    assert (opened < 5, window < 0.5, searched < 10) == (True, True, True)
