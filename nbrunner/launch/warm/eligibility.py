"""Decides whether a fork of this interpreter equals a fresh interpreter, for one request.

The owner of the interpreter has compared the surroundings (`nbrunner.launch.warm.fingerprint`).
This module checks what depends on the flow's folder, the current directory and the imports.
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
from nbrunner.launch.warm.first_steps import differing, started_with
from nbrunner.launch.warm.learned import installed_at, top_of
from nbrunner.launch.warm.own_code import change_before_import, own_sources
from nbrunner.launch.warm.preamble import Preamble, preamble
from nbrunner.launch.warm.probe.variables import VariablesRead
from nbrunner.launch.warm.shadowing import distribution_in, own_for_python, shadowed
from nbrunner.text.user_code import is_users

# During its import, metaflow looks for this configuration in the current directory and its parents
# (``init_local_config`` in ``metaflow_config_funcs.py``).
_LOCAL_FOLDER = ".metaflow"
_LOCAL_CONFIG = "config.json"

_OTHER_IMPORTS = "the flow file no longer imports what it did"

# These variables differ for every run, and no import reads them.
_OURS = "NBRUNNER_"


@dataclass
class Imported:
    """The start of the warm interpreter, and the dependencies of its imports.

    Attributes
    ----------
    environment : dict of str to str
        The environment it was started with.
    read : VariablesRead
        The variables that Python code has read while modules were imported.
    set_by_python : dict of str to str
        Variables that Python sets when it starts: a locale.
    added : dict of str to str
        These variables, and those that imports have set.
    sources : dict of str to int
        File of a module -> time of its last write, in ns since the epoch: the user's own
        modules, and all those that are not needed by every run.
    files : dict of str to str
        Other file that imports have read or looked for -> its stamp. Files with relative names
        did not exist in the directory of the warm interpreter.
    generators : list of random.Random or numpy.random.BitGenerator
        Random number generators that each fork seeds again.
    not_preloaded : dict of str to str
        Module of the preload that was not imported -> reason.
    inexact : str or None
        Why no fork of this interpreter is exact; None if forks can be exact.
    looked_for : set of str
        Top-level modules that imports have looked for, found or not: a file of that name
        in the flow's folder would have been found first.
    metadata : bool
        Whether preloaded modules have looked up installed distributions.
    preloaded : list of str
        Imported modules that not every run needs.
    learned : list of str
        Imports that all flows served here have at their top, in the form of `learned.Top`.
    read_by_preloaded : VariablesRead
        The variables that the imports of `preloaded` have read.
    filters : bool
        Whether these imports have set warnings filters.
    replacing : set of str
        The top-level modules of `learned` that replace functions or classes of Python or metaflow.
    left_alone : set of str
        Top-level modules that were not imported, and whose import changes nothing for metaflow's.
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
    replacing: set[str] = field(default_factory=set)
    left_alone: set[str] = field(default_factory=set)

    def note_start(self, set_by_python: Collection[str]) -> None:
        """Record the environment of this process, and the variables that Python has set.

        Parameters
        ----------
        set_by_python : collection of str
            Variables that Python itself has set, according to an earlier start.
        """
        self.environment = started_with()
        self.set_by_python = {name: os.environ[name] for name in set_by_python}
        self.added = differing(os.environ, self.environment)

    @contextlib.contextmanager
    def noting_imports(
        self, read: VariablesRead | None = None, installed: bool = False
    ) -> Iterator[None]:
        """Record the dependencies of the imports in the block.

        Parameters
        ----------
        read : VariablesRead, optional
            The variables that they read are added to it, and to `read` of this object.
        installed : bool
            Whether the files of installed modules count too, not only the user's own.
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
        self.added = self.set_by_python | differing(os.environ, self.environment)
        new = [module for name, module in list(sys.modules.items()) if name not in before]
        self.sources |= dict(_sources(new, installed))

    def outdated(self, installed: bool = True) -> str | None:
        """Return a message about a file that was changed after imports read it, or None.

        Parameters
        ----------
        installed : bool
            Whether to check the files of installed modules too, which may be very many.
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
        """Return why the flow file needs a fresh interpreter; None if it does not."""
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
        """Return why the flow's imports may differ from those learned; None if they do not."""
        if not self.learned:
            return None
        top = top_of(source, installed_at)
        if list(top.imports[: len(self.learned)]) != self.learned:
            return _OTHER_IMPORTS
        return own_for_python(script, top.of_python, folders)

    def unlike_import(self, script: str) -> str | None:
        """Return why the flow's own imports of preloaded modules might have another result.

        None if they would not. `refusal` must be checked too.
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
            return "the flow has too much code to search for its settings"
        return change_before_import(sources, self._is_read_by_preloaded, self.filters)

    def _is_read_by_preloaded(self, name: str) -> bool:
        return name.startswith(NATIVE_PREFIXES) or name in self.read_by_preloaded


def _own_module(folders: Iterable[str], name: str) -> Path | None:
    """Return the file of a top-level module of the user, or the folder of a package."""
    for folder in map(Path, folders):
        for place in (folder / name, folder / f"{name}.py"):
            if place.exists():
                return place
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.has_location or not is_users(str(spec.origin)):
        return None  # installed or builtin
    place = Path(str(spec.origin))
    return place.parent if place.name == "__init__.py" else place


class _LookedFor:
    """The first finder of ``sys.meta_path``: records the names of modules, and finds none."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Record the name of a top-level module, whether it is then found or not."""
        if path is None:
            self._names.add(name)


