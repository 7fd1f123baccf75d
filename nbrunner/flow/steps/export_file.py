"""Writes exported flow files; a file that the user wrote or edited is kept."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from nbrunner.environment import absolute
from nbrunner.errors import BadValueError, StateError
from nbrunner.record import private, registry


def write_exported(given: str, text: str, force: bool = False) -> Path:
    """Write a flow file and return its path.

    The state directory keeps a digest of what was written, by path: a file with other content is
    not ours. The exported file itself contains nothing about its origin.

    Parameters
    ----------
    given : str
        Path of the file; relative paths start at the current directory.
    text : str
        The flow file.
    force : bool
        Overwrite a file with other content.

    Raises
    ------
    BadValueError
        The path is not that of a Python file, cannot be written, or has other content.
    """
    path = Path(os.path.normpath(absolute(given)))
    if path.suffix != ".py":
        raise BadValueError(f"{given!r}: the name of a flow file ends in .py")
    data = text.encode()
    note = registry.folder("exports") / hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
    try:
        before = path.read_bytes() if path.exists() else None
        if before not in (None, data) and not force and _noted(note) != _digest(before):
            raise BadValueError(
                f"{given} exists and is not, or no longer, what was exported to it; "
                "--force overwrites it"
            )
        if before != data:
            path.write_bytes(data)
    except OSError as error:
        raise BadValueError(f"cannot write {given}: {error.strerror or error}") from error
    try:
        private.replace(note, note.with_name(f".{secrets.token_hex(4)}"), _digest(data))
    except OSError as error:
        raise StateError(f"cannot write {note}: {error}") from error
    return path


def _digest(data: bytes | None) -> bytes:
    return hashlib.sha256(data or b"").hexdigest().encode()


def _noted(note: Path) -> bytes:
    return private.read_bytes(note) if note.exists() else b""
