"""The source files that a run executes: the flow file and the user's own modules."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nbrunner.launch.warm.own_code import TooMuchCodeError, own_files
from nbrunner.text.user_code import is_users

# A folder named like an import may hold data.
_MAX_ENTRIES = 2_000


def executed_code(
    script: Path, folders: Sequence[str], environment: Mapping[str, str]
) -> dict[str, bytes]:
    """Return the flow file and the user's modules that it imports, directly or indirectly.

    Imports are found in the text, wherever they are in a file. All modules of a package count.
    Modules that are imported by computed names are not found.

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
        Content by absolute path, the flow file first. It is alone if its modules exceed the limits
        of `own_files`, or a package that of its entries. A file that cannot be read is left out.
    """
    given = environment.get("PYTHONPATH", "").split(os.pathsep)
    search = [str(script.parent), *folders, *(each for each in given if each)]
    find = functools.partial(_place, [Path(each) for each in search if is_users(f"{each}/_")])
    try:
        found = own_files(script, find, _modules)
    except TooMuchCodeError:
        found = {script: script.read_bytes()}
    return {str(file): content for file, content in found.items()}


def _place(search: Sequence[Path], name: str) -> Path | None:
    """Return the file of a top-level module, or the folder of a package, if it is the user's."""
    for folder in search:
        package, module = folder / name, folder / f"{name}.py"
        if _is_readable(package / "__init__.py"):
            return package
        if _is_readable(module):
            return module
    # Python takes a folder without __init__.py only if there is no such module anywhere.
    return next((folder / name for folder in search if (folder / name).is_dir()), None)


def _is_readable(file: Path) -> bool:
    return file.is_file() and os.access(file, os.R_OK)


def _modules(package: Path) -> Iterator[Path]:
    """Yield the source files of a package.

    Raises
    ------
    TooMuchCodeError
        The folder has too many entries to be a package.
    """
    folders, entries = [str(package)], 0
    while folders:
        with os.scandir(folders.pop()) as listing:
            for entry in listing:
                entries += 1
                if entries > _MAX_ENTRIES:
                    raise TooMuchCodeError
                if entry.name.endswith(".py"):
                    if _is_readable(file := Path(entry.path)):
                        yield file
                elif entry.name.isidentifier() and entry.name != "__pycache__" and entry.is_dir():
                    folders.append(entry.path)
