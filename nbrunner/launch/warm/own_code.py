"""Finds code of a flow that may have an effect on its imports of preloaded modules. Pure.

A module that is imported once in the warm interpreter has read environment variables and set
warnings filters there. A fork is exact only if the flow's code would not have changed either
before its own import of that module. The text of the flow file, and of the user's modules that
it imports, is therefore searched. Any code that may set such a variable counts, wherever it is:
the run is then forked from an interpreter without preloaded modules.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

# The limits of the search.
_MOST_FILES = 200
_MOST_BYTES = 4_000_000

_IMPORTING = ("import_module", "__import__")
_FILTER_FUNCTIONS = frozenset({"filterwarnings", "simplefilter", "resetwarnings"})
_ANYWHERE = ("putenv", "unsetenv", "setenv", "delenv")


def change_before_import(
    sources: Collection[bytes], variables: Callable[[str], bool], filters: bool
) -> str | None:
    """Return a message about code that may affect the import of a preloaded module, or None.

    Parameters
    ----------
    sources : collection of bytes
        Source files of the flow's own code.
    variables : callable
        Returns whether preloaded modules depend on the environment variable of a name.
    filters : bool
        Whether preloaded modules have set warnings filters.
    """
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError):
            continue  # it cannot be executed either
        for node in ast.walk(tree):
            line = getattr(node, "lineno", 0)
            if name := _named(node, variables):
                return f"the flow's code names ${name} (line {line}), which an import reads"
            if _sets_unnamed(node):
                return f"the flow's code sets variables by computed names (line {line})"
            if filters and _changes_filters(node):
                return f"the flow's code sets warnings filters (line {line}), as an import does"
    return None


def _named(node: ast.AST, variables: Callable[[str], bool]) -> str | None:
    name = None
    if isinstance(node, ast.Constant):
        name = node.value
        if isinstance(name, bytes):
            name = name.decode("utf-8", "replace")
    elif isinstance(node, ast.keyword):
        name = node.arg
    return name if isinstance(name, str) and name.isidentifier() and variables(name) else None


def _sets_unnamed(node: ast.AST) -> bool:
    """Return whether a node sets environment variables whose names are not literals."""
    match node:
        case ast.Subscript(value=value, slice=key, ctx=ast.Store() | ast.Del()):
            return _is_environment(value) and not isinstance(key, ast.Constant)
        case ast.AugAssign(target=target, value=value):
            return _is_environment(target) and not _has_literal_names(value)
        case ast.Assign(targets=targets):
            return any(map(_is_environment, targets))
        case ast.Call(func=function, args=arguments):
            return _call_sets_unnamed(function, arguments)
    return False


def _call_sets_unnamed(function: ast.expr, arguments: list[ast.expr]) -> bool:
    name = _last_name(function)
    of_environment = isinstance(function, ast.Attribute) and _is_environment(function.value)
    if name in ("load_dotenv", "exec"):
        return True
    if name in _IMPORTING or name in ("run_path", "run_module"):
        return not (arguments and isinstance(arguments[0], ast.Constant))
    if of_environment and name in ("clear", "popitem"):
        return True
    if of_environment and name == "update":
        return not all(map(_has_literal_names, arguments))
    if name in _ANYWHERE or (of_environment and name in ("setdefault", "pop")):
        return not (arguments and isinstance(arguments[0], ast.Constant))
    return False


def _is_environment(node: ast.expr) -> bool:
    return _last_name(node) in ("environ", "environb")


def _last_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _has_literal_names(node: ast.expr) -> bool:
    return isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys)


def _changes_filters(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute) and node.attr == "filters":
        return _last_name(node.value) == "warnings"
    if isinstance(node, ast.alias):
        return node.name in _FILTER_FUNCTIONS
    return isinstance(node, ast.Attribute) and node.attr in _FILTER_FUNCTIONS


class TooMuchCodeError(Exception):
    """The user's modules are more or larger than what is looked through."""


def own_sources(script: Path, find: Callable[[str], Path | None]) -> list[bytes] | None:
    """Return the sources of the flow file and of the user's modules that it imports, recursively.

    Parameters
    ----------
    script : Path
        The flow file.
    find : callable
        Returns the file of a top-level module of the user, or the folder of a package; None
        for any other module.

    Returns
    -------
    list of bytes or None
        None if they exceed the limits of the search.
    """
    try:
        return list(own_files(script, find, lambda package: package.rglob("*.py")).values())
    except TooMuchCodeError:
        return None


def own_files(
    script: Path,
    find: Callable[[str], Path | None],
    modules_of: Callable[[Path], Iterable[Path]],
) -> dict[Path, bytes]:
    """Return the flow file and the user's modules that it imports, recursively.

    Parameters
    ----------
    script : Path
        The flow file, which comes first.
    find : callable
        See `own_sources`.
    modules_of : callable
        Returns the source files of a package by its folder.

    Raises
    ------
    TooMuchCodeError
        They exceed the limits of the search.
    OSError
        A file cannot be read.
    """
    found: dict[Path, bytes] = {}
    files, seen, size = [script], {script}, 0
    while files:
        file = files.pop()
        source = found[file] = file.read_bytes()
        size += len(source)
        if len(found) > _MOST_FILES or size > _MOST_BYTES:
            raise TooMuchCodeError
        for name in sorted(imported_names(source)):
            place = find(name)
            if place is None:
                continue
            new = set(modules_of(place)) if place.is_dir() else {place}
            files += sorted(new - seen)
            seen |= new
    return found


@functools.lru_cache(maxsize=_MOST_FILES)
def imported_names(source: bytes) -> frozenset[str]:
    """Return the top-level names of all modules that a source file imports by name."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    return frozenset(name.partition(".")[0] for name in _imported(tree))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Call) and _last_name(node.func) in _IMPORTING:
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value
