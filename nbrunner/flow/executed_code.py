"""The source files that a run executes: the flow file and the user's own modules."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nbrunner.launch.warm.own_code import imported_names
from nbrunner.text.user_code import is_users

# A flow with more own code than this is recorded without its modules.
_MAX_FILES = 200
_MAX_BYTES = 4_000_000
# A folder named like an import may hold data.
_MAX_ENTRIES = 2_000


class TooMuchCodeError(Exception):
    """The user's modules are more or larger than what is recorded."""


def executed_code(
    script: Path, folders: Sequence[str], environment: Mapping[str, str]
) -> dict[str, bytes]:
    """Return the flow file and the user's modules that it imports, directly or indirectly.

    Imports are found in the text, wherever they are in a file. All modules of a
    package count. Modules that are imported by computed names are not found.

    Parameters
    ----------
    script : Path
        The flow file.
    folders : sequence of str
        Folders that the flow file adds to ``sys.path``.
    environment : mapping of str to str
        Environment of the run; ``PYTHONPATH`` is searched too.

    Returns
    -------
    dict of str to bytes
        Content by absolute path, the flow file first. It is alone if its modules exceed 200 files
        or 4 MB. A file that cannot be read is left out.
    """
    given = environment.get("PYTHONPATH", "").split(os.pathsep)
    search = [str(script.parent), *folders, *(each for each in given if each)]
    try:
        return _collected(script, [folder for folder in search if is_users(f"{folder}/_")])
    except TooMuchCodeError:
        return {str(script): script.read_bytes()}


def _collected(script: Path, search: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    files, seen, size = [str(script)], {str(script)}, 0
    while files:
        file = files.pop()
        try:
            source = Path(file).read_bytes()
        except OSError:
            continue
        found[file] = source
        size += len(source)
        if len(found) > _MAX_FILES or size > _MAX_BYTES:
            raise TooMuchCodeError
        for name in sorted(imported_names(source)):
            new = [each for each in _modules(name, search) if each not in seen]
            seen.update(new)
            files += new
    return found


def _modules(name: str, search: Sequence[str]) -> list[str]:
    """Return the files of a top-level module or package; empty if it is not the user's."""
    for folder in search:
        package = os.path.join(folder, name)
        if Path(package, "__init__.py").is_file():
            return list(_inside(package))
        if Path(f"{package}.py").is_file():
            return [f"{package}.py"]
    # Python takes a folder without __init__.py only if there is no such module anywhere.
    for folder in search:
        package = os.path.join(folder, name)
        if os.path.isdir(package):
            return list(_inside(package))
    return []


def _inside(package: str) -> Iterator[str]:
    """Yield the source files of a package.

    Raises
    ------
    TooMuchCodeError
        The folder has too many entries to be a package.
    """
    folders, entries = [package], 0
    while folders:
        with os.scandir(folders.pop()) as listing:
            for entry in listing:
                entries += 1
                if entries > _MAX_ENTRIES:
                    raise TooMuchCodeError
                if entry.name.endswith(".py") and entry.is_file():
                    yield entry.path
                elif entry.name.isidentifier() and entry.name != "__pycache__" and entry.is_dir():
                    folders.append(entry.path)
