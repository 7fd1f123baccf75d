"""Windows, filters and search over logs, compared with a simple implementation."""

from __future__ import annotations

import os
import random
import re
import time

import pytest

from nbrunner.logs import merged as merged_log
from nbrunner.logs.index import LineView, LogSearch, MergedLog

PREFIX = re.compile(
    r"(?:\x1b\[\d*m)*\d{4}-\d\d-\d\d (\d\d:\d\d:\d\d\.\d{3}) ?(?:\x1b\[\d*m)*"
    r"(?:\[[^/\]\s]+/([^/\]\s]+)/([^/\]\s]+)(?: \(pid \d+\))?\] ?)?(?:\x1b\[\d*m)*"
)
ESCAPES = re.compile(r"\x1b\]8;;[^\x1b]*\x1b\\|\x1b\[[\d;]*[A-Za-z]")


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


def taken_apart(line: bytes) -> tuple[str, str, str]:
    """Return (time, label, text) of a line, by a simple implementation."""
    text = line.decode("utf-8", "replace")
    time_of_day = label = ""
    if match := PREFIX.match(text):
        time_of_day = match[1]
        label = f"{match[2]}/{match[3]}" if match[2] else ""
        text = text[match.end() :]
    while text.endswith("\r"):
        text = text[:-1]
    return time_of_day, label, text.split("\r")[-1]


def says(line: bytes, query: str) -> bool:
    return query.lower() in ESCAPES.sub("", taken_apart(line)[2]).lower()


def window(view, start=0, stop=1 << 40):
    view.advance()
    return [(line.time, line.label, line.text) for line in view.window(start, stop, 1 << 30)]


def texts(view, start=0, stop=1 << 40):
    return [text for _, _, text in window(view, start, stop)]


def random_line(chance: random.Random) -> bytes:
    step = chance.choice(["start", "train", "end", "trai.", "pid"])
    text = chance.choice(
        [b"", b"  blank ahead", b"Needle", b"a needle in hay", b"needle\rgone", b"10%\r needle\r",
         b"nul\0", b"\xff\xfe needle", "grün 漢 NADEL".encode(), "GRÜN".encode(), b"/train/ pid",
         b"x" * chance.randrange(3000), b"crlf\r", b"\r\r", b"\x1b[31mnee\x1b[0mdle\x1b[K",
         b"\x1b]8;;http://needle\x1b\\link\x1b]8;;\x1b\\", b"\x1b", b"\xe6\xbc needle",
         b"2026-11-23 12:00:09.999 [9/train/1] not a prefix"]
    )  # fmt: skip
    line = task_line(step, chance.randrange(9), "")[:-1] + text
    if chance.random() < 0.1:
        head = b"\x1b[35m2026-11-23 12:00:02.000 \x1b[0m\x1b[32m[17/%s/9 (pid 1)] \x1b[0m"
        line = head % step.encode() + text
    return line if chance.random() < 0.8 else text


FILTERS = [
    ("", ""), ("train", ""), ("", "NEEDLE"), ("train", "needle"), ("", "grün"), ("end", "Ü"),
    ("", "pid"), ("none", ""), ("", "\0"), ("trai.", ""), ("", "漢 nadel"), ("pid", "start"),
]  # fmt: skip


def check(view, every, step, query, lines, chance):
    """Compare a view with a simple implementation."""
    wanted = [
        (number, line)
        for number, line in enumerate(lines)
        if (not step or taken_apart(line)[1].startswith(f"{step}/"))
        and (not query or says(line, query))
    ]
    expected = [taken_apart(line) for _, line in wanted]
    assert window(view) == expected
    assert view.lines == len(expected)
    for _ in range(5):
        start = chance.randrange(len(expected) + 2)
        stop = start + chance.randrange(50)
        assert window(view, start, stop) == expected[start:stop]
    if query and not step:
        assert [every.number_of(match, view) for match in range(len(wanted))] == [
            number for number, _ in wanted
        ]
        assert every.number_of(len(wanted), view) == every.number_of(-1, view) == -1


