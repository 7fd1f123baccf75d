"""Reading a growing log line by line."""

from __future__ import annotations

import itertools

import pytest

from nbrunner.logs.reader import BLOCK_BYTES, LineReader, last_lines, read_text, tail

AWKWARD = (
    b"plain\n"
    b"\n"
    b"\n"
    b"bar 10%\rbar 20%\rdone\n"
    b"windows\r\n"
    b"\r\n"
    b"two\r\r\n"
    b"nul \x00 inside\n"
    b"not \xff\xfe utf-8\n"
    b"cut \xe2\x82\n"
    b"\xe2\x82\xac and \xf0\x9f\x98\x80\n"
    b"line\xe2\x80\xa8separator\x0bvt\x0cff\x1cfs\xc2\x85nel\n"
    b"  blanks kept  \n"
    b"no end"
)
AWKWARD_LINES = [
    "plain",
    "",
    "",
    "bar 10%\rbar 20%\rdone",
    "windows",
    "",
    "two\r",
    "nul \x00 inside",
    "not \ufffd\ufffd utf-8",
    "cut \ufffd",
    "€ and 😀",
    "line\u2028separator\x0bvt\x0cff\x1cfs\x85nel",
    "  blanks kept  ",
]


def drain(reader: LineReader) -> list[tuple[int, str]]:
    """Return all lines that are in the log now."""
    found = []
    while (block := reader.read_block()) is not None:
        found += block
    return found


@pytest.fixture
def log(tmp_path):
    return tmp_path / "stdout.log"


def test_lines_end_with_line_feeds_alone(log):
    log.write_bytes(AWKWARD)
    with LineReader(log) as reader:
        assert [line for _, line in drain(reader)] == AWKWARD_LINES
        assert reader.rest() == (len(AWKWARD), "no end")
        assert reader.rest() is None


def test_every_position_continues_behind_its_line(log):
    log.write_bytes(AWKWARD)
    with LineReader(log) as reader:
        pairs = [*drain(reader), reader.rest()]
    assert pairs[-1][0] == len(AWKWARD)
    for index, (position, _) in enumerate(pairs):
        with LineReader(log, position) as reader:
            rest = drain(reader)
            last = reader.rest()
            assert rest + ([last] if last else []) == pairs[index + 1 :]


@pytest.mark.parametrize("cut", range(1, len(AWKWARD)))
def test_a_log_written_in_two_pieces_reads_as_written_in_one(log, cut):
    log.write_bytes(AWKWARD[:cut])
    with LineReader(log) as reader:
        lines = drain(reader)
        assert all(position <= cut for position, _ in lines)
        with open(log, "ab") as file:
            file.write(AWKWARD[cut:])
        lines += drain(reader)
        assert [line for _, line in lines] == AWKWARD_LINES
        assert reader.rest() == (len(AWKWARD), "no end")


def test_a_log_written_byte_by_byte_gives_each_line_once_when_it_is_whole(log):
    log.touch()
    lines = []
    with LineReader(log) as reader, open(log, "ab", buffering=0) as file:
        for number, byte in enumerate(AWKWARD, start=1):
            file.write(bytes([byte]))
            for position, line in drain(reader):
                assert position == number
                lines.append(line)
    assert lines == AWKWARD_LINES


@pytest.mark.parametrize("beyond", range(-3, 4))
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_across_the_border_of_a_block_stay_whole(log, beyond, end):
    first = b"x" * (BLOCK_BYTES + beyond)
    euro = "€".encode() * (BLOCK_BYTES // 3)
    log.write_bytes(first + end + euro + end + b"last" + end)
    with LineReader(log) as reader:
        assert [line for _, line in drain(reader)] == [
            first.decode(),
            "€" * (BLOCK_BYTES // 3),
            "last",
        ]


def test_many_lines_none_lost_none_doubled(log):
    lines = [f"line {number} " + "x" * (number % 97) for number in range(100_000)]
    log.write_text("".join(f"{line}\n" for line in lines))
    with LineReader(log) as reader:
        pairs = drain(reader)
    assert [line for _, line in pairs] == lines
    ends = itertools.accumulate(len(line) + 1 for line in lines)
    assert [position for position, _ in pairs] == list(ends)


def test_a_line_of_fifty_megabytes(log):
    log.write_bytes(b"before\n" + b"y" * 50_000_000)
    with LineReader(log) as reader:
        assert drain(reader) == [(7, "before")]
        with open(log, "ab") as file:
            file.write(b"\nafter\n")
        (first, line), (second, after) = drain(reader)
    assert (first, second) == (50_000_008, 50_000_014)
    assert line == "y" * 50_000_000
    assert after == "after"


def test_a_log_that_is_not_there_yet_is_empty(log):
    with LineReader(log) as reader:
        assert reader.read_block() is None
        assert reader.rest() is None
        log.write_bytes(b"now\n")
        assert drain(reader) == [(4, "now")]


def test_the_whole_text_has_what_the_lines_have(log):
    assert read_text(log) == ""
    log.write_bytes(AWKWARD)
    assert read_text(log) == "\n".join([*AWKWARD_LINES, "no end"])


def test_the_tail_is_the_last_lines(log):
    assert tail(log, 3) == []
    log.write_bytes(b"\n \n")
    assert tail(log, 3) == []
    log.write_bytes(b"".join(b"line %d \xff\r\n" % number for number in range(100_000)))
    assert tail(log, 2) == ["line 99998 \ufffd", "line 99999 \ufffd"]


def test_last_lines_count_what_stands_above_and_say_where_a_line_is_cut(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"one\ntwo\n\n\n\n")
    assert last_lines([log], 5) == (["one", "two"], 0)
    assert last_lines([log], 1) == (["two"], 1)
    assert last_lines([log], 0) == ([], 2)
    log.write_bytes(b"above\n" + b"x" * 300_000 + b"\n")
    (line,), above = last_lines([log], 1)
    assert line.startswith("…xxx") and above == 1
    log.write_bytes(b"\n\n")
    assert last_lines([log, tmp_path / "none"], 3) == ([], 0)
