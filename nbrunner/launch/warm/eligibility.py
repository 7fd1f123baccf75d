"""Whether a fork of this very interpreter is what a fresh one would be, for one request.

What the owner of the interpreter can compare, it has (`nbrunner.launch.warm.fingerprint`); here
is what depends on the flow's folder, the directory, and on what has been imported.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import stat
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType

from nbrunner.launch.warm.fingerprint import NATIVE_PREFIXES
from nbrunner.launch.warm.learned import installed_at, top_of
from nbrunner.launch.warm.own_code import change_before_import, own_sources
from nbrunner.launch.warm.preamble import Preamble, preamble
from nbrunner.launch.warm.probe.variables import VariablesRead
from nbrunner.launch.warm.shadowing import distribution_in, own_for_python, shadowed
from nbrunner.text.user_code import is_users

# Where metaflow, while it is imported, looks for a configuration: upwards from the
# directory (``init_local_config`` in ``metaflow_config_funcs.py``).
_LOCAL_FOLDER = ".metaflow"
_LOCAL_CONFIG = "config.json"

_OTHER_IMPORTS = "the flow file no longer imports what it did"

# Differs for every run, and nothing reads it while it is imported.
_OURS = "NBRUNNER_"


@dataclass
class Imported:
    """What the warm interpreter knows of its own start.

    Attributes
    ----------
    environment : dict of str to str
        The one it was started with.
    read : VariablesRead
        The variables that were asked for, in Python, while modules were imported.
    set_by_python : dict of str to str
        Variables that Python sets when it starts: a locale.
    added : dict of str to str
        Those, and what imports have set.
    sources : dict of str to int
        When the files of modules were written: the user's own, and all that were imported
        beside what every run needs.
    files : dict of str to str
        The stamps of other files that imports have read or looked for. Relative names were
        not found in the directory of the warm interpreter.
    generators : list
        Random number generators that each fork seeds anew.
    not_preloaded : dict of str to str
        Modules of the preload that were not imported, and why.
    inexact : str or None
        Why no fork of this interpreter is exact; None if forks can be.
    looked_for : set of str
        Top-level modules that imports have looked for, found or not: a file of that name
        beside a flow would have been found first.
    metadata : bool
        Whether preloaded modules have looked up installed distributions.
    preloaded : list of str
        Modules that were imported beside what every run needs.
    learned : list of str
        What was imported since all flows served here import it at their top; see `learned.Top`.
    read_by_preloaded : VariablesRead
        The variables that the imports of `preloaded` have asked for.
    filters : bool
        Whether these imports have set warnings filters.
    """

    environment: dict[str, str] = field(default_factory=dict)
    read: VariablesRead = field(default_factory=VariablesRead)
    set_by_python: dict[str, str] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    generators: list[object] = field(default_factory=list)
    not_preloaded: dict[str, str] = field(default_factory=dict)
    inexact: str | None = None
    looked_for: set[str] = field(default_factory=set)
    metadata: bool = False
    preloaded: list[str] = field(default_factory=list)
    learned: list[str] = field(default_factory=list)
    read_by_preloaded: VariablesRead = field(default_factory=VariablesRead)
    filters: bool = False

    def note_start(self, set_by_python: Collection[str]) -> None:
        """Note what the environment of this process was, and what Python has made of it.

        Parameters
        ----------
        set_by_python : collection of str
            Variables that an earlier start has found to be set by Python itself.
        """
        block = Path("/proc/self/environ").read_bytes()
        pairs = (os.fsdecode(entry).partition("=") for entry in block.split(b"\0") if entry)
        self.environment = {name: value for name, _equals, value in pairs}
        self.set_by_python = {name: os.environ[name] for name in set_by_python}
        self.added = self._changes()

    @contextlib.contextmanager
    def noting_imports(
        self, read: VariablesRead | None = None, installed: bool = False
    ) -> Iterator[None]:
        """Note what matters of the imports that the block does.

        Parameters
        ----------
        read : VariablesRead, optional
            Gets the variables that they ask for, as `read` of this object does.
        installed : bool
            Whether the files of installed modules are compared too, not only the user's own.
        """
        before = set(sys.modules)
        read = VariablesRead() if read is None else read
        looked_for = _LookedFor(self.looked_for)
        sys.meta_path.insert(0, looked_for)
        try:
            with read.noting():
                yield
        finally:
            sys.meta_path.remove(looked_for)
            self.read.names |= read.names
            self.read.prefixes |= read.prefixes
        self.added = self.set_by_python | self._changes()
        new = [module for name, module in list(sys.modules.items()) if name not in before]
        self.sources |= dict(_sources(new, installed))

    def _changes(self) -> dict[str, str]:
        return {
            name: value for name, value in os.environ.items() if self.environment.get(name) != value
        }

    def outdated(self, installed: bool = True) -> str | None:
        """Return which file that imports have read was changed since; None if none was.

        Parameters
        ----------
        installed : bool
            Whether the files of installed modules count too, of which there may be very many.
        """
        for file, written in self.sources.items():
            if (installed or is_users(file)) and _written(file) != written:
                return f"{file} has changed since it was preloaded"
        for path, then in self.files.items():
            if os.path.isabs(path) and stamp(path) != then:
                return f"{path}, which a preloaded module has read, has changed"
        return None

    def refusal(self, script: str, cwd: str, environment: Mapping[str, str]) -> str | None:
        """Return why a fork would not be exact; None if it would."""
        names = loaded() | self.looked_for
        folder = os.path.dirname(os.path.realpath(script))
        return (
            self.inexact
            or found_here(self.files, cwd)
            or self._unlike_file(script, names)
            or shadowed(folder, names)
            or (distribution_in(folder) if self.metadata else None)
            or local_config(cwd, os.getcwd())
            or read_differently(self.read, self.environment, {**environment, **self.set_by_python})
            or own_customization(sys.modules)
        )

    def _unlike_file(self, script: str, names: Collection[str]) -> str | None:
        """Return what the flow file does that a fork of this interpreter could not."""
        try:
            source = Path(script).read_bytes()
        except OSError:
            # Without learned imports, a fork fails as Python itself does.
            return _OTHER_IMPORTS if self.learned else None
        found = preamble(source, _is_harmless_before_metaflow)
        return (
            found.reason
            or before_metaflow(script, found, names)
            or self._unlike_top(script, source, found.folders)
        )

    def _unlike_top(self, script: str, source: bytes, folders: Sequence[str]) -> str | None:
        """Return why the flow file may not import what was learned, or other than it was."""
        if not self.learned:
            return None
        top = top_of(source, installed_at)
        if list(top.imports[: len(self.learned)]) != self.learned:
            return _OTHER_IMPORTS
        return own_for_python(script, top.of_python, folders)

    def unlike_import(self, script: str) -> str | None:
        """Return why this flow's own imports of the preloaded modules might give something else.

        None if they would not; then, too, `refusal` has to be asked.
        """
        if not self.preloaded:
            return None
        folder = os.path.dirname(os.path.realpath(script))
        try:
            folders = (folder, *preamble(Path(script).read_bytes(), lambda _name: True).folders)
            sources = own_sources(Path(script), partial(_own_module, folders))
        except OSError as error:
            return f"the flow's code cannot be read: {error}"
        if sources is None:
            return "the flow has too much code to look for what it sets"
        return change_before_import(sources, self._is_read_by_preloaded, self.filters)

    def _is_read_by_preloaded(self, name: str) -> bool:
        return name.startswith(NATIVE_PREFIXES) or name in self.read_by_preloaded


def _own_module(folders: Iterable[str], name: str) -> Path | None:
    """Return the file of a top-level module of the user's, or the folder of a package."""
    for folder in map(Path, folders):
        for place in (folder / name, folder / f"{name}.py"):
            if place.exists():
                return place
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.has_location or not is_users(str(spec.origin)):
        return None  # installed, or built in
    place = Path(str(spec.origin))
    return place.parent if place.name == "__init__.py" else place


