"""Whether Arrow, which pandas imports, could tell that the interpreter was not finalized.

Most of pyarrow's objects are not visible to the collector. The streams among them that hold data
back until they are deleted (``BufferedOutputStream``, ``CompressedOutputStream``; see Arrow's
``io/buffered.cc`` and ``io/compressed.cc``) have a buffer of a memory pool from the time that they
are made. So none is alive if no memory of any pool is in use. What else Arrow does when a process
exits is to stop its threads and to print what some variables ask for.
"""

from __future__ import annotations

import os
import sys
from typing import Any

PACKAGE = "pyarrow"

# Extension modules and libraries that compute; the others read and write files or the network.
_COMPUTING = (
    *("lib.", "_compute.", "libarrow.", "libarrow_acero.", "libarrow_compute."),
    *("libarrow_dataset.", "libarrow_python.", "libarrow_substrait.", "libparquet."),
)
OF_COMPUTING = frozenset({"pyarrow.lib", "pyarrow._compute"})

# Types that the collector sees, and that have an effect when they are deleted.
_OF_FILES = frozenset({"OSFile", "PythonFile", "MemoryMappedFile", "SignalStopHandler"})

# Allocators print statistics at the end.
_VARIABLES = ("ARROW_", "MIMALLOC_", "MALLOC_", "JE_")
_POOLS = ("system_memory_pool", "jemalloc_memory_pool", "mimalloc_memory_pool")


def is_known_library(name: str) -> bool:
    """Return whether a file of the package, by its name, is one that computes."""
    return name.startswith(_COMPUTING)


def is_known_type(cls: type) -> bool:
    """Return whether a type of the package only holds memory, as far as the collector sees it."""
    return cls.__module__ in OF_COMPUTING and cls.__qualname__ not in _OF_FILES


def arrow_reason() -> str | None:
    """Return why the interpreter must be finalized; None if Arrow could not tell."""
    arrow: Any = sys.modules.get("pyarrow.lib")
    if arrow is None:
        return None
    if any(name.startswith(_VARIABLES) for name in os.environ):
        return "a variable may ask Arrow for statistics"
    if len(os.listdir("/proc/self/task")) > 1:
        return "Arrow may have threads"
    return "Arrow has memory in use" if _bytes_in_use(arrow) else None


def _bytes_in_use(arrow: Any) -> int:
    """Return how many bytes of all memory pools are in use."""
    found = arrow.default_memory_pool().bytes_allocated()
    for name in _POOLS:
        try:
            found += getattr(arrow, name)().bytes_allocated()
        except NotImplementedError:  # not built with this allocator
            continue
    return int(found)
