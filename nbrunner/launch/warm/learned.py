"""Finds the modules that each process of a flow imports before anything can affect the import.

A warm interpreter that has imported them once saves this work in each process of the flow. As the
user does not request it, it must have no other visible effect:

- Only imports at the top level of the flow file count, in their order, up to the first statement
  that may have an effect: a setting, a call, an import of the user's own module, an import in
  ``try`` or ``if``. Each process of the flow, including the run process, executes them anyway. So
  no module is loaded that the flow does not import, no setting precedes an import, and warnings
  filters have their usual order.
- The same statements are executed, so ``from package import name`` imports the submodule of
  that name only if the flow's own statement would.
- An import inside a step does not count: other steps would have that module too, and code may
  look for it in ``sys.modules``.
- Only installed modules count, and the probe (`nbrunner.launch.warm.probe`) must accept each.
  After the first that it refuses, no other is tried: the refused one may set what they read.
- The interpreter for a flow is started after a run of it has been started, and used as soon as
  it is ready. No run waits for it. A run that it cannot serve is forked from the interpreter
  without these modules.
- Interpreters are kept for the most recently used sets of modules, within a limit on their
  memory (`nbrunner.launch.warm.launcher`).
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from nbrunner.launch.warm.preamble import (
    Judge,
    generated_folders,
    imports_metaflow,
    names_of_modules,
)
from nbrunner.text.user_code import is_users


class Top(NamedTuple):
    """The imports at the top of a flow file.

    Attributes
    ----------
    imports : tuple of str
        The imports of installed modules, in their order: ``"module"``, or ``"module:a,b"`` for
        ``from module import a, b``.
    of_python : frozenset of str
        The imported top-level modules that have names of the standard library.
    """

    imports: tuple[str, ...] = ()
    of_python: frozenset[str] = frozenset()


def module_of(what: str) -> str:
    """Return the module that an import of `Top` names."""
    return what.partition(":")[0]


def modules_of(imports: Sequence[str]) -> list[str]:
    """Return the modules that imports of `Top` have loaded in this process."""
    found: dict[str, None] = {}
    for what in imports:
        module, _, names = what.partition(":")
        below = (f"{module}.{name}" for name in names.split(","))
        found |= dict.fromkeys([module, *(each for each in below if each in sys.modules)])
    return list(found)


def imports_of_flow(flow_file: str) -> tuple[str, ...]:
    """Return the imports at the top of a flow file; empty if it cannot be read."""
    try:
        facts = os.stat(flow_file)
        return _of_file(flow_file, facts.st_mtime_ns, facts.st_size)
    except OSError:
        return ()


@functools.lru_cache(maxsize=64)
def _of_file(flow_file: str, _written: int, _size: int) -> tuple[str, ...]:
    return top_of(Path(flow_file).read_bytes(), installed_at).imports


def top_of(source: bytes, find: Callable[[str], Sequence[str]]) -> Top:
    """Return the installed modules that a source file imports before any other effect.

    Parameters
    ----------
    source : bytes
        The source file.
    find : callable
        Returns the file of an installed top-level module, or the folders of a package; empty
        for any other module.
    """
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return Top()
    judge = Judge(lambda name: bool(find(name.partition(".")[0])))
    found: dict[str, None] = {}
    for statement in statements:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            if not all(map(find, _not_of_python(statement))):
                break
            found |= dict.fromkeys(_imports_of(statement, find))
            judge.is_harmless(statement)  # records the modules and names
        elif not (_is_generated(statement) or _is_for_types(statement)) and (
            _imports(statement) or not judge.is_harmless(statement)
        ):
            break
    return Top(tuple(found), frozenset(judge.of_python))


def _not_of_python(statement: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the imported top-level modules, except the standard library and metaflow."""
    if isinstance(statement, ast.ImportFrom) and statement.level:
        return {"."}
    return names_of_modules(statement) - sys.stdlib_module_names - {"metaflow"}


def _is_generated(statement: ast.stmt) -> bool:
    """Return whether a statement is one that nbrunner writes at the top of a cell's flow file."""
    if generated_folders(statement) is not None:
        return True
    return isinstance(statement, ast.Expr) and imports_metaflow(statement)


def _is_for_types(statement: ast.stmt) -> bool:
    """Return whether a statement is ``if TYPE_CHECKING:`` without ``else``."""
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    return ast.unparse(statement.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _imports(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False  # its body is not executed here
    return any(isinstance(each, (ast.Import, ast.ImportFrom)) for each in ast.walk(statement))


def _imports_of(
    statement: ast.Import | ast.ImportFrom, find: Callable[[str], Sequence[str]]
) -> Iterator[str]:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if find(alias.name.partition(".")[0]):  # not in the standard library
                yield alias.name
        return
    name = statement.module or ""
    if not statement.level and find(name.partition(".")[0]):
        yield f"{name}:{','.join(alias.name for alias in statement.names)}"


def installed_at(name: str) -> tuple[str, ...]:
    """Return the places of an installed top-level module; empty for any other; see `top_of`."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return ()
    if spec is None or name == "metaflow":
        return ()
    places = spec.submodule_search_locations or [spec.origin or ""]
    installed = all(
        Path(place).parent.name in ("site-packages", "dist-packages") for place in places
    )
    return tuple(places) if installed and not any(map(is_users, places)) else ()
