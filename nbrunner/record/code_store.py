"""Texts of the code that runs executed, stored once for each content.

A run's record names its files and the digests of their contents; the contents are in the folder
``code`` of the state directory. Supervisors delete contents that no run needs, so this module
imports the standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from nbrunner.record import private

_DIGITS = 32


def folder_beside(runs: Path) -> Path:
    """Return the folder of the contents, given the folder of the run directories."""
    return runs.parent / "code"


def store(folder: Path, files: Mapping[str, bytes]) -> dict[str, str]:
    """Store the contents of files and return their digests by path.

    Raises
    ------
    NotPrivateError, OSError
        The folder or a file in it cannot be written.
    """
    private.make_folder(folder)
    noted = {}
    for path, content in files.items():
        digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
        file = folder / digest
        try:
            os.utime(file)  # its age counts from its latest use
        except FileNotFoundError:
            private.replace(file, folder / f".{secrets.token_hex(4)}", content)
        noted[path] = digest
    return noted


def read(folder: Path, noted: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of a run's files by path, without those that were deleted or damaged."""
    found = {}
    for path, digest in noted.items():
        with contextlib.suppress(OSError):
            content = private.read_bytes(folder / digest)
            if hashlib.sha256(content).hexdigest()[:_DIGITS] == digest:
                found[path] = content.decode("utf-8", "replace")
    return found


def touch(folder: Path, noted: Mapping[str, str]) -> None:
    """Make contents count as used now, because their run has just ended."""
    for digest in noted.values():
        with contextlib.suppress(OSError):  # deleted, or another user's
            os.utime(folder / digest, follow_symlinks=False)


def expire(folder: Path, max_age_seconds: float, needed: Collection[str]) -> None:
    """Delete contents that were last used too long ago, except those that active runs need."""
    oldest = time.time() - max_age_seconds
    for file in _contents(folder):
        with contextlib.suppress(OSError):  # deleted by another supervisor
            if file.name not in needed and file.lstat().st_mtime < oldest:
                file.unlink()


def _contents(folder: Path) -> Iterator[Path]:
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        digest = name.removeprefix(".")  # one that was being written when its writer was killed
        if len(digest) in (8, _DIGITS) and set(digest) <= set("0123456789abcdef"):
            yield folder / name
