"""The pipes of a warm run's tasks: no line waits for the next one."""

from __future__ import annotations

import asyncio
import os
import statistics
import time

import pytest
from metaflow.procpoll import ProcPollEvent
from support.both_ways import both_ways

from nbrunner import Runner
from nbrunner.launch.warm.log_pipes import LinePoll, PipeLines

pytestmark = pytest.mark.once


@pytest.fixture
def pipe():
    """A pipe, polled like Metaflow's runtime does; (lines, poll, writing end)."""
    reading, writing = os.pipe()
    lines = PipeLines(reading)
    poll = LinePoll(ProcPollEvent)
    poll.add(lines.fileno())
    yield lines, poll, writing
    lines.close()


def read_events(lines, poll):
    """Read like the runtime: one ``readline`` per event."""
    found = []
    for event in poll.poll(0):
        if event.can_read:
            found.append(lines.readline())
        if event.is_terminated:
            found += list(iter(lines.readline, b""))
    return found


def test_an_event_for_each_line_that_is_there(pipe):
    lines, poll, writing = pipe
    os.write(writing, b"one\ntwo\nthree\n")
    assert read_events(lines, poll) == [b"one\n", b"two\n", b"three\n"]
    assert read_events(lines, poll) == []
    os.close(writing)


def test_half_a_line_holds_nobody_up_and_comes_when_it_is_whole(pipe):
    lines, poll, writing = pipe
    os.write(writing, b"whole\nha")
    assert read_events(lines, poll) == [b"whole\n"]
    assert read_events(lines, poll) == []
    os.write(writing, b"lf\n")
    assert read_events(lines, poll) == [b"half\n"]
    os.close(writing)


def test_the_rest_without_a_line_end_comes_at_the_end(pipe):
    lines, poll, writing = pipe
    os.write(writing, b"one\nrest")
    os.close(writing)
    assert read_events(lines, poll) == [b"one\n", b"rest"]


@pytest.mark.parametrize("slices", [1, 7, 4096, 60_000])
def test_nothing_is_lost_doubled_or_out_of_order(pipe, slices):
    lines, poll, writing = pipe
    data = b"".join(b"%d %s\n" % (n, b"\xff\r\0 x" * (n % 50)) for n in range(300)) + b"end"
    found = []
    for at in range(0, len(data), slices):
        os.write(writing, data[at : at + slices])
        found += read_events(lines, poll)
    os.close(writing)
    while more := read_events(lines, poll):
        found += more
    assert b"".join(found) == data
    assert all(line.endswith(b"\n") for line in found[:-1])


PAIRS = """\
import time
from metaflow import FlowSpec, step

class PairsFlow(FlowSpec):

    @step
    def start(self):
        for number in range(10):
            print(f'first {time.time()}')
            print(f'second {time.time()}', flush=True)
            time.sleep(0.5)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    PairsFlow()
"""


@pytest.mark.alone
@pytest.mark.slow
def test_of_two_lines_printed_together_neither_waits(write_flow, monkeypatch):
    monkeypatch.setenv("NBRUNNER_WARM", "1")

    async def main():
        running = await Runner(write_flow("pairsflow.py", PAIRS), pylint=False).async_run()
        assert running.warm, running.cold_reason
        late: dict[str, list[float]] = {"first": [], "second": []}
        async for _, line in running.stream_log("stdout"):
            *_, name, printed = line.split()
            if name in late:
                late[name].append(time.time() - float(printed))
        return late

    late = asyncio.run(main())
    assert [len(each) for each in late.values()] == [10, 10]
    # A millisecond on an idle machine; without this pipe each second line waits half a second,
    # for the next pair. Medians, as a busy machine may delay single lines.
    assert statistics.median(late["first"]) < 0.25
    assert statistics.median(late["second"]) < 0.25


FLOOD = """\
import sys
from metaflow import FlowSpec, step

class FloodFlow(FlowSpec):

    @step
    def start(self):
        for number in range(100_000):
            print('line', number)
        sys.stdout.buffer.write(b'bytes \\xff\\n' + b'x' * 1_000_000 + b'\\nwithout an end')
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    FloodFlow()
"""


@pytest.mark.alone
@pytest.mark.slow
def test_a_flood_comes_whole_and_no_slower_than_cold(write_flow, monkeypatch):
    cold, warm = both_ways(write_flow("floodflow.py", FLOOD), monkeypatch)
    text = warm.running.stdout
    numbers = [line.split()[-1] for line in text.splitlines() if "] line " in line]
    assert numbers == [str(number) for number in range(100_000)]
    assert sorted(warm.stdout.splitlines()) == sorted(cold.stdout.splitlines())
    seconds = [each.running.elapsed_seconds for each in (cold, warm)]
    assert seconds[1] < 1.5 * seconds[0]
