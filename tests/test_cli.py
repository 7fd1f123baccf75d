"""``nbrunner list``, ``logs`` and ``stop``: runs in a terminal, wherever they were started."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.waiting import until

from nbrunner import Runner, attach, cli
from nbrunner.history import STATUSES
from nbrunner.record import registry, run_directory

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).with_name("nbrunner")


def nbrunner(*words, **settings):
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, **settings)


def printed(*words):
    done = nbrunner(*words)
    assert done.returncode == 0, done
    assert done.stderr == "" or (words[0], done.stderr[:9]) == ("stop", "stopping "), done
    return done.stdout.splitlines()


def begin(flow, **arguments):
    """Start a run as another process would: this one does not follow it."""
    return asyncio.run(
        Runner(flow, show_output=False, pylint=False, cwd=flow.parent).async_run(**arguments)
    )


def test_two_runs_are_compared(write_flow):
    flow = write_flow("slowflow")
    first, second = (begin(flow, seconds=seconds) for seconds in (0, 1))
    until(lambda: "running" not in (first.status, second.status), "the ends")
    lines = printed("diff", first.pathspec, second.pathspec)
    assert lines[0].split() == [first.pathspec, second.pathspec]
    assert ["parameters", "secs", "0", "1"] in [line.split() for line in lines]
    assert lines[-1] == f"code of {second.pathspec} against {first.pathspec}: equal"
    every = printed("diff", "--all", first.pathspec, second.pathspec)
    assert any(line.split()[:3] == ["run", "status", "successful"] for line in every)


def test_one_run_cannot_be_compared():
    done = nbrunner("diff", "SlowFlow/1")
    assert done.returncode == 1
    assert done.stderr == "nbrunner: diff: expected two runs or more, got 'SlowFlow/1' alone\n"


def change(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_runs_are_listed_newest_first_with_what_tells_them_apart(write_flow):
    assert printed("list") == ["no runs"]
    failed = begin(write_flow("failflow"), tags=["nightly"])
    until(lambda: failed.status == "failed", "the failure")
    running = begin(write_flow("slowflow"), seconds=60)
    head, first, second = printed("list")
    assert head.split() == ["Status", "Run", "Started", "Time", "Tags", "Parameters"]
    assert first.startswith(f"running  {running.pathspec}  ")
    assert first.endswith("seconds=60")
    assert second.startswith(f"failed   {failed.pathspec}  ")
    assert second.split()[-1] == "nightly"
    for words in (["seconds=60"], ["--status", "running"]):
        _head, only = printed("list", *words)
        assert only.split()[:2] == ["running", running.pathspec]
    assert printed("list", "--flow", "FailFlow")[1].split()[:2] == ["failed", failed.pathspec]
    assert printed("list", "nightly", "seconds=60") == ["no runs"]
    (said,) = printed("stop", running.pathspec)
    assert said.startswith(f"{running.pathspec}: stopped")
    assert running.status == "stopped"


def test_what_is_listed_comes_in_pages_and_in_characters_that_show(write_flow, capsys):
    ended = begin(write_flow("slowflow"), seconds=0)
    until(lambda: ended.status == "successful", "its end")
    for number in range(20):
        copy = ended.directory.path.with_name(registry.new_name())
        shutil.copytree(ended.directory.path, copy)
        change(copy / run_directory.ATTRIBUTES, run_id=str(number))
        change(copy / run_directory.RECORD, arguments={"name": "a\x1b[31m\u202eb\nc"})
    cli.list_runs("", (), "", 1)
    *rows, empty, more = capsys.readouterr().out.splitlines()
    assert (len(rows), empty, more) == (21, "", "Older runs: --page 2")
    assert rows[1].endswith("name=a<U+202E>b c")
    cli.list_runs("", (), "", 2)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_log_is_followed_until_the_run_has_ended(write_flow, tmp_path):
    running = begin(write_flow("gateflow.py", GATE))
    until(lambda: "before" in running.stdout, "the first line")
    first = nbrunner("logs", running.pathspec)
    assert first.stdout == running.stdout, "so far"
    command = [COMMAND, "logs", "--follow", running.pathspec]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        seen = next(line for line in following.stdout if line.endswith("before\n"))
        (tmp_path / "go").touch()
        rest = following.stdout.read()
    assert following.returncode == 0
    assert seen in running.stdout
    assert running.stdout.endswith(seen + rest)
    assert running.status == "successful"
    assert nbrunner("logs", "--stderr", running.pathspec).stdout == running.stderr != ""


def test_an_interrupt_ends_the_following_and_not_the_run(write_flow):
    running = begin(write_flow("slowflow"), seconds=60)
    command = [COMMAND, "logs", "-f", running.pathspec]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as following:
        next(line for line in following.stdout if "0 seconds passed" in line)
        following.send_signal(signal.SIGINT)
        said = following.stderr.read()
    assert (following.returncode, said) == (130, "")
    assert running.status == "running"
    other = begin(write_flow("slowflow"), seconds=60)
    lines = printed("stop", "all")
    assert sorted(line.partition(":")[0] for line in lines) == [running.pathspec, other.pathspec]
    assert (running.status, other.status) == ("stopped", "stopped")
    assert printed("stop", "all") == [cli.NO_RUN]


def test_nobody_has_to_read_it_to_the_end(write_flow):
    running = begin(write_flow("slowflow"), seconds=0)
    until(lambda: running.status == "successful", "its end")
    with open(running.directory.log("stdout"), "ab") as log:
        log.write(b"x" * 10_000_000)
    reader, writer = os.pipe()
    os.close(reader)
    for words in (["logs", running.pathspec], ["logs", "-f", running.pathspec], ["list"]):
        done = subprocess.run([COMMAND, *words], stdout=writer, stderr=subprocess.PIPE, text=True)
        assert (done.returncode, done.stderr) == (141, ""), words
    os.close(writer)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["logs", "SlowFlow/1"], "no record of a run 'SlowFlow/1'"),
        (["stop", "SlowFlow/1"], "no record of a run 'SlowFlow/1'"),
        (["list", "--status", "done"], f"--status: expected one of {', '.join(STATUSES)}"),
        (["list", "--page", "2"], "there is no page 2"),
        (["list", "--page", "0"], "there is no page 0"),
    ],
)
def test_what_is_not_there_is_named(words, told):
    done = nbrunner(*words)
    assert done.returncode == 1
    assert done.stderr.startswith("nbrunner: ")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_of_several_none_is_stopped_where_one_is_not_there(write_flow):
    running = begin(write_flow("slowflow"), seconds=60)
    assert nbrunner("stop", running.pathspec, "SlowFlow/1").returncode == 1
    assert attach(running.pathspec).status == "running"
    running.stop()


GATE = """\
import sys, time
from metaflow import FlowSpec, step

class GateFlow(FlowSpec):

    @step
    def start(self):
        import os
        print('before', flush=True)
        print('by itself', file=sys.stderr, flush=True)
        while not os.path.exists('go'):
            time.sleep(0.02)
        print('after')
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    GateFlow()
"""
