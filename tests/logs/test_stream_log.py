"""stream_log, stdout and stderr of real runs with any output."""

from __future__ import annotations

import asyncio
import threading

import pytest
from support.talking import TalkingRun

import nbrunner
from nbrunner import Runner

# Written by the run process itself, before Metaflow starts, and at its very end.
LOUDFLOW = """\
import atexit, os, sys
from metaflow import FlowSpec, step

def write(data):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]

if "run" in sys.argv:
    {at_start}
    atexit.register(lambda: write({at_end}))

class LoudFlow(FlowSpec):

    @step
    def start(self):
        {in_step}
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    LoudFlow()
"""


@pytest.fixture
def loud_flow(write_flow):
    def write(at_start="pass", at_end="b''", in_step="pass"):
        text = LOUDFLOW.format(at_start=at_start, at_end=at_end, in_step=in_step)
        return write_flow("loudflow.py", text)

    return write


async def collect(running, stream="stdout", position=None):
    return [pair async for pair in running.stream_log(stream, position)]


def said(talking, pairs):
    """Return the lines after Metaflow's greeting."""
    return [line for position, line in pairs if position > talking.greeting_bytes]


async def talk(folder, *pieces):
    """Write the pieces one after the other, each read before the next; return the lines."""
    async with await TalkingRun.begin(folder) as talking:
        reader = Reader(talking.running, "stderr")
        for piece in pieces:
            await talking.say(piece)
            await reader.has_looked_at(talking.log)
        talking.hush()
        await talking.finish()
        pairs = await reader.end()
        assert pairs == await collect(talking.running, "stderr")
        assert talking.running.stderr.encode()[: talking.greeting_bytes].endswith(b"\n")
        return said(talking, pairs)


class Reader:
    """Follows a stream in a task and keeps its lines."""

    def __init__(self, running, stream):
        self.pairs = []
        self._task = asyncio.ensure_future(self._read(running.stream_log(stream)))

    async def _read(self, lines):
        async for pair in lines:
            self.pairs.append(pair)

    async def has_looked_at(self, log):
        """Wait until every complete line of the log has been read."""
        whole = log.read_bytes().rfind(b"\n") + 1
        while (self.pairs[-1][0] if self.pairs else 0) < whole:
            assert not self._task.done()
            await asyncio.sleep(0.005)
        # An incomplete line is read in the same call; a few iterations of the loop deliver it.
        for _ in range(20):
            await asyncio.sleep(0.001)

    async def end(self):
        await asyncio.wait_for(self._task, 30)
        return self.pairs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ((b"abc", b"def\n"), ["abcdef"]),
        ((b"one\r", b"\ntwo\n"), ["one", "two"]),
        ((b"\rbar 1", b"\rbar 2", b"\rbar 3\n"), ["\rbar 1\rbar 2\rbar 3"]),
        ((b"half \xe2\x82", b"\xac whole\n"), ["half € whole"]),
        ((b"half \xe2\x82", b"\n", b"and on\n"), ["half \ufffd", "and on"]),
        (
            (b"\xff\xfe\n", b"nul \0 here\n", b"\n\n", b"no end"),
            "\ufffd\ufffd|nul \0 here|||no end",
        ),
    ],
    ids=["part", "CRLF", "bars", "UTF-8", "cut", "mixed"],
)
def test_pieces_written_while_the_run_lives_become_whole_lines(tmp_path, pieces, lines):
    expected = lines.split("|") if isinstance(lines, str) else lines
    assert asyncio.run(talk(tmp_path, *pieces)) == expected


@pytest.mark.slow
def test_a_line_without_end_comes_when_the_run_has_ended(tmp_path):
    async def main():
        async with await TalkingRun.begin(tmp_path) as talking:
            reader = Reader(talking.running, "stderr")
            await talking.say(b"whole\nnot whole")
            await reader.has_looked_at(talking.log)
            while_it_lives = said(talking, reader.pairs)
            late = Reader(talking.running, "stderr")
            await late.has_looked_at(talking.log)
            assert said(talking, late.pairs) == while_it_lives
            talking.hush()
            await talking.finish()
            assert await reader.end() == await late.end()
            assert reader.pairs[-1][0] == talking.log.stat().st_size
            assert await collect(talking.running, "stderr", reader.pairs[-1][0]) == []
            return while_it_lives, said(talking, reader.pairs)

    assert asyncio.run(main()) == (["whole"], ["whole", "not whole"])


