"""Seconds as people read them; the panels' js/src/core/duration.ts does the same."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Return a time as on a clock, for what still goes on: ``0:42``, ``1:02:03``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def took(seconds: float) -> str:
    """Return the time of what is over, and so is known better: ``0.42 s``, ``12.3 s``, ``3:05``."""
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < 59.95 else clock(round(seconds))


def elapsed(seconds: float | None, status: str) -> str:
    """Return how long a run has taken, or takes so far; empty where nobody knows.

    Parameters
    ----------
    seconds : float or None
    status : str
        Of the run, in the words of a badge or of the API.
    """
    if seconds is None:
        return ""
    return clock(seconds) if status in ("running", "starting") else took(seconds)
