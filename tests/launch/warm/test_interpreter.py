"""The life of the warm interpreter: no start waits too long, later starts are warm again."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest
from support.other_fork import other_fork
from support.waiting import async_until, until

from nbrunner import Runner
from nbrunner.launch.launcher import Started
from nbrunner.launch.warm.interpreter import NoForkError, ReplaceError, WarmInterpreter
from nbrunner.launch.warm.launcher import LAUNCHER
from nbrunner.launch.warm.readiness import ANSWER_SECONDS, LONGEST_WAIT_SECONDS, WAIT_SECONDS
from nbrunner.record import registry

pytestmark = [pytest.mark.slow, pytest.mark.once]


@pytest.fixture(autouse=True)
def _warm(monkeypatch):
    monkeypatch.setenv("NBRUNNER_WARM", "1")


@pytest.fixture
def runner(write_flow):
    return Runner(write_flow("slowflow"), pylint=False, show_output=False)


def next_is_warm(runner):
    running = runner.run(seconds=0)
    assert (running.status, running.warm) == ("successful", True), running.cold_reason


def interpreter() -> WarmInterpreter:
    (found,) = LAUNCHER._zygotes
    return found


def ready() -> WarmInterpreter:
    return until(  # type: ignore[return-value]
        lambda: interpreter().verdict() and interpreter()._is_ready and interpreter()
    )


def dead(process) -> bool:
    return not process.alive()


async def start(folder, environment=None, cwd=None) -> tuple[Started, float]:
    """Start a script that ends at once; return the time of its start in seconds."""
    began = time.monotonic()
    started = await LAUNCHER.start_script(
        [str(folder / "nothing.py")],
        dict(os.environ, **(environment or {})),
        str(cwd or folder),
        folder / "output",
        str(folder / "nothing.py"),
    )
    return started, time.monotonic() - began


@pytest.fixture
def folder(tmp_path):
    """A folder with a script for `start`, separate from that of modules to preload."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "nothing.py").write_text("")
    return scripts


@pytest.fixture
def slow_module(tmp_path):
    """Create a module whose import waits at a gate; return its environment and the gate."""
    modules = tmp_path / "modules"
    modules.mkdir()
    gate = tmp_path / "gate"  # not next to the module, which would require another interpreter
    (modules / "slowmodule.py").write_text(
        f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.01)\n"
    )
    return {"NBRUNNER_PRELOAD": "slowmodule", "PYTHONPATH": str(modules)}, gate


@pytest.mark.parametrize("deaths", [1, 4])
def test_one_that_is_killed_while_starts_wait_is_replaced_and_so_is_the_next(
    folder, slow_module, deaths
):
    """A5: its end counts once, however many starts wait, and is forgotten after the next fork."""
    environment, gate = slow_module

    async def main():
        waiting = [asyncio.ensure_future(start(folder, environment)) for _ in range(3)]
        await async_until(lambda: LAUNCHER._zygotes, "the interpreter")
        await asyncio.sleep(0)  # all three have asked it
        gate.touch()
        interpreter().process.send(signal.SIGKILL)
        ways = [(await each)[0].way for each in waiting]
        for _ in range(deaths):
            interpreter().process.send(signal.SIGKILL)
            started, _seconds = await start(folder, environment)
            ways.append(started.way)
        return ways

    assert asyncio.run(main()) == ["warm"] * (3 + deaths)


def test_one_that_keeps_failing_is_started_again_after_a_pause(folder, monkeypatch):
    """A5: interpreters that end during their import make starts cold, but only for a time."""

    async def main():
        with monkeypatch.context() as broken:
            broken.setattr("nbrunner.launch.warm.interpreter._BOOTSTRAP", "raise SystemExit(3)")
            first, _ = await start(folder, {})
            assert (first.way, len(LAUNCHER._zygotes)) == ("cold", 0)
            assert "ended while it imported metaflow; see zygote.log" in first.why
            second, seconds = await start(folder, {})
            assert (second.way, len(LAUNCHER._zygotes)) == ("cold", 0)
            assert "the next one starts in" in second.why
            assert seconds < 0.5, "nothing to wait for"
        return await async_until_warm(folder, {})

    assert asyncio.run(main()).way == "warm"