@pytest.mark.slow
def test_readers_of_many_loops_and_threads_read_the_same(tmp_path):
    lines = [f"line {number}" for number in range(200)]
    results = {}

    def read_elsewhere(name, running):
        results[name] = asyncio.run(collect(running, "stderr"))

    async def main():
        async with await TalkingRun.begin(tmp_path) as talking:
            running = talking.running
            threads = [
                threading.Thread(target=read_elsewhere, args=(number, running))
                for number in range(3)
            ]
            for thread in threads[:2]:
                thread.start()
            here = [asyncio.ensure_future(collect(running, "stderr")) for _ in range(3)]
            for line in lines[:100]:
                await talking.say(f"{line}\n".encode())
            threads[2].start()  # attaches in the middle
            for line in lines[100:]:
                await talking.say(f"{line}\n".encode())
            talking.hush()
            await talking.finish()
            for number, task in enumerate(here):
                results[f"here {number}"] = await task
            for thread in threads:
                await asyncio.to_thread(thread.join, 60)
            return said(talking, results[0])

    assert asyncio.run(main()) == lines
    assert len(results) == 6
    assert all(pairs == results[0] for pairs in results.values())


@pytest.mark.slow
def test_every_position_continues_exactly_also_by_another_handle(loud_flow):
    data = b"one\\n\\ntwo\\r\\nb\\rar\\n\\xff\\n\\xe2\\x82\\xac\\n"
    flow = loud_flow(at_start=f"write(b'{data.decode()}')", at_end="b'no end'")
    running = Runner(flow, pylint=False, show_output=False).run()

    async def main():
        pairs = await collect(running)
        again = nbrunner.attach(running.pathspec)
        for index, (position, _) in enumerate(pairs):
            assert await collect(again, position=position) == pairs[index + 1 :]
        return [line for _, line in pairs]

    lines = asyncio.run(main())
    assert lines[:6] == ["one", "", "two", "b\rar", "\ufffd", "€"]
    assert lines[-1] == "no end"
    assert running.stdout == "\n".join(lines)


@pytest.mark.slow
def test_what_is_not_utf8_then_500_kilobytes_ends_and_loses_nothing(loud_flow, capfd):
    flow = loud_flow(at_start="write(b'bad \\xff\\n' + b'z' * 500_000 + b'\\nlast\\n')")
    running = Runner(flow, pylint=False).run()
    assert running.status == "successful"
    lines = running.stdout.split("\n")
    assert lines[:3] == ["bad \ufffd", "z" * 500_000, "last"]
    assert "Task finished successfully." in lines[-3]
    assert capfd.readouterr().out == running.stdout


@pytest.mark.slow
def test_awkward_bytes_of_a_step_arrive(loud_flow, capfd):
    step = 'write(b"bad \\xff here\\nnul \\0 here\\nwin\\r\\n" + b"w" * 1_000_000 + b"\\nend")'
    running = Runner(loud_flow(in_step=step), pylint=False).run()
    assert running.status == "successful"
    texts = [line.partition(")] ")[2] for line in running.stdout.split("\n")]
    # Metaflow's own runtime delays the second of two lines; all are complete at the end.
    for text in ("bad \ufffd here", "nul \0 here", "w" * 1_000_000, "end"):
        assert sum(line == text for line in texts) == 1
    assert capfd.readouterr().out == running.stdout


@pytest.mark.slow
def test_fifty_megabytes_without_a_line_end(loud_flow):
    flow = loud_flow(at_end="b'y' * 50_000_000")

    async def main():
        running = await Runner(flow, pylint=False).async_run()
        *_, (position, line) = await collect(running)
        assert position == running.directory.log("stdout").stat().st_size
        return running.status, line

    status, line = asyncio.run(main())
    assert status == "successful"
    assert line == "y" * 50_000_000


@pytest.mark.slow
def test_a_hundred_thousand_lines_at_once_none_lost_none_doubled(loud_flow):
    many = "write(''.join(f'line {n}\\n' for n in range(100_000)).encode())"
    flow = loud_flow(at_start=many)

    async def main():
        running = await Runner(flow, pylint=False).async_run()
        pairs = await collect(running)
        positions = [position for position, _ in pairs]
        assert positions == sorted(set(positions))
        return [line for _, line in pairs if line.startswith("line ")]

    assert asyncio.run(main()) == [f"line {number}" for number in range(100_000)]


@pytest.mark.slow
def test_ten_thousand_lines_of_a_step_arrive_in_order(loud_flow):
    flow = loud_flow(in_step="print(*(f'line {n}' for n in range(10_000)), sep='\\n')")

    async def main():
        running = await Runner(flow, pylint=False).async_run()
        lines = [line.partition(")] ")[2] for _, line in await collect(running)]
        return [line for line in lines if line.startswith("line ")]

    assert asyncio.run(main()) == [f"line {number}" for number in range(10_000)]


@pytest.mark.slow
def test_leaving_a_stream_half_way_leaves_the_run_alone(tmp_path):
    async def main():
        async with await TalkingRun.begin(tmp_path) as talking:
            running = talking.running
            async for _, _line in running.stream_log("stderr"):
                break
            reader = asyncio.ensure_future(collect(running, "stderr"))
            await asyncio.sleep(0)
            reader.cancel()
            await asyncio.wait((reader,))
            assert reader.cancelled()
            assert running.status == "running"
            await talking.say(b"still here\n")
            talking.hush()
            await talking.finish()
            return running.status, said(talking, await collect(running, "stderr"))

    assert asyncio.run(main()) == ("successful", ["still here"])
