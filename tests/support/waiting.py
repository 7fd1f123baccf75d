"""Waiting for conditions, with a deadline that names what did not come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Far beyond what a slow machine needs; only a fault reaches it.
_DEADLINE_SECONDS = 60.0
_LOOK_SECONDS = 0.005


def until(condition: Callable[[], T], what: str = "the condition") -> T:
    """Block until a condition holds, and return what it gave."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(_LOOK_SECONDS)
    return value


async def async_until(condition: Callable[[], T], what: str = "the condition") -> T:
    """Do as `until` on the running event loop."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come"
        await asyncio.sleep(_LOOK_SECONDS)
    return value


def whole(file: Path) -> str:
    """Return the text of a file whose writer ends it with a line end; empty before."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return ""
    return text if text.endswith("\n") else ""
