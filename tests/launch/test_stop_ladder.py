"""The stop ladder: which signal is due when, for a supervisor and for a stop without one."""

from __future__ import annotations

import signal

import pytest

from nbrunner.launch.processes import ProcessIdentity
from nbrunner.launch.stop_ladder import STRAYS, Climb, Rung, StopRequest, rung_of

pytestmark = pytest.mark.once

USUAL = StopRequest("stopped", 10.0, 3.0)
AT_ONCE = StopRequest("stopped", 0.0, 0.0)
PATIENT = StopRequest("stopped", float("inf"), 3.0)

INTERRUPT, TERMINATE, KILL, GIVE_UP = Rung


@pytest.mark.parametrize(
    ("request_", "run_ended", "expected"),
    [
        # The run process is alive: SIGINT and its grace, then SIGTERM, then SIGKILL, then none.
        (USUAL, None, {0: INTERRUPT, 9.9: INTERRUPT, 10: TERMINATE, 12.9: TERMINATE, 13: KILL}),
        (USUAL, None, {15.9: KILL, 16: GIVE_UP, 1e9: GIVE_UP}),
        # It ended after SIGINT: its remaining processes get SIGTERM at once, not after the grace.
        (USUAL, 2.0, {1.9: INTERRUPT, 2: TERMINATE, 4.9: TERMINATE, 5: KILL, 8: GIVE_UP}),
        # It ended by SIGTERM or SIGKILL: the others have had their grace period already.
        (USUAL, 11.0, {9: INTERRUPT, 11: TERMINATE, 13: KILL, 16: GIVE_UP}),
        (USUAL, 14.0, {14: KILL, 16: GIVE_UP}),
        # There is no run process, or it is unknown.
        (USUAL, 0.0, {0: TERMINATE, 2.9: TERMINATE, 3: KILL, 6: GIVE_UP}),
        (STRAYS, None, {0: TERMINATE, 2.9: TERMINATE, 3: KILL, 6: GIVE_UP}),
        (AT_ONCE, None, {0: KILL, 2.9: KILL, 3: GIVE_UP}),
        (AT_ONCE, 0.0, {0: KILL, 3: GIVE_UP}),
        (PATIENT, None, {0: INTERRUPT, 1e9: INTERRUPT}),
        (PATIENT, 5.0, {5: TERMINATE, 8: KILL, 11: GIVE_UP}),
    ],
)
def test_what_is_due(request_, run_ended, expected):
    assert {waited: rung_of(request_, waited, run_ended) for waited in expected} == expected


def test_the_moments_of_a_climb_count_from_its_begin():
    climb = Climb(USUAL, now=1000.0)
    assert climb.rung(1009.0) is INTERRUPT
    climb.run_has_ended(1009.0)
    climb.run_has_ended(1009.5)
    assert climb.rung(1009.0) is TERMINATE
    assert climb.rung(1012.0) is KILL
    assert climb.rung(1015.0) is GIVE_UP


def test_each_process_is_sent_each_signal_once_and_only_what_arrived_counts(monkeypatch):
    sent = []

    def send(self, signum):
        sent.append((self.pid, signum))
        return self.pid != 3  # ended, or another user's

    monkeypatch.setattr(ProcessIdentity, "send", send)
    run, task, sudo = (ProcessIdentity(pid, "1") for pid in (1, 2, 3))
    climb = Climb(USUAL, now=0.0)
    climb.note(INTERRUPT, run)
    climb.send(TERMINATE, [run, task])
    climb.send(TERMINATE, [task, sudo])
    climb.send(KILL, [task, sudo])
    climb.send(GIVE_UP, [sudo])
    term, kill = signal.SIGTERM, signal.SIGKILL
    assert sent == [(1, term), (2, term), (3, term), (2, kill), (3, kill)]
    assert [climb.has_reached(each) for each in (run, task, sudo)] == [True, True, False]
    assert climb.report(16.0, left=1) == {
        "signals": ["SIGINT", "SIGTERM", "SIGKILL"],
        "terminated": 2,
        "killed": 1,
        "left": 1,
        "stop_seconds": 16.0,
    }


def test_a_climb_without_a_run_process_interrupts_nothing():
    climb = Climb(USUAL, now=7.0)
    climb.run_has_ended(7.0)
    assert climb.rung(7.0) is TERMINATE
    assert climb.signals == []
