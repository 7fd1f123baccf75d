"""One line of a log, split into the parts that a view shows."""

from __future__ import annotations

import pytest

from nbrunner.logs.line import STDERR, STDOUT, LineFilter, Query, beginning_and_end, shown

pytestmark = pytest.mark.once

PREFIX = b"2026-11-23 00:02:53.890 [17/start/1 (pid 9)] "


@pytest.mark.parametrize(
    ("line", "time", "label", "text"),
    [
        (PREFIX + b"hello", "00:02:53.890", "start/1", "hello"),
        (PREFIX + b"  indented", "00:02:53.890", "start/1", "  indented"),
        (b"2026-11-23 00:02:53.890 Done!", "00:02:53.890", "", "Done!"),
        (b"[17/start/1] Cloning previously run task 16/start/1", "", "start/1", None),
        (b"[17/start/1] not a clone", "", "", "[17/start/1] not a clone"),
        (b"\x1b[35m2026-11-23 00:02:53.890 \x1b[0m\x1b[1mDone!", "00:02:53.890", "", "Done!"),
        (PREFIX + b"10%\r 20%\r\r", "00:02:53.890", "start/1", " 20%"),
        (b"plain", "", "", "plain"),
        (b"", "", "", ""),
    ],
)
def test_a_line_is_taken_apart(line, time, label, text):
    found = shown(line, STDOUT, 0, 100)
    text = "Cloning previously run task 16/start/1" if text is None else text
    assert (found.time, found.label, found.text) == (time, label, text)


def test_what_is_cut_is_counted():
    found = shown(PREFIX + b"x" * 30, STDERR, 5, 10)
    assert (found.text, found.cut, found.stream) == ("x" * 10, 25, STDERR)


def test_both_ends_of_a_long_line_that_was_written_over():
    assert beginning_and_end(PREFIX + b"1%", b"98%\r99%\r") == PREFIX + b"99%"
    assert beginning_and_end(PREFIX + b"1%", b"no return") is None


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, [0, 1, 2]),
        ({"step": "start"}, [0]),
        ({"step": "star"}, []),
        ({"step": "(?P<run>"}, []),
        ({"query": "HELLO"}, [0, 2]),
        ({"query": "17/"}, []),  # the prefix is not shown
        ({"stream": "stderr"}, []),
    ],
)
def test_which_lines_are_let_through(options, kept):
    lines = [PREFIX + b"hello", PREFIX.replace(b"start", b"end") + b"bye", b"Hello start"]
    found = LineFilter(**options)
    data = b"".join(line + b"\n" for line in lines)
    assert found.lines(STDOUT, data) == [lines[index] for index in kept]
    assert found.count(STDOUT, data) == len(kept)


def test_letters_are_taken_for_their_other_case():
    assert Query("É").lines(["é".encode(), b"e", "É".encode()]) == [0, 2]
