"""Folders and files that belong to this user alone: the one place that opens them.

The state directory holds logs, parameters and flow files that are executed. Other users must
neither write there nor have what they put there used. So folders are created with mode 0700 and
files with mode 0600 whatever the umask, and whatever is there already is used only if it belongs
to this user and is no link. A supervisor uses this module: it imports the standard library alone.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

# More than any JSON file of ours; a larger one is not worth the memory.
MAX_BYTES = 64 * 1024 * 1024


class NotPrivateError(PermissionError):
    """A folder or file of the state directory may hold what another user has put there.

    Attributes
    ----------
    what : str
        What is wrong, without the command that mends it.
    moves : bool
        Whether that command moves or removes what is there: no advice where it may not be
        nbrunner's own.
    """

    what = ""
    moves = False


def _refused(path: Path, what: str, command: str) -> NotPrivateError:
    name = shlex.quote(str(path))
    mend = f"; to fix it: {command.format(name)}" if command else ""
    error = NotPrivateError(errno.EPERM, what + mend, str(path))
    error.what, error.moves = what, command in (_ASIDE, _UNLINK)
    return error


# Nothing of somebody's is deleted by following these.
_ASIDE = "mv {0} {0}.old"
_UNLINK = "rm {0}"


def check_folder(path: Path, may_be_link: bool = False) -> None:
    """Raise unless a folder belongs to this user and nobody else can write to it.

    Parameters
    ----------
    path : Path
    may_be_link : bool
        Whether a link to such a folder is fine: for a folder that the user has chosen.

    Raises
    ------
    NotPrivateError
        The message says what is wrong and, where one can, names the command that mends it.
    OSError
        It is not there.
    """
    facts = path.stat() if may_be_link else path.lstat()
    if stat.S_ISLNK(facts.st_mode):
        raise _refused(path, "is a link", _UNLINK)
    if not stat.S_ISDIR(facts.st_mode):
        raise _refused(path, "is not a folder", _ASIDE)
    if facts.st_uid != os.geteuid():
        whose = f"belongs to another user (uid {facts.st_uid})"
        raise _refused(path, whose, "" if may_be_link else _ASIDE)
    if facts.st_mode & _OTHERS_WRITE:
        mode = f"{stat.S_IMODE(facts.st_mode):04o}"
        raise _refused(
            path,
            f"can be written by other users (mode {mode}), who may have put files there",
            "look through it, then chmod -R go-w {0}",
        )


def check_owner(path: Path) -> None:
    """Raise unless what is at a path is this user's, and no link.

    Raises
    ------
    NotPrivateError, OSError
        See `check_folder`.
    """
    facts = path.lstat()
    if stat.S_ISLNK(facts.st_mode):
        raise _refused(path, "is a link", _UNLINK)
    if facts.st_uid != os.geteuid():
        raise _refused(path, f"belongs to another user (uid {facts.st_uid})", _ASIDE)


def make_folder(path: Path) -> None:
    """Create a folder, and those above it, for this user alone; check one that is there.

    Raises
    ------
    NotPrivateError, OSError
        See `check_folder`.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
    except FileExistsError:
        check_folder(path)
        return
    _set_mode(path, stat.S_IMODE(path.lstat().st_mode), 0o700)


def _set_mode(target: int | Path, mode: int, wanted: int) -> None:
    # A umask may have taken bits that the owner needs.
    if mode != wanted:
        os.chmod(target, wanted)  # noqa: PTH101 (perhaps a descriptor)


def open_file(path: Path, flags: int) -> int:
    """Return the descriptor of a file that belongs to this user, with mode 0600 from now on.

    Parameters
    ----------
    path : Path
    flags : int
        As for `os.open`. ``O_TRUNC`` takes effect once the file is known to be this user's.

    Raises
    ------
    NotPrivateError
        It is a link, another user's, or no regular file; or it is to be written and has other
        names as well. It was not changed.
    OSError
        It cannot be opened.
    """
    ours = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # nobody waits for a named pipe
    try:
        descriptor = os.open(path, (flags & ~os.O_TRUNC) | ours, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP or (error.errno == errno.ENXIO and path.exists()):
            what = "is a link" if error.errno == errno.ELOOP else "is not a regular file"
            raise _refused(path, what, _UNLINK) from error
        raise
    try:
        facts = os.fstat(descriptor)
        _check_file(path, facts, writes=bool(flags & (os.O_APPEND | os.O_TRUNC)))
        if facts.st_mode & _OTHERS or facts.st_mode & 0o600 != 0o600:
            os.fchmod(descriptor, 0o600)
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
        os.set_blocking(descriptor, True)  # a run that gets it sees what a shell would give it
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_file(path: Path) -> None:
    """Raise unless a file, if there is one, is a regular file of this user.

    Raises
    ------
    NotPrivateError
        It is something else: a link, a folder, a named pipe, another user's.
    """
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(facts.st_mode):
        raise _refused(path, "is a link", _UNLINK)
    _check_file(path, facts, writes=False)


def _check_file(path: Path, facts: os.stat_result, writes: bool) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise _refused(path, "is a folder, not a file", _ASIDE)
    if not stat.S_ISREG(facts.st_mode):
        raise _refused(path, "is not a regular file", _UNLINK)
    if facts.st_uid != os.geteuid():
        raise _refused(path, f"belongs to another user (uid {facts.st_uid})", _ASIDE)
    if writes and facts.st_nlink > 1:
        raise _refused(path, "has other names (hard links), which would change too", _UNLINK)


def read_bytes(path: Path) -> bytes:
    """Return the content of a small file of this user.

    Raises
    ------
    NotPrivateError, OSError
        See `open_file`; or it is too large.
    """
    with open(open_file(path, os.O_RDONLY), "rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, f"is larger than {MAX_BYTES:,} bytes", str(path))
        return file.read()


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet.

    Raises
    ------
    OSError
        It is there already, or cannot be written.
    """
    descriptor = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with open(descriptor, "wb") as file:
        file.write(data)


def replace(path: Path, temporary: Path, data: bytes) -> None:
    """Write a file so that no reader ever sees a part of it, whatever was there before.

    Parameters
    ----------
    path : Path
    temporary : Path
        In the same folder; what an earlier writer of this name left there is overwritten.
    data : bytes
    """
    descriptor = open_file(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with open(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)


def touch(path: Path) -> None:
    """Create an empty file, or set the time of the one that is there to now."""
    descriptor = open_file(path, os.O_WRONLY | os.O_CREAT)
    try:
        os.utime(descriptor)
    finally:
        os.close(descriptor)
