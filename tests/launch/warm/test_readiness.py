"""How a start is handled, depending on the state of the warm interpreter."""

from __future__ import annotations

import pytest

from nbrunner.launch.warm.readiness import (
    ANSWER_SECONDS,
    IMPORT_LIMIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    WAIT_SECONDS,
    Sight,
    pause_seconds,
    verdict,
)

pytestmark = pytest.mark.once

READY, IMPORTING = {"ready": True}, {"ready": False}
LATE = {"age_seconds": WAIT_SECONDS + 0.1}


@pytest.mark.parametrize(
    ("sight", "do", "why"),
    [
        (READY, "ask", ""),
        (READY | {"silent_seconds": ANSWER_SECONDS}, "ask", ""),
        (READY | {"silent_seconds": ANSWER_SECONDS + 0.1}, "replace", "did not answer for 5 s"),
        (READY | {"alive": False}, "replace", "the warm interpreter ended"),
        (READY | {"suspended": True}, "replace", "suspended by a signal"),
        (READY | {"age_seconds": 1e6}, "ask", ""),
        (IMPORTING, "ask", ""),
        (IMPORTING | {"age_seconds": WAIT_SECONDS}, "ask", ""),
        (IMPORTING | LATE, "cold", "is still importing metaflow, numpy and torch, 2.1 s after"),
        (IMPORTING | LATE | {"waited_for_cpu_seconds": 0.2}, "ask", ""),
        (
            IMPORTING | {"age_seconds": 1.0, "silent_seconds": ANSWER_SECONDS + 1},
            "ask",
            "",
        ),
        (
            IMPORTING | {"age_seconds": LONGEST_WAIT_SECONDS + 1, "waited_for_cpu_seconds": 100.0},
            "cold",
            "is still importing",
        ),
        (IMPORTING | {"age_seconds": IMPORT_LIMIT_SECONDS}, "cold", "is still importing"),
        (IMPORTING | {"age_seconds": IMPORT_LIMIT_SECONDS + 1}, "replace", "after 901 s"),
        (IMPORTING | {"suspended": True}, "replace", "suspended by a signal"),
        (
            IMPORTING | LATE | {"alive": False},
            "replace",
            "ended while it imported metaflow, numpy and torch; see zygote.log",
        ),
    ],
)
def test_what_is_done(sight, do, why):
    """A5, A6, B15: ask, start cold or replace, depending on the interpreter's state."""
    found = verdict(Sight(**sight), ["numpy", "torch"])
    assert found.do == do
    assert why in found.why
    assert bool(found.why) == (do != "ask")


def test_the_pause_grows_to_a_limit_and_there_is_none_after_the_first_failure():
    """A5: an interpreter that fails repeatedly is still started again, at growing intervals."""
    pauses = [pause_seconds(failures) for failures in range(12)]
    assert pauses == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert pause_seconds(10**6) == 60