class _LookedFor:
    """The first finder of ``sys.meta_path``: notes what is looked for, and finds nothing."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Note a top-level module that is looked for, whether it is then imported or not."""
        if path is None:
            self._names.add(name)


# Of the warm interpreter; its forks have it too.
IMPORTED = Imported()


def loaded() -> set[str]:
    """Return the top-level modules that this process has imported."""
    names = {name.partition(".")[0] for name in sys.modules}
    return names - set(sys.builtin_module_names)


def before_metaflow(script: str, found: Preamble, names: Collection[str]) -> str | None:
    """Return which module a preamble imports in place of one that is loaded here."""
    folders = (each for each in found.folders if os.path.isdir(each))
    return own_for_python(script, found.of_python, found.folders) or next(
        filter(None, (shadowed(each, names) for each in folders)), None
    )


def _is_harmless_before_metaflow(name: str) -> bool:
    """Return whether a module is an installed one, or one that the probe has let in.

    A module of the user's own may do anything, unless it was tried before it was preloaded.
    """
    if name in sys.modules:
        return True
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and bool(spec.origin) and not is_users(str(spec.origin))


def found_here(names: Iterable[str], cwd: str) -> str | None:
    """Return which file in ``cwd`` a preloaded module would have found; None if there is none."""
    for name in names:
        if not os.path.isabs(name) and os.path.lexists(path := os.path.join(cwd, name)):
            return f"{path} would be read by a preloaded module"
    return None