@pytest.mark.parametrize("seed", range(16))
def test_every_view_is_what_the_plain_way_gives_however_the_log_grows(seed, log, logs, monkeypatch):
    chance = random.Random(seed)
    monkeypatch.setattr(merged_log, "BLOCK_BYTES", chance.choice([64, 1000, 64 * 1024]))
    lines = [random_line(chance) for _ in range(chance.randrange(400))]
    data = b"\n".join(lines) + (b"\n" if chance.random() < 0.5 else b"")
    views = {each: LineView(log, step=each[0], query=each[1]) for each in FILTERS}
    at = 0
    with open(logs[0], "ab", buffering=0) as file:
        while at < len(data):
            size = chance.randrange(1, 4000)
            file.write(data[at : at + size])
            at += size
            log.refresh(chance.choice([None, 300]))
            if chance.random() < 0.5:
                for view in views.values():
                    view.advance(chance.choice([None, 500]))
            if chance.random() < 0.1:
                lines_now = data[:at].split(b"\n")
                lines_now = lines_now if lines_now[-1] else lines_now[:-1]
                while log.refresh():
                    pass
                check(views["", ""], None, "", "", lines_now, chance)
    while log.refresh(500):
        pass
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    every = views["", ""]
    every.advance()
    for (step, query), view in views.items():
        check(view, every, step, query, expected, chance)
    assert b"".join(log.chunks()) == data


def test_lines_of_both_streams_stand_as_they_arrive(log, logs):
    log.refresh()
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
    assert b"".join(log.chunks()) == b"err 0\nout 0\nerr 1\nout 1\nerr 2\nout 2\n"


@pytest.mark.parametrize("last", ["stdout", "stderr"])
def test_of_two_logs_that_have_both_grown_the_one_written_last_stands_last(last, log, logs):
    log.refresh()
    for path in logs:
        path.write_bytes(f"{path.stem}\n".encode())
        # The time on a file system with a fine clock, which not all have.
        moment = 2_000_000_000 + (path.stem == last)
        os.utime(path, (moment, moment))
    log.refresh()
    assert texts(LineView(log)) == [each for each in ("stdout", "stderr") if each != last] + [last]


@pytest.mark.parametrize(
    "said",
    [
        "Pylint is happy!",
        "Pylint not found, so extra checks are disabled.",
        "Pylint couldn't analyze your code.\n\tPylint exception: x\n    Skipping Pylint checks.",
    ],
)
def test_what_metaflow_says_of_pylint_stands_before_the_run(said, logs):
    """F2: it ends Metaflow's greeting; a changed sentence ended the greeting too early."""
    logs[0].write_bytes(task_line("start", 1, "said"))
    beginning = f"The graph looks good!\nRunning pylint...\n    {said}\n"
    logs[1].write_bytes(f"{beginning}Step failure:\n".encode())
    log = MergedLog(*logs)
    log.refresh()
    assert b"".join(log.chunks()) == (
        beginning.encode() + task_line("start", 1, "said") + b"Step failure:\n"
    )


def test_what_is_there_at_first_stands_by_rule_and_the_open_lines_last(logs):
    logs[0].write_bytes(task_line("start", 1, "said") + b"open")
    logs[1].write_bytes(b"Validating\n    The graph looks good!\nStep failure:\n  too")
    expected = ["Validating", "    The graph looks good!", "said", "Step failure:", "  too", "open"]
    for max_bytes in (None, 7):
        log = MergedLog(*logs)
        while log.refresh(max_bytes):
            pass
        view = LineView(log)
        assert texts(view) == expected
        assert (view.lines, view.ended_lines) == (6, 4)
        with open(logs[1], "ab") as stderr:
            stderr.write(b" bad\n")
        log.refresh()
        assert texts(view) == [*expected[:4], "  too bad", "open"]
        log.close()
        logs[1].write_bytes(logs[1].read_bytes()[: -len(b" bad\n")])


