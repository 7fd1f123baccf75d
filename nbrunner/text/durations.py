"""Formatting of durations; js/src/core/duration.ts does the same in the browser.

Clocks of two processes may differ: a time below zero is shown as none.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal


def clock(seconds: float | Decimal) -> str:
    """Return a running time in whole seconds: ``0:42``, ``1:02:03``."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def took(seconds: float) -> str:
    """Return a final duration, more precise if short: ``0.42 s``, ``12.3 s``, ``3:05``."""
    if seconds < 9.995:
        return f"{_rounded(max(0.0, seconds), '0.01')} s"
    return f"{_rounded(seconds, '0.1')} s" if seconds < 59.95 else clock(_rounded(seconds, "1"))


def _rounded(seconds: float, to: str) -> Decimal:
    """Return seconds rounded as in JavaScript: halves are rounded up."""
    return Decimal(seconds).quantize(Decimal(to), ROUND_HALF_UP)


def elapsed(seconds: float | None, status: str) -> str:
    """Return the duration of a run, up to now if it is running; empty if unknown.

    Parameters
    ----------
    seconds : float or None
        Duration in seconds.
    status : str
        State of the run, by label or API name.
    """
    if seconds is None:
        return ""
    return clock(seconds) if status in ("running", "starting") else took(seconds)
