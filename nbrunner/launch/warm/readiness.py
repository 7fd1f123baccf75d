"""Whether to ask a warm interpreter, start cold, or replace it. Pure.

No start waits for an interpreter that will not serve it in time, and no interpreter is given
up for good: one that ends or hangs is replaced, after a pause that grows while replacements
keep failing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# In the state directory: what the interpreters of all processes of this user print.
ZYGOTE_LOG = "zygote.log"

# How long after its start an interpreter that still imports is worth waiting for. Importing
# metaflow takes 0.2 to 0.8 s, and a cold run does it three times or more: within this time,
# waiting is faster than a cold start. Modules of `preload` that take longer hold up nobody.
WAIT_SECONDS = 2.0

# The same by the clock, where a busy machine leaves the interpreter little CPU time.
LONGEST_WAIT_SECONDS = 20.0

# An interpreter forks in milliseconds. Beyond this time without an answer to anyone it hangs.
ANSWER_SECONDS = 5.0

# Longer than any import that ends: beyond this the interpreter is replaced.
IMPORT_LIMIT_SECONDS = 900.0

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Sight:
    """What its owner sees of a warm interpreter at one moment.

    Attributes
    ----------
    alive : bool
    suspended : bool
        Whether a signal has stopped it (SIGSTOP).
    ready : bool
        Whether it has imported everything and accepts requests.
    age_seconds : float
        Time since its start.
    waited_for_cpu_seconds : float
        The part of that time in which it could have run but had no CPU.
    silent_seconds : float
        How long it has answered nobody while a request waits; 0 before the request is made.
    """

    alive: bool = True
    suspended: bool = False
    ready: bool = True
    age_seconds: float = 0.0
    waited_for_cpu_seconds: float = 0.0
    silent_seconds: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """What to do about a start, and why if it is not to ask the interpreter.

    Attributes
    ----------
    do : "ask", "cold" or "replace"
        Ask the interpreter and wait for its answer; start cold and leave the interpreter to
        its import; or end the interpreter, which another one replaces.
    why : str
    """

    do: Literal["ask", "cold", "replace"]
    why: str = ""


def verdict(sight: Sight, preloaded: Sequence[str] = ()) -> Verdict:
    """Return what to do about a start.

    Parameters
    ----------
    preloaded : sequence of str
        The modules that the interpreter imports beside metaflow.
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
    """Return what is said of an interpreter that has ended."""
    if ready:
        return "the warm interpreter ended"
    return f"the warm interpreter ended while it imported {_imports(preloaded)}; see {ZYGOTE_LOG}"


def pause_seconds(failures: int) -> float:
    """Return how long to wait, after so many failures in a row, before starting another one.

    There is no pause after the first failure: the interpreter may have been killed.
    """
    if failures < 2:
        return 0.0
    # The exponent is bounded: a float is not.
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 2, 30), _LONGEST_PAUSE_SECONDS)


def _imports(preloaded: Sequence[str]) -> str:
    *names, last = ("metaflow", *preloaded)
    return f"{', '.join(names)} and {last}" if names else last