def test_what_the_prefix_tells(log, logs):
    logs[0].write_bytes(
        task_line("train", 8, "text") + b"2026-11-23 12:00:09.001 Done!\nplain\n"
        b"\x1b[35m2026-11-23 12:00:02.000 \x1b[0m\x1b[32m[17/end/9 (pid 1)] \x1b[0mgreen\n"
    )
    log.refresh()
    view = LineView(log)
    assert window(view) == [
        ("12:00:01.123", "train/8", "text"),
        ("12:00:09.001", "", "Done!"),
        ("", "", "plain"),
        ("12:00:02.000", "end/9", "green"),
    ]
    assert texts(LineView(log, step="end")) == ["green"]
    assert view.window(0, 1)[0].plain == "12:00:01.123 train/8 text"


def test_lines_of_a_resume_that_ran_into_each_other(log, logs):
    """Metaflow's threads write time, task and text separately."""
    time, later = b"2026-11-25 19:38:14.230 ", b"2026-11-25 19:38:14.239 "
    logs[0].write_bytes(
        time + later + b"[17/work/5] Cloning previously run task Flow/16/work/3\n"
        b"[17/train/4] Cloning previously run task Flow/16/train/2\n"
        b"\x1b[35m%s\x1b[0m\x1b[35m%s\x1b[0m\x1b[32m[17/work/6] \x1b[0m\x1b[1mCloning it\n"
        b"\x1b[32m[17/train/7] \x1b[0m\x1b[1mCloning it\n"
        b"[17/train/8] is what a flow prints\n"
        % (time, later)
        + later
        + b"[17/train/8 (pid 3)] "
        + time
        + b"is the task's own\n"
    )
    log.refresh()
    cloned = "Cloning previously run task Flow/16/"
    assert window(LineView(log)) == [
        ("19:38:14.239", "work/5", cloned + "work/3"),
        ("", "train/4", cloned + "train/2"),
        ("19:38:14.239", "work/6", "Cloning it"),
        ("", "train/7", "Cloning it"),
        ("", "", "[17/train/8] is what a flow prints"),
        ("19:38:14.239", "train/8", time.decode() + "is the task's own"),
    ]
    assert texts(LineView(log, step="work")) == [cloned + "work/3", "Cloning it"]
    assert len(texts(LineView(log, step="train"))) == 3
    assert texts(LineView(log, query="19:38")) == [time.decode() + "is the task's own"]
    assert texts(LineView(log, query="17/train/4")) == []


def test_a_long_line_is_cut_and_can_be_had_whole(log, logs):
    long = "ü" * 3_000_000 + "Needle"
    logs[0].write_text(f"first\n{long}\nlast\n", encoding="utf-8")
    log.refresh()
    view = LineView(log)
    view.advance()
    first, cut, last = view.window(0, 9)
    assert (first.text, last.text) == ("first", "last")
    assert len(cut.text) == 8000
    assert cut.cut == len(long) - 8000
    assert view.whole_line(1).text == long
    assert view.whole_line(3) is None
    assert texts(LineView(log, query="needle")) == [long]


def test_of_a_line_too_long_to_be_read_the_beginning_is_shown(log, logs, monkeypatch):
    monkeypatch.setattr(merged_log, "LONGEST_LINE_BYTES", 1000)
    head = task_line("start", 1, "")[:-1]
    bar = b"".join(b"\r%5d%%" % percent for percent in range(100_000))
    logs[0].write_bytes(head + b"x" * 300_000 + b"\n" + head + bar + b"\n" + head + bar)
    log.refresh()
    view = LineView(log)
    view.advance()
    lines = view.window(0, 9, 100)
    assert [(line.label, line.text) for line in lines] == [
        ("start/1", "x" * 100),
        ("start/1", "99999%"),
        ("start/1", "99999%"),
    ]
    assert [line.cut for line in lines] == [300_000 - 100, 0, 0]


