"""What a warm interpreter does before it imports anything that takes long."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # typing takes long
if TYPE_CHECKING:
    from collections.abc import Mapping


def take() -> None:
    """Start the interpreter once more if Python has chosen a locale; turn the collector off.

    Without a named locale Python chooses one and sets a variable for it (PEP 538). A cold run is
    started by a supervisor, which is another Python, so it finds that variable in its environment.
    """
    *set_by_python, descriptor = sys.argv[1:]
    added = differing(os.environ, started_with())
    if added and not set_by_python:
        os.execv(sys.executable, [*sys.orig_argv[:-1], *added, descriptor])
    # Nothing that metaflow's import makes is garbage; see preload() in zygote.py.
    gc.disable()


def started_with() -> dict[str, str]:
    """Return the environment that this process was started with."""
    with open("/proc/self/environ", "rb") as file:
        block = file.read()
    pairs = (os.fsdecode(entry).partition("=") for entry in block.split(b"\0") if entry)
    return {name: value for name, _equals, value in pairs}


def differing(now: Mapping[str, str], then: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that have been set or changed."""
    return {name: value for name, value in now.items() if then.get(name) != value}
