"""Decides whether to ask a warm interpreter, start cold, or replace it. Pure.

No start waits for an interpreter that will not answer in time. An interpreter that ends or hangs
is always replaced, after a pause that grows while replacements fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# The file, in the state directory, with the output of all warm interpreters of this user.
ZYGOTE_LOG = "zygote.log"

# How long after its start an interpreter that is still importing is worth waiting for. Importing
# metaflow takes 0.2 to 0.8 s, and a cold run does it at least three times: within this time,
# waiting is faster than a cold start. No run waits for modules of `preload` that take longer.
WAIT_SECONDS = 2.0

# The same in real time, if the interpreter gets little CPU time on a busy machine.
LONGEST_WAIT_SECONDS = 20.0

# An interpreter forks in milliseconds. After this time without an answer to any request it hangs.
ANSWER_SECONDS = 5.0

# Longer than any import should take: after this time the interpreter is replaced.
IMPORT_LIMIT_SECONDS = 900.0

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Sight:
    """The state of a warm interpreter at one moment, as its owner sees it.

    Attributes
    ----------
    alive : bool
        Whether the process is running.
    suspended : bool
        Whether a signal has stopped it (SIGSTOP).
    ready : bool
        Whether it has imported everything and accepts requests.
    age_seconds : float
        Time since its start.
    waited_for_cpu_seconds : float
        The part of that time in which it was ready to run but had no CPU.
    silent_seconds : float
        How long it has not answered any request while one is waiting; 0 if none is.
    """

    alive: bool = True
    suspended: bool = False
    ready: bool = True
    age_seconds: float = 0.0
    waited_for_cpu_seconds: float = 0.0
    silent_seconds: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """How to handle a start, and why.

    Attributes
    ----------
    do : "ask", "cold" or "replace"
        Ask the interpreter and wait for its answer; start cold while the interpreter continues
        to import; or end the interpreter and start another one.
    why : str
        The reason; empty for "ask".
    """

    do: Literal["ask", "cold", "replace"]
    why: str = ""


def verdict(sight: Sight, preloaded: Sequence[str] = ()) -> Verdict:
    """Return how to handle a start.

    Parameters
    ----------
    sight : Sight
        The state of the interpreter.
    preloaded : sequence of str
        The modules that the interpreter imports in addition to metaflow.
    """
    if not sight.alive:
        return Verdict("replace", ended(sight.ready, preloaded))
    if sight.suspended:
        return Verdict("replace", "the warm interpreter was suspended by a signal")
    if sight.ready:
        if sight.silent_seconds <= ANSWER_SECONDS:
            return Verdict("ask")
        return Verdict("replace", f"the warm interpreter did not answer for {ANSWER_SECONDS:g} s")
    still = f"the warm interpreter is still importing {_imports(preloaded)}"
    if sight.age_seconds > IMPORT_LIMIT_SECONDS:
        return Verdict("replace", f"{still} after {sight.age_seconds:.0f} s")
    own_seconds = sight.age_seconds - sight.waited_for_cpu_seconds
    if own_seconds <= WAIT_SECONDS and sight.age_seconds <= LONGEST_WAIT_SECONDS:
        return Verdict("ask")
    return Verdict("cold", f"{still}, {sight.age_seconds:.1f} s after its start")


def ended(ready: bool, preloaded: Sequence[str]) -> str:
    """Return the message about an interpreter that has ended."""
    if ready:
        return "the warm interpreter ended"
    return f"the warm interpreter ended while it imported {_imports(preloaded)}; see {ZYGOTE_LOG}"


def pause_seconds(failures: int) -> float:
    """Return the pause, after that many failures in a row, before another interpreter is started.

    There is none after the first failure, as the interpreter may have been killed.
    """
    if failures < 2:
        return 0.0
    # The exponent is bounded, as a float would overflow.
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 2, 30), _LONGEST_PAUSE_SECONDS)


def _imports(preloaded: Sequence[str]) -> str:
    *names, last = ("metaflow", *preloaded)
    return f"{', '.join(names)} and {last}" if names else last
