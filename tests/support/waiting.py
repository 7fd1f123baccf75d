"""Waiting for conditions, with a deadline that names the missing one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Far longer than a slow machine needs: only a fault exceeds it.
_DEADLINE_SECONDS = 60.0
_LOOK_SECONDS = 0.005


def until(condition: Callable[[], T], what: str = "the condition") -> T:
    """Block until a condition holds, and return its value."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(_LOOK_SECONDS)
    return value


async def async_until(condition: Callable[[], T], what: str = "the condition") -> T:
    """Wait like `until`, without blocking the running event loop."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come"
        await asyncio.sleep(_LOOK_SECONDS)
    return value


def whole(file: Path) -> str:
    """Return the text of a file that its writer ends with a newline; empty before that."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return ""
    return text if text.endswith("\n") else ""
