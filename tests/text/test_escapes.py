"""Cutting lines between characters and escape sequences."""

from __future__ import annotations

import itertools
import random

import pytest

from nbrunner.jupyter.widgets.log_wire import window_lines
from nbrunner.launch.warm.partial_lines import last_state
from nbrunner.logs import merged as merged_log
from nbrunner.logs.index import LineView, LogSearch, MergedLog
from nbrunner.logs.reader import tail
from nbrunner.text import escapes

TOKENS = [
    *("a", " ", "7", "é", "€", "😀", "\u0301"),
    *("\x1b[31m", "\x1b[0m", "\x1b[2J", "\x1b(B", "\x1bM", "\x1b7"),
    *("\x1b]8;;http://example.org/é\x1b\\", "\x1b]0;title\x07"),
]


def texts():
    """Yield random lines as lists of units that must not be cut."""
    choose = random.Random(13)
    for _ in range(400):
        yield choose.choices(TOKENS, k=choose.randrange(12))


def borders(tokens):
    return [0, *itertools.accumulate(map(len, tokens))]


def test_a_text_is_cut_between_characters_and_escapes():
    """B13: a cut text ends before an escape sequence that does not fit, not inside it."""
    for tokens in texts():
        text = "".join(tokens)
        for length in range(len(text) + 2):
            expected = max(each for each in borders(tokens) if each <= length)
            assert escapes.cut(text, length) == text[:expected]


def test_bytes_are_cut_between_characters_and_escapes():
    """B13: beginning and end of cut bytes hold complete characters and escape sequences."""
    for tokens in texts():
        data = "".join(tokens).encode()
        places = borders([token.encode() for token in tokens])
        for at in range(len(data) + 1):
            begins = escapes.beginning(data[:at])
            assert begins == data[: max(each for each in places if each <= at)]
            ends = escapes.end(data, at)
            assert ends == data[min(each for each in places if each >= at) :]


@pytest.mark.parametrize(
    "data", [b"\xff", b"\xc0", b"\x80\x80\x80\x80\x80", b"a\xe2\x82b", b"\xf8\x88"]
)
def test_what_is_not_utf_8_is_kept(data):
    """B13: invalid bytes are not mistaken for parts of a character."""
    assert escapes.beginning(data + b"x") == data + b"x"
    assert escapes.beginning(b"x\xff") == b"x\xff"
    assert escapes.end(b"x" + data, 1).endswith(data[3:])


@pytest.fixture
def log(tmp_path):
    for name in ("stdout.log", "stderr.log"):
        (tmp_path / name).touch()
    merged = MergedLog(tmp_path / "stdout.log", tmp_path / "stderr.log")
    yield merged
    merged.close()


def found(log, query):
    search = LogSearch(log)
    search.choose(query=query)
    search.work()
    return search.found.lines


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("\x1bé accent", "\x1bé accent"),
        ("\x1b😀 \x1b[31mred\x1b[0m", "\x1b😀 red"),
        ("\x1b\x1b[1mbold\x1b(B\x1b[m", "\x1bbold"),
        ("\x1b€", "\x1b€"),
    ],
)
def test_an_escape_character_before_one_that_is_not_ascii(log, tmp_path, line, plain):
    """B13: such a line is copied unchanged, and found by its visible text."""
    (tmp_path / "stdout.log").write_text(f"{line}\n", encoding="utf-8")
    log.refresh()
    (shown,) = LineView(log).window(0, 1)
    assert shown.plain == plain
    for query in (plain, plain[1:2], plain[-3:]):
        assert found(log, query) == 1


def test_a_long_line_is_cut_for_the_wire_between_escapes(log, tmp_path):
    """B13: no line in a window of long lines ends inside an escape sequence."""
    (tmp_path / "stdout.log").write_text(("\x1b[31mx" * 3000 + "\n") * 150, encoding="utf-8")
    log.refresh()
    for text, _, cut, _, _ in window_lines(LineView(log), 0, 150, None):
        assert isinstance(text, str) and isinstance(cut, int)
        assert text == "\x1b[31mx" * (len(text) // 6) + "\x1b[31m" * (len(text) % 6 == 5)
        assert len(text) + cut == 18_000


@pytest.mark.parametrize("size", range(40, 48))
def test_a_line_too_long_to_be_read_is_cut_between_characters(log, tmp_path, monkeypatch, size):
    """B13: a line longer than a read shows no broken character."""
    monkeypatch.setattr(merged_log, "LONGEST_LINE_BYTES", size)
    line = "é\x1b[31m€" * 20
    (tmp_path / "stdout.log").write_text(f"{line}\n", encoding="utf-8")
    log.refresh()
    (shown,) = LineView(log).window(0, 1)
    assert line.startswith(shown.text)
    assert escapes.without_escapes(shown.text).strip("é€") == ""
    assert len(shown.text.encode()) + shown.cut == len(line.encode())


def test_a_character_that_is_half_written_is_not_shown_before_it_is_whole(log, tmp_path):
    """B13: the last line shows a character when it is complete, or the run has ended."""
    view = LineView(log)
    with open(tmp_path / "stdout.log", "ab", buffering=0) as file:
        for data, shown in ((b"caf\xc3", "caf"), (b"\xa9\x1b[3", "café"), (b"1mX\xe2", None)):
            file.write(data)
            log.refresh()
            view.advance()
            (line,) = view.window(0, 1)
            assert line.text == (shown or "café\x1b[31mX")
        log.ended = True
        log.refresh()
        view.advance()
        assert view.window(0, 1)[0].text == "café\x1b[31mX\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("size", range(10, 40))
def test_the_last_lines_begin_between_characters(tmp_path, size):
    """B13: the shown end of the last line begins with a complete character."""
    line = "é€😀\x1b[31mx" * 9
    path = tmp_path / "log"
    path.write_text(f"first\n{line}\n", encoding="utf-8")
    (last,) = tail(path, 1, size)
    assert last[0] == "…"
    assert line.endswith(last[1:])
    assert "\N{REPLACEMENT CHARACTER}" not in last
    assert escapes.without_escapes(last).strip("…é€😀x") == ""


def test_an_unfinished_line_that_is_long_begins_between_characters():
    """B13: the last characters of a long progress bar are shown, none of them broken."""
    for extra in range(8):
        state = last_state("é€\x1b[31m😀".encode() * 1000 + b"x" * extra)
        assert len(state.encode()) <= 2000
        assert escapes.without_escapes(state).strip("é€😀x") == ""


def test_a_million_unclosed_escapes_take_no_time(tmp_path):
    """B13: the search for the cut takes linear time."""
    assert len(escapes.cut("\x1b]8;;" * 200_000, 100_000)) == 100_000
    data = b"\x1b[" * 500_000
    assert data.startswith(escapes.beginning(data))
    assert data.endswith(escapes.end(data, 5000))
