"""Running a coroutine from blocking code: results, errors, output, interrupts."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import threading
import time
from typing import Any

import pytest
from support.waiting import until

from nbrunner.aio.blocking import Output, drive
from nbrunner.aio.inotify import changes_in

pytestmark = pytest.mark.once


class Recorder(io.TextIOBase):
    """A stream that records, in a shared list, each text that is written and its writer."""

    def __init__(self, name, written):
        self._name = name
        self._written = written

    def write(self, text):
        self._written.append((self._name, text, threading.current_thread().name))
        return len(text)


@pytest.fixture
def record(monkeypatch):
    """Return a function that starts to record, as pytest sets its own streams before a test."""

    def begin():
        found: list[Any] = []
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(sys, name, Recorder(name, found))
        return found

    return begin


def working():
    """Return the living threads of blocking calls.

    Of one whose join was interrupted, Python 3.11 holds that it has ended: it cannot be joined.
    """
    return [each for each in threading.enumerate() if each.name == "nbrunner-blocking"]


def test_the_result_is_the_coroutines():
    async def answer(output):
        await asyncio.sleep(0)
        return 42

    assert drive(answer) == 42


def test_an_error_is_the_coroutines():
    async def fail(output):
        raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose"):
        drive(fail)


def test_an_error_that_is_kept_keeps_no_descriptor_open(tmp_path):
    async def fail(output):
        with changes_in(tmp_path) as changes:
            await changes.wait()
            raise LookupError("on purpose")

    before = os.listdir("/proc/self/fd")
    with pytest.raises(LookupError) as kept:
        drive(fail)
    assert os.listdir("/proc/self/fd") == before
    assert kept.value


def test_it_works_where_a_loop_runs_already_and_in_any_thread():
    async def answer(output):
        return threading.current_thread().name

    async def main():
        return drive(answer), await asyncio.to_thread(drive, answer)

    assert asyncio.run(main()) == ("nbrunner-blocking", "nbrunner-blocking")


def test_the_calling_thread_prints_in_order(record):
    written = record()

    async def talk(output):
        for number in range(100):
            output.write("stderr" if number % 10 == 0 else "stdout", f"{number}\n")
            if number % 7 == 0:
                await asyncio.sleep(0)

    drive(talk)
    assert {thread for _, _, thread in written} == {threading.current_thread().name}
    lines = [(name, line) for name, text, _ in written for line in text.split()]
    assert lines == [("stderr" if n % 10 == 0 else "stdout", str(n)) for n in range(100)]


def test_what_was_printed_before_an_error_comes_out(record):
    written = record()

    async def fail(output):
        output.write("stdout", "said\n")
        raise LookupError

    with pytest.raises(LookupError):
        drive(fail)
    assert [text for _, text, _ in written] == ["said\n"]


def test_what_comes_together_is_written_together_one_write_a_stream(record):
    written = record()

    output = Output()
    for stream in ("stdout", "stdout", "stderr", "stderr", "stdout"):
        output.write(stream, f"{stream}\n")
    output.close()
    output.pump()
    assert [(name, text) for name, text, _ in written] == [
        ("stdout", "stdout\n" * 2),
        ("stderr", "stderr\n" * 2),
        ("stdout", "stdout\n"),
    ]


def test_a_line_is_printed_while_the_coroutine_goes_on(record):
    written = record()

    async def talk(output):
        output.write("stdout", "early\n")
        while not written:
            await asyncio.sleep(0.001)
        return list(written)

    assert drive(talk)[0][:2] == ("stdout", "early\n")


def test_an_interrupt_cancels_the_coroutine_and_waits_for_its_end():
    ended = []

    async def wait(output):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        drive(wait)
    assert ended == [True]


def test_a_second_interrupt_does_not_wait():
    release = threading.Event()
    over = threading.Event()

    async def stubborn(output):
        main = threading.main_thread().ident
        signal.pthread_kill(main, signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            signal.pthread_kill(main, signal.SIGINT)
            while not release.is_set():
                await asyncio.sleep(0.001)
            over.set()

    with pytest.raises(KeyboardInterrupt):
        drive(stubborn)
    assert not over.is_set()
    release.set()
    assert over.wait(10)
    until(lambda: not working(), "the end of its thread")


# Python cannot raise an interrupt that arrives while it deletes the ended thread or loop: it
# reports it there and continues, and the call returns its result.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in.*(_remove|__del__):pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.slow
def test_an_interrupt_at_any_moment_is_a_keyboard_interrupt_and_leaves_no_thread():
    """The outcome is the same before the worker has begun, while it works and when it ends."""

    async def brief(output):
        await asyncio.sleep(0.002)

    outcomes = {"finished": 0, "interrupted": 0}
    for number in range(300):
        delay = number % 60 * 0.0001
        timer = threading.Thread(target=_interrupt_after, args=(delay,))
        try:
            timer.start()
            drive(brief)
            timer.join()
            outcomes["finished"] += 1
        except KeyboardInterrupt:
            outcomes["interrupted"] += 1
            timer.join()
    assert outcomes["interrupted"] > 0
    until(lambda: not working(), "the end of its threads")


def _interrupt_after(seconds):
    time.sleep(seconds)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def test_a_broken_stdout_cancels_the_coroutine(monkeypatch):
    class Broken(io.TextIOBase):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Broken())
    ended = []

    async def talk(output):
        output.write("stdout", "said\n")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(BrokenPipeError):
        drive(talk)
    assert ended == [True]