async def async_until_warm(folder, environment) -> Started:
    """Start repeatedly until a start is warm, which takes a few seconds with the pauses."""
    deadline = time.monotonic() + 60
    while (started := (await start(folder, environment))[0]).way != "warm":
        assert time.monotonic() < deadline, started.why
        await asyncio.sleep(0.1)
    return started


def test_what_takes_long_to_import_holds_up_nobody_and_serves_when_it_is_ready(folder, slow_module):
    """A6: starts are cold while it imports, it is not killed, and later starts are warm."""
    environment, gate = slow_module

    async def main():
        (first, waited), (other, _) = await asyncio.gather(
            start(folder, environment), start(folder, environment)
        )
        assert {first.way, other.way} == {"cold"}
        assert WAIT_SECONDS - 0.5 < waited < 10
        assert "is still importing metaflow and slowmodule" in first.why
        importing = interpreter()
        third, waited = await start(folder, environment)
        assert third.way == "cold"
        assert waited < 0.5, "the time that it is worth waiting for is over"
        assert interpreter() is importing
        gate.touch()
        await async_until(lambda: ready() is importing, "the end of the import")
        last, _ = await start(folder, environment)
        assert interpreter() is importing
        return last

    last = asyncio.run(main())
    assert (last.way, last.why) == ("warm", "")


