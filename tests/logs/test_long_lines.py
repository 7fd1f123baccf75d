"""The memory needed to read a very long line."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest

from nbrunner.logs.reader import lines_of, read_text

pytestmark = [pytest.mark.slow, pytest.mark.once]

MEGABYTES = 64

READING = """\
import asyncio, json, os, re, sys
from pathlib import Path
from nbrunner.handles import ExecutingRun
from nbrunner.logs.reader import lines_of, read_text
from nbrunner.record.run_directory import RunDirectory

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

async def stream():
    async for _, line in ExecutingRun(RunDirectory(sys.argv[2])).stream_log("stdout"):
        yield len(line)
        del line

def by_stream_log():
    async def main():
        return [size async for size in stream()]
    return asyncio.run(main())

ways = {
    "stream_log": by_stream_log,
    "lines_of": lambda: [len(line) for line in lines_of(Path(sys.argv[2], "stdout.log"))],
    "read_text": lambda: [len(line) for line in [read_text(Path(sys.argv[2], "stdout.log"))]],
}
before = peak()
sizes = ways[sys.argv[1]]()
print(json.dumps([sizes, peak() - before]))
"""


def write_log(folder, *units):
    """Write a log with a line of 64 MB of each unit, and a short one after them."""
    (folder / "record.json").write_text('{"started": 1}')
    (folder / "exit.json").write_text('{"returncode": 0, "ended": 2, "stop": null}')
    with open(folder / "stdout.log", "wb") as log:
        for unit in units:
            for _ in range(MEGABYTES):
                log.write(unit.encode() * (1_000_000 // len(unit.encode())))
            log.write(b"\n")
        log.write(b"short\n")


@pytest.mark.parametrize(
    ("way", "units"),
    [
        *itertools.product(["stream_log", "lines_of", "read_text"], ["x", "é", "€", "😀"]),
        ("stream_log", "xx"),
    ],
)
def test_a_line_takes_twice_its_size_while_it_is_read(tmp_path, way, units):
    """B11: reading a line takes about twice its size, also after another long one."""
    write_log(tmp_path, *units)
    child = subprocess.run(
        [sys.executable, "-c", READING, way, str(tmp_path)], capture_output=True, check=True
    )
    sizes, grown = json.loads(child.stdout)
    assert len(sizes) == (1 if way == "read_text" else len(units) + 1)
    assert grown < 2.25 * MEGABYTES * 1_000_000


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\r\n", b"\n\r\n"])
@pytest.mark.parametrize("unit", [b"x", "€".encode(), b"\xff", b"\xe2\x82", b"\r"])
def test_a_line_that_is_read_in_pieces_is_what_it_is_as_a_whole(tmp_path, unit, end):
    """B11: decoding a line in pieces gives the same as decoding it as a whole."""
    log = tmp_path / "stdout.log"
    for size in (1, 65_535, 65_536, 65_537, 131_072, 200_000):
        data = (unit * size)[:size] + end + unit
        log.write_bytes(data)
        text = data.decode("utf-8", "replace")
        expected = [line.removesuffix("\r") for line in text.split("\n")]
        assert list(lines_of(log)) == expected
        assert read_text(log) == text.replace("\r\n", "\n")
