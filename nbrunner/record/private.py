"""Folders and files that belong to this user alone: the one place that opens them.

The state directory holds logs, parameters and flow files that are executed. Other users must not
be able to write there, and files that they have put there must not be used. Folders are therefore
created with mode 0700 and files with mode 0600 whatever the umask; existing ones are used only if
they belong to this user and are not links. The supervisor imports this module, so it uses the
standard library alone.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

# More than any JSON file of nbrunner; a larger file is not read into memory.
MAX_BYTES = 64 * 1024 * 1024


class NotPrivateError(PermissionError):
    """A folder or file of the state directory may have been written by another user.

    Attributes
    ----------
    what : str
        The fault, without the command that fixes it.
    moves : bool
        Whether that command moves or removes the file, which is bad advice if the file may not
        be nbrunner's.
    """

    what = ""
    moves = False


def _refused(path: Path, what: str, command: str) -> NotPrivateError:
    name = shlex.quote(str(path))
    mend = f"; to fix it: {command.format(name)}" if command else ""
    error = NotPrivateError(errno.EPERM, what + mend, str(path))
    error.what, error.moves = what, command in (_ASIDE, _UNLINK)
    return error


# Neither command deletes the content of a user's file or folder.
_ASIDE = "mv {0} {0}.old"
_UNLINK = "rm {0}"


def check_folder(path: Path, may_be_link: bool = False) -> None:
    """Raise unless a folder belongs to this user, and no other user can write to it.

    Parameters
    ----------
    path : Path
        The folder.
    may_be_link : bool
        Whether a link to such a folder is accepted, as for a folder that the user has chosen.

    Raises
    ------
    NotPrivateError
        It is not such a folder. The message names the fault and, if there is one, the command
        that fixes it.
    OSError
        It does not exist.
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
    """Raise unless a file or folder belongs to this user and is not a link.

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
    """Create a folder and its parents for this user alone; check it if it exists.

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
    # The umask may have removed bits that the owner needs.
    if mode != wanted:
        os.chmod(target, wanted)  # noqa: PTH101 (perhaps a descriptor)


def open_file(path: Path, flags: int) -> int:
    """Open a file of this user, set its mode to 0600, and return its descriptor.

    Parameters
    ----------
    path : Path
        The file.
    flags : int
        See `os.open`. ``O_TRUNC`` takes effect only after the file is known to be this user's.

    Raises
    ------
    NotPrivateError
        It is a link, belongs to another user, or is not a regular file; or it is to be written
        and has other hard links. The file is unchanged.
    OSError
        It cannot be opened.
    """
    ours = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # do not block on a named pipe
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
        os.set_blocking(descriptor, True)  # a run inherits it, and expects what a shell opens
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_file(path: Path) -> None:
    """Raise unless a path is a regular file of this user, or does not exist.

    Raises
    ------
    NotPrivateError
        It is a link, a folder or a named pipe, or belongs to another user.
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
    """Return the content of a file of this user, of at most `MAX_BYTES`.

    Raises
    ------
    NotPrivateError, OSError
        See `open_file`; or the file is larger.
    """
    with open(open_file(path, os.O_RDONLY), "rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, f"is larger than {MAX_BYTES:,} bytes", str(path))
        return file.read()


def write_new(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet.

    Raises
    ------
    OSError
        It exists, or cannot be written.
    """
    descriptor = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with open(descriptor, "wb") as file:
        file.write(data)


def replace(path: Path, temporary: Path, data: bytes) -> None:
    """Write a file atomically: readers see the old content or the new one.

    Parameters
    ----------
    path : Path
        The file, which need not exist.
    temporary : Path
        A file in the same folder to write first; overwritten if it exists.
    data : bytes
        The new content.
    """
    descriptor = open_file(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    with open(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)


def touch(path: Path) -> None:
    """Create an empty file, or set the times of an existing one to now."""
    descriptor = open_file(path, os.O_WRONLY | os.O_CREAT)
    try:
        os.utime(descriptor)
    finally:
        os.close(descriptor)
