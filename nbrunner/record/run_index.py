"""An index of ended runs: the record of each flow and run id.

One line per run, appended by its supervisor at the end::

    <name of the record> TAB <flow> TAB <run id> TAB <checksum of the line so far>

The record directories remain the truth. A record without a line is read itself: the run is active
or lost, an older nbrunner wrote the record, or the writer was killed. A line without a record, or
one that a network file system has torn, is ignored. The line of an ended run never changes. The
supervisor imports this module, so it uses the standard library alone.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

from nbrunner.record import private, run_directory
from nbrunner.record.run_directory import RunDirectory

INDEX = ".ended"

#: Flow and run id; both empty for a run that ended before it had an id.
Names = tuple[str, str]


def read(runs: Path) -> dict[str, Names]:
    """Return the name of each indexed record -> flow and run id."""
    try:
        data = private.read_bytes(runs / INDEX)
    except OSError:  # it does not exist, or is not this user's: each record is read instead
        return {}
    found = {}
    for line in data.split(b"\n"):
        content, _, checksum = line.rpartition(b"\t")
        if checksum == b"%08x" % zlib.crc32(content):
            fields = content.decode("utf-8", "replace").split("\t")
            if len(fields) >= 3:  # a newer nbrunner may add fields
                name, flow, run_id = fields[:3]
                found[name] = (flow, run_id)
    return found


def names_of(directory: RunDirectory) -> Names | None:
    """Return flow and run id of a run that has ended; None if the end or the id is uncertain."""
    if directory.read(run_directory.EXIT) is None:
        return None
    attributes = directory.read(run_directory.ATTRIBUTES)
    if attributes is None:
        return None if directory.exists(run_directory.ATTRIBUTES) else ("", "")
    return str(attributes["flow_name"]), str(attributes["run_id"])


def add(runs: Path, entries: Mapping[str, Names]) -> None:
    """Append records of ended runs; if that fails, readers continue to read each record."""
    data = b"".join(_line(name, *names) for name, names in entries.items())
    if not data:
        return
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with open(private.open_file(runs / INDEX, flags), "ab", buffering=0) as file:
            file.write(data)  # in one call: other processes append at the same time


def _line(*names: str) -> bytes:
    # Runs whose names do not fit in a line are found by reading their records.
    if any("\t" in each or "\n" in each or not each.isprintable() for each in names):
        return b""
    content = "\t".join(names).encode()
    return b"%s\t%08x\n" % (content, zlib.crc32(content))


def note_end(directory: RunDirectory) -> None:
    """Add a run whose exit record has been written."""
    names = names_of(directory)
    if names is not None:
        add(directory.path.parent, {directory.name: names})


def drop_deleted(runs: Path) -> None:
    """Remove the lines of deleted records."""
    known, there = read(runs), set(os.listdir(runs))
    kept = {name: names for name, names in known.items() if name in there}
    if len(kept) < len(known):
        data = b"".join(_line(name, *names) for name, names in kept.items())
        # A line that another process appends now is lost; its record is then read and added again.
        with contextlib.suppress(OSError):
            private.replace(runs / INDEX, runs / f"{INDEX}.{os.getpid()}", data)
