"""Which modules each process of a flow imports before anything could change what they give.

A warm interpreter that has imported them once saves each process of the flow their import.
The user sets nothing for that, so it must not be seen either:

- Only imports at the top level of the flow file count, in their order, down to the first
  statement that may change something: a setting, a call, an import of the user's own module, an
  import in ``try`` or ``if``. Each process of the flow does them in any case, the run process
  too. So no module is there that the flow does not import, nothing was set before one of them,
  and warnings filters are in the order that they would have.
- They are done by the same statements, so ``from package import name`` imports the submodule of
  that name only where the flow's own statement would.
- An import inside a step does not count: other steps would have that module as well, and code may
  ask for it in ``sys.modules``.
- Only installed modules count, and the probe (`nbrunner.launch.warm.probe`) must let each in.
  The first that it refuses is the last that is tried: it may set what the next one reads.
- The interpreter for such a flow is started once a run of it has been started, and it is used
  from then on as soon as it is ready. No run waits for it. A run that it cannot serve is forked
  from the interpreter without it.
- Interpreters are kept for the sets of modules that were used last, within a bound on their
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
    """What a flow file imports at its top.

    Attributes
    ----------
    imports : tuple of str
        The imports of installed modules, in their order: ``"module"``, or ``"module:a,b"`` for
        ``from module import a, b``.
    of_python : frozenset of str
        The top-level modules that are taken to be of the standard library.
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
    """Return what a flow file imports at its top; nothing if it cannot be read."""
    try:
        facts = os.stat(flow_file)
        return _of_file(flow_file, facts.st_mtime_ns, facts.st_size)
    except OSError:
        return ()


@functools.lru_cache(maxsize=64)
def _of_file(flow_file: str, _written: int, _size: int) -> tuple[str, ...]:
    return top_of(Path(flow_file).read_bytes(), installed_at).imports


def top_of(source: bytes, find: Callable[[str], Sequence[str]]) -> Top:
    """Return the installed modules that a source file imports before anything else happens.

    Parameters
    ----------
    source : bytes
    find : callable
        Returns the places of an installed top-level module: its file, or its folders if it is
        a package. Empty for any other module.
    """
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return Top()
    judge = Judge(lambda name: bool(find(name)))
    found: dict[str, None] = {}
    for statement in statements:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            if not all(map(find, _not_of_python(statement))):
                break
            found |= dict.fromkeys(_imports_of(statement, find))
            judge.is_harmless(statement)  # so that it knows the modules and names
        elif not (_is_generated(statement) or _is_for_types(statement)) and (
            _imports(statement) or not judge.is_harmless(statement)
        ):
            break
    return Top(tuple(found), frozenset(judge.of_python))


def _not_of_python(statement: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the top-level modules, but for those of Python and metaflow itself."""
    if isinstance(statement, ast.ImportFrom) and statement.level:
        return {"."}
    return names_of_modules(statement) - sys.stdlib_module_names - {"metaflow"}


def _is_generated(statement: ast.stmt) -> bool:
    """Return whether a statement is one of those that nbrunner writes above a flow of cells."""
    if generated_folders(statement) is not None:
        return True
    return isinstance(statement, ast.Expr) and imports_metaflow(statement)


def _is_for_types(statement: ast.stmt) -> bool:
    """Return whether a statement is ``if TYPE_CHECKING:`` alone."""
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    return ast.unparse(statement.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _imports(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False  # it is not run here
    return any(isinstance(each, (ast.Import, ast.ImportFrom)) for each in ast.walk(statement))


def _imports_of(
    statement: ast.Import | ast.ImportFrom, find: Callable[[str], Sequence[str]]
) -> Iterator[str]:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if find(alias.name.partition(".")[0]):  # not one of Python's
                yield alias.name
        return
    name = statement.module or ""
    if not statement.level and find(name.partition(".")[0]):
        yield f"{name}:{','.join(alias.name for alias in statement.names)}"


def installed_at(name: str) -> tuple[str, ...]:
    """Return where an installed top-level module is; nothing for the standard library's."""
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
