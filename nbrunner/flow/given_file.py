"""Identifies and reads files given by the user without ever blocking on them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

FILE = "a file"
NOTHING = "nothing"

_KINDS = {
    stat.S_IFREG: FILE,
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

#: Reading these may never end.
ENDLESS = frozenset({"a named pipe", "a socket", "a device"})


def kind_of_file(given: str | os.PathLike[str] | int) -> str:
    """Return `FILE`, `NOTHING`, or another kind: ``"a named pipe"``, ``"a directory"``.

    Invalid file names, such as too long ones, count as `NOTHING`.

    Parameters
    ----------
    given : path-like or int
        Path, or descriptor of an open file.
    """
    try:
        mode = os.stat(given).st_mode
    except (OSError, ValueError):
        return NOTHING
    return _KINDS.get(stat.S_IFMT(mode), "a file of an unknown kind")


def read_given(path: Path) -> bytes:
    """Return the content of a file.

    Raises
    ------
    OSError
        It cannot be read, or is not a regular file: reading a named pipe might never end.
    """
    # Without O_NONBLOCK, opening a named pipe waits for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        kind = kind_of_file(descriptor)
        if kind == _KINDS[stat.S_IFDIR]:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if kind != FILE:
            raise OSError(errno.EINVAL, f"it is {kind}", str(path))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)