def test_one_that_imports_for_ever_ends_with_its_owner(tmp_path, slow_module):
    """A6: it must not outlive the process that started it."""
    environment, _gate = slow_module
    code = (
        "import os; from nbrunner.launch.warm.launcher import LAUNCHER;"
        "LAUNCHER.prepare(os.environ);"
        "print(LAUNCHER._zygotes[0].process.pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    until(lambda: not psutil.pid_exists(int(done.stdout)), "the end of the interpreter")


@pytest.mark.parametrize("when", ["ready", "importing"])
def test_one_that_is_suspended_is_replaced_at_once(folder, slow_module, when):
    """B15: SIGSTOP delays a start no more than the import of the next interpreter."""
    environment, gate = slow_module
    LAUNCHER.prepare({**os.environ, **environment})
    if when == "ready":
        gate.touch()
        ready()
    suspended = interpreter().process
    suspended.send(signal.SIGSTOP)
    until(lambda: psutil.Process(suspended.pid).status() == "stopped", "its stop")
    time.sleep(0.05)  # its state may be cached for 30 ms
    gate.touch()
    started, seconds = asyncio.run(start(folder, environment))
    assert started.way == "warm", started.why
    assert seconds < 10
    until(lambda: dead(suspended), "its end")


def test_one_that_is_suspended_while_starts_wait_for_its_answer(folder, monkeypatch):
    """B15: they become cold soon, and the next start is warm."""
    LAUNCHER.prepare(os.environ)
    asked = ready()
    converse = asked._converse

    async def suspended_first(*arguments):
        asked.process.send(signal.SIGSTOP)
        return await converse(*arguments)

    monkeypatch.setattr(asked, "_converse", suspended_first)

    async def main():
        both = await asyncio.gather(start(folder), start(folder))
        return both, await async_until_warm(folder, None)

    both, last = asyncio.run(main())
    for started, seconds in both:
        assert started.way == "cold"
        assert "suspended" in started.why or "ended" in started.why
        assert seconds < 2
    assert last.way == "warm"


HANGS = other_fork("zygote", "import time\ntime.sleep(3600)")


def test_one_that_does_not_answer_is_replaced(folder, tmp_path):
    """B15: a start waits some seconds for an interpreter that hangs, later ones less."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "hangs.py").write_text(HANGS)
    environment = {"NBRUNNER_PRELOAD": "hangs", "PYTHONPATH": str(modules)}

    async def main():
        first, seconds = await start(folder, environment)
        assert (first.way, first.why) == (
            "cold",
            f"the warm interpreter did not answer for {ANSWER_SECONDS:g} s",
        )
        assert seconds < ANSWER_SECONDS + WAIT_SECONDS + 5
        second, _ = await start(folder, environment)
        third, seconds = await start(folder, environment)
        assert (second.way, third.way) == ("cold", "cold")
        assert "did not answer" in third.why and "(2 times so far)" in third.why
        assert seconds < 0.5

    asyncio.run(main())


def test_starts_of_a_busy_kernel_do_not_blame_the_interpreter(folder):
    """B15: time in which a cell blocked the loop does not count as time without an answer."""
    LAUNCHER.prepare(os.environ)
    ready()

    async def main():
        starting = asyncio.ensure_future(start(folder))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(ANSWER_SECONDS + 1)
        return (await starting)[0]

    started = asyncio.run(main())
    assert (started.way, started.why) == ("warm", "")


@contextlib.contextmanager
def after(seconds, act):
    """Call a function after a time, unless the block has ended: frees a blocked loop."""
    timer = threading.Timer(seconds, act)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


@pytest.mark.parametrize("preloaded", ["slow", "nothing"])
def test_300_starts_at_once_of_a_fresh_process(folder, slow_module, preloaded):
    """A7: the loop is not blocked, each start ends in time, and the next one is warm."""
    environment, gate = slow_module
    if preloaded == "nothing":
        environment = {}

    async def main():
        with after(60, gate.touch):
            made = await asyncio.gather(*(start(folder, environment) for _ in range(300)))
        assert not gate.exists()
        gate.touch()
        await async_until(ready, "the interpreter")
        return made, (await start(folder, environment))[0]

    made, last = asyncio.run(main())
    ways = {started.way for started, _ in made}
    assert ways == {"cold"} if preloaded == "slow" else "warm" in ways
    assert max(seconds for _, seconds in made) < LONGEST_WAIT_SECONDS
    assert (last.way, last.why) == ("warm", "")


def test_a_queue_that_is_full_blocks_no_loop(folder):
    """A7: the loop does not block on requests to a suspended interpreter."""
    LAUNCHER.prepare(os.environ)
    asked = ready()
    asked.process.send(signal.SIGSTOP)
    with pytest.raises(BlockingIOError):
        while True:  # like starts of other threads
            asked._control.send(b"x", socket.MSG_DONTWAIT)

    async def main():
        with pytest.raises(ReplaceError, match="suspended"):
            await asked.fork({"kind": "script"})

    with after(30, asked.kill):
        asyncio.run(main())
    started, _ = asyncio.run(start(folder))
    assert started.way == "warm", started.why


def test_descriptors_that_run_out_are_not_the_interpreters_fault(folder, monkeypatch):
    """A7: a resource that this process lacks makes its start cold; the interpreter stays."""
    LAUNCHER.prepare(os.environ)
    asked = ready()

    def refuses(*arguments):
        raise OSError(errno.EMFILE, "Too many open files")

    async def main():
        with monkeypatch.context() as patch:
            patch.setattr("nbrunner.launch.warm.interpreter.socket.socketpair", refuses)
            with pytest.raises(NoForkError, match=r"could not be reached: .*Too many open files"):
                await asked.fork({"kind": "script"})

    asyncio.run(main())
    started, _ = asyncio.run(start(folder))
    assert started.way == "warm"
    assert interpreter() is asked


def test_threads_and_loops_share_one(folder):
    """A5: concurrent starts of several loops share one interpreter."""
    LAUNCHER.prepare(os.environ)
    ways = []

    def main():
        ways.append(asyncio.run(start(folder))[0].way)

    threads = [threading.Thread(target=main) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ways == ["warm"] * 8
    assert len(LAUNCHER._zygotes) == 1


def test_records_of_runs_are_as_before_a_replacement(runner):
    """A5: complete runs, before and after the interpreter is killed twice."""
    next_is_warm(runner)
    for _ in range(2):
        interpreter().process.send(signal.SIGKILL)
        next_is_warm(runner)
    assert len(list(registry.directories())) == 3
