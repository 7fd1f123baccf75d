"""Jobs are executed one after another, even if an earlier one has failed."""

from __future__ import annotations

import threading

import pytest
from support.waiting import until

from nbrunner.jupyter.kernel.serial_executors import Aside, InTurn

pytestmark = pytest.mark.once


def test_what_comes_while_one_is_at_it_is_done_though_that_one_fails():
    submit, done = InTurn(), []

    def failing():
        submit(lambda: done.append("first"))
        submit(lambda: done.append("second"))
        assert done == []
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        submit(failing)
    assert done == ["first", "second"]
    submit(lambda: done.append("third"))
    assert done == ["first", "second", "third"]


def test_aside_what_waits_behind_one_that_fails_is_done(monkeypatch):
    told, done, go = [], [], threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda wrong: told.append(wrong.exc_value))

    def failing():
        go.wait()
        raise ValueError("mine")

    aside = Aside("nbrunner-test")
    aside(failing)
    aside(lambda: done.append("first"))
    aside(failing)
    aside(lambda: done.append("second"))
    go.set()
    until(lambda: len(done) == 2, "the works behind")
    assert done == ["first", "second"]
    until(lambda: "nbrunner-test" not in {each.name for each in threading.enumerate()})
    assert [str(each) for each in told] == ["mine", "mine"]