def test_a_line_that_is_being_written_shows_and_changes(log, logs):
    view = LineView(log)
    with open(logs[0], "ab", buffering=0) as file:
        for percent in range(0, 101, 50):
            file.write(b"\r%d%%" % percent)
            log.refresh()
            view.advance()
            assert (view.lines, view.ended_lines) == (1, 0)
            assert view.window(0, 1)[0].text == f"{percent}%"
        file.write(b"\nnext\n")
    log.refresh()
    assert texts(view) == ["100%", "next"]
    assert view.ended_lines == 2


def test_logs_that_are_not_there_are_empty_and_may_come(tmp_path):
    log = MergedLog(tmp_path / "none", tmp_path / "nor")
    view = LineView(log)
    assert not log.refresh()
    assert texts(view) == []
    (tmp_path / "none").write_bytes(b"here\n")
    log.refresh()
    assert texts(view) == ["here"]
    log.close()


def test_a_log_that_was_closed_is_opened_again_when_it_is_read(log, logs):
    logs[0].write_bytes(b"one\n" * 100_000)
    log.refresh()
    view = LineView(log)
    view.advance()
    descriptors = len(os.listdir("/proc/self/fd"))
    log.close()
    assert len(os.listdir("/proc/self/fd")) == descriptors - 2
    assert texts(view, 99_999) == ["one"]


def test_a_log_that_was_deleted_gives_no_lines_and_no_error(log, logs):
    logs[0].write_bytes(b"one\n" * 100_000)
    log.refresh()
    view = LineView(log)
    view.advance()
    log.close()
    logs[0].unlink()
    assert texts(view, 0, 10) == []


def test_a_search_goes_on_piece_by_piece_and_gives_way_to_another(log, logs):
    logs[0].write_bytes(b"".join(b"line %d\n" % number for number in range(100_000)))
    search = LogSearch(log)
    search.work()
    assert search.choose(query="99") == (False, True)
    first = search.found
    counts = []
    while search.work(64 * 1024):
        counts.append(first.lines)
        assert search.searching
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] < first.lines == sum("99" in str(n) for n in range(100_000))
    search.choose(query="31415")
    search.work(1)
    assert search.searching
    assert search.choose(query="271") == (False, True)
    while search.work(64 * 1024):
        pass
    assert search.found.lines == sum("271" in str(number) for number in range(100_000))
    with open(logs[0], "ab") as file:
        file.write(b"and 271 more\n")
    search.work()
    assert search.shown.number_of(search.found.lines - 1, search.found) == 100_000
    assert search.choose(stream="stderr", query="271") == (True, False)
    search.work()
    assert (search.shown.lines, search.found.lines) == (0, 0)


@pytest.mark.alone
@pytest.mark.slow
def test_a_million_lines(log, logs):
    with open(logs[0], "wb") as file:
        for number in range(1_000_000):
            file.write(b"2026-11-23 12:00:01.123 [17/start/1 (pid 9)] line %030d\n" % number)
    began = time.perf_counter()
    search = LogSearch(log)
    search.work()
    opened = time.perf_counter() - began
    view = search.every
    assert view.lines == 1_000_000
    began = time.perf_counter()
    for number in (0, 123_456, 999_950):
        assert texts(view, number, number + 1) == [f"line {number:030d}"]
    shown = (time.perf_counter() - began) / 3
    searched = 0.0
    for query, count in (("0000777777", 1), ("LINE", 1_000_000), ("start", 0)):
        search.choose(query=query)
        began = time.perf_counter()
        search.work()
        searched = max(searched, time.perf_counter() - began)
        assert search.found.lines == count
    search.choose(query="0000777777")
    search.work()
    assert view.number_of(0, search.found) == 777_777
    # Bounds for noisy machines; the benchmark has the figures.
    assert (opened < 5, shown < 0.5, searched < 10) == (True, True, True)
    print(f"{opened=:.3f} {shown=:.4f} {searched=:.3f}")