# The state of the warm interpreter, which its forks inherit.
IMPORTED = Imported()


def loaded() -> set[str]:
    """Return the top-level modules that this process has imported."""
    names = {name.partition(".")[0] for name in sys.modules}
    return names - set(sys.builtin_module_names)


def before_metaflow(script: str, found: Preamble, names: Collection[str]) -> str | None:
    """Return which module a preamble imports in place of one that is loaded or installed."""
    folders = (each for each in found.folders if os.path.isdir(each))
    expected = found.of_python | {each for each in found.others if not _is_preloaded(each)}
    return own_for_python(script, expected, found.folders) or next(
        filter(None, (shadowed(each, names) for each in folders)), None
    )


# Their imports change nothing for metaflow's; a test observes each of them.
HARMLESS_ABOVE_METAFLOW = frozenset(
    {"boto3", "cloudpickle", "dateutil", "h5py", "httpx", "jinja2", "joblib", "networkx", "numpy"}
    | {"pandas", "psutil", "pyarrow", "pydantic", "scipy", "sklearn", "tqdm", "yaml"}
)


def _is_harmless_before_metaflow(name: str) -> bool:
    """Return whether ``import metaflow`` gives the same before and after the import of a module.

    Any other module may set variables that Metaflow reads, or replace what it uses, unless the
    probe has observed its import: see `nbrunner.launch.warm.learned`.
    """
    top = name.partition(".")[0]
    return top in HARMLESS_ABOVE_METAFLOW | IMPORTED.left_alone or (
        _is_preloaded(name) and top not in IMPORTED.replacing
    )


def _is_preloaded(name: str) -> bool:
    return name in sys.modules


def found_here(names: Iterable[str], cwd: str) -> str | None:
    """Return a message about a file in ``cwd`` that a preloaded module would have read, or None."""
    for name in names:
        if not os.path.isabs(name) and os.path.lexists(path := os.path.join(cwd, name)):
            return f"{path} would be read by a preloaded module"
    return None


def stamp(path: str) -> str:
    """Return a text that changes with a file, or with a folder's listing if path ends in /."""
    try:
        facts = os.stat(path)
    except OSError as error:
        return type(error).__name__
    if stat.S_ISDIR(facts.st_mode) and not path.endswith(os.sep):
        return "folder"
    return f"{facts.st_mode} {facts.st_size} {facts.st_mtime_ns} {facts.st_ino}"


def local_config(cwd: str, ours: str) -> str | None:
    """Return a message about a metaflow configuration that depends on the directory, or None.

    Parameters
    ----------
    cwd, ours : str
        The current directories of the new process and of this interpreter.
    """
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
    """Return a message about variables that an import would now read differently, or None."""
    differing = sorted(
        name
        for name in {*names, *then, *now}
        if name in names and not name.startswith(_OURS) and then.get(name) != now.get(name)
    )
    names = ", ".join(f"${name}" for name in differing)
    return f"imports read another value of {names}" if differing else None


def own_customization(modules: Mapping[str, ModuleType]) -> str | None:
    """Return a message about a start-up file that may behave differently in each process, or None.

    A file of the system next to the standard library is the same for all programs.
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