def stamp(path: str) -> str:
    """Return what changes with a file. For a folder its listing counts only if path ends in /."""
    try:
        facts = os.stat(path)
    except OSError as error:
        return type(error).__name__
    if stat.S_ISDIR(facts.st_mode) and not path.endswith(os.sep):
        return "folder"
    return f"{facts.st_mode} {facts.st_size} {facts.st_mtime_ns} {facts.st_ino}"


def local_config(cwd: str, ours: str) -> str | None:
    """Tell which configuration of metaflow a process reads, by its directory or by ours."""
    for folder in (cwd, ours):
        path = Path(os.path.realpath(folder))
        nearest = next(
            (each for each in (path, *path.parents) if (each / _LOCAL_FOLDER).is_dir()), None
        )
        if nearest is not None and (nearest / _LOCAL_FOLDER / _LOCAL_CONFIG).exists():
            return f"{nearest / _LOCAL_FOLDER / _LOCAL_CONFIG} applies to some directories only"
    return None


def read_differently(
    names: Collection[str], then: Mapping[str, str], now: Mapping[str, str]
) -> str | None:
    """Tell which variable an import has read, and would now read otherwise."""
    differing = sorted(
        name
        for name in {*names, *then, *now}
        if name in names and not name.startswith(_OURS) and then.get(name) != now.get(name)
    )
    return f"{', '.join(f'${name}' for name in differing)} read by an import" if differing else None


def own_customization(modules: Mapping[str, ModuleType]) -> str | None:
    """Tell which start-up file may do something else in each process.

    That of a distribution, beside the standard library, serves all programs alike.
    """
    library = os.path.dirname(os.path.realpath(os.__file__))
    for name in ("sitecustomize", "usercustomize"):
        file = getattr(modules.get(name), "__file__", None)
        if file and os.path.dirname(os.path.abspath(file)) != library:
            return f"{file} may behave differently in each process"
    return None


def _sources(modules: Iterable[ModuleType], installed: bool) -> Iterator[tuple[str, int]]:
    for module in modules:
        file = getattr(module, "__dict__", {}).get("__file__")  # getattr would load a lazy one
        if (
            isinstance(file, str)
            and (is_users(file) or (installed and "site-packages" in file))
            and (written := _written(file))
        ):
            yield file, written


def _written(file: str) -> int:
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return 0
