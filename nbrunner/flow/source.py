"""Converts a path or class given by the user to a flow file."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import inspect
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbrunner.environment import absolute, current_directory
from nbrunner.errors import BadTypeError, BadValueError, FlowNotFoundError, StateError
from nbrunner.flow.capture.flow_class import is_flow_class
from nbrunner.flow.given_file import FILE, NOTHING, kind_of_file
from nbrunner.flow.import_path import import_path
from nbrunner.late_module import LateModule
from nbrunner.record import private, registry, run_directory
from nbrunner.record.schema import flow_of

if TYPE_CHECKING:
    from nbrunner.flow.capture import flow_file, flow_text
    from nbrunner.text import line_origins
    from nbrunner.text.line_origins import Origin
else:  # a flow given by its path needs none of them
    flow_file = LateModule("nbrunner.flow.capture.flow_file")
    flow_text = LateModule("nbrunner.flow.capture.flow_text")
    line_origins = LateModule("nbrunner.text.line_origins")

_MAX_WRITTEN = 500
_DIGITS = 16


@dataclass(frozen=True)
class FlowSource:
    """A flow file and the class in it.

    Attributes
    ----------
    file : Path
        Absolute path of the file that Metaflow executes.
    flow_name : str or None
        Name of the class; None for the only one in the file.
    origins : tuple of Origin
        Origins of the lines of a generated file; empty for the user's own files.
    folders : tuple of str
        Folders that a generated file adds to ``sys.path``.
    """

    file: Path
    flow_name: str | None = None
    origins: tuple[Origin, ...] = ()
    folders: tuple[str, ...] = ()

    @property
    def cell(self) -> str:
        """The name of the cell that defines the flow, as in tracebacks; empty for other flows."""
        name = self.origins[-1].name if self.origins else ""
        return name if line_origins.is_cell(name) else ""

    def named(self, text: str) -> str:
        """Return a text with locations in the generated file replaced by their origins."""
        return line_origins.in_origins(text, str(self.file), self.origins)


class NotebookFlow:
    """A flow of the notebook whose flow file is written when it is needed.

    Attributes
    ----------
    flow_name : str
        Name of the class.
    """

    flow_name: str

    def source(self, cwd: str | None = None) -> FlowSource:
        """Return the flow file; see `flow_source`."""
        raise NotImplementedError


def flow_source(flow: Any, cwd: str | None = None) -> FlowSource:
    """Return the flow file for a path or a FlowSpec class.

    Parameters
    ----------
    flow : path-like, FlowSpec class, FlowSource or NotebookFlow
        The flow; a class may come from a module, script or notebook cell.
    cwd : str, optional
        Folder of modules that a class from a cell may import; default the current directory.

    Raises
    ------
    FlowNotFoundError
        The file does not exist or is not a regular file.
    BadValueError
        It is not a Python file, or the source of the class is not available.
    BadTypeError
        The value is neither a path nor a FlowSpec class.
    """
    if isinstance(flow, FlowSource):
        return flow
    if isinstance(flow, NotebookFlow):
        return flow.source(cwd)
    if isinstance(flow, (str, os.PathLike)):
        return FlowSource(_flow_file(os.fspath(flow)))
    if not is_flow_class(flow):
        raise BadTypeError(
            f"flow: expected the path of its file or its FlowSpec class, got {flow!r}"
        )
    module = sys.modules.get(flow.__module__)
    if flow.__module__ == "__main__" or module is None:
        folders = list(dict.fromkeys((*_script_folder(module), cwd or current_directory())))
        path = import_path(folders)
        namespace = vars(module) if module else {}
        text, origins = flow_file.flow_file_text(flow, namespace, path.first, path.last)
        file = write_flow_file(flow.__name__, text)
        return FlowSource(file, flow.__name__, origins, (*path.first, *path.last))
    return _module_source(flow)


def _script_folder(module: object) -> tuple[str, ...]:
    """Return the folder of a script's modules; empty for a notebook."""
    script = getattr(module, "__file__", None)
    return (os.path.dirname(os.path.abspath(script)),) if script else ()


def _flow_file(given: str | bytes) -> Path:
    text = os.fsdecode(given)
    path = Path(os.path.normpath(absolute(text)))
    where = repr(text) if text == str(path) else f"{text!r} (that is, {path})"
    kind = kind_of_file(path)
    if kind == NOTHING:
        raise FlowNotFoundError(
            f"no flow file at {where}; relative paths start at the current directory"
        )
    if kind != FILE:
        raise FlowNotFoundError(f"{where} is {kind}; expected the path of a .py file")
    if path.suffix != ".py":
        raise BadValueError(f"{where} is not a Python file; the name of a flow file ends in .py")
    return path


def _module_source(flow: Any) -> FlowSource:
    """Return the file of the class if it runs the class, else a file that imports it."""
    file = Path(inspect.getfile(flow)).resolve()
    if _runs(file, flow.__name__):
        return FlowSource(file, flow.__name__)
    module, name = flow.__module__, flow.__qualname__
    if "." in name:
        raise BadValueError(
            f"{module}.{name} is not defined at the top level of its module; a flow must be"
        )
    root = file.parents[len(module.split(".")) - (file.name != "__init__.py")]
    text = (
        f"{flow_text.import_path_line([str(root)])}\nfrom {module} import {name}\n\n"
        f"if __name__ == '__main__':\n    {name}()\n"
    )
    return FlowSource(write_flow_file(name, text), name)


def _runs(file: Path, name: str) -> bool:
    """Return whether a file runs the flow with this name when executed.

    A file with relative imports is part of a package and cannot be executed.
    """
    nodes = list(ast.walk(ast.parse(file.read_bytes())))
    if any(isinstance(node, ast.ImportFrom) and node.level for node in nodes):
        return False
    for node in nodes:
        if isinstance(node, ast.If) and "__name__" in ast.dump(node.test):
            calls = (each.func for each in ast.walk(node) if isinstance(each, ast.Call))
            if any(isinstance(func, ast.Name) and func.id == name for func in calls):
                return True
    return False


def write_flow_file(name: str, text: str) -> Path:
    """Write a generated flow file to the state directory; the same text gives the same file.

    The file is not temporary, since tasks may start long after the run. The oldest files are
    deleted when there are too many.
    """
    folder = _written_files()
    data = text.encode()
    digest = hashlib.sha256(data).hexdigest()[:_DIGITS]
    file = folder / digest / f"{name}.py"
    try:
        private.make_folder(file.parent)
        _check_beside(file)
        if not file.exists() or private.read_bytes(file) != data:
            private.replace(file, file.with_name(f".{secrets.token_hex(4)}"), data)
        os.utime(file.parent)
    except private.NotPrivateError as error:
        raise StateError(
            f"the flow file could not be written: {error.filename} {error.strerror}"
        ) from error
    except OSError as error:
        raise StateError(f"cannot write a flow file in {folder}: {error}") from error
    _drop_oldest(folder)
    return file


def _check_beside(file: Path) -> None:
    """Raise if a file that a generated flow could import from its folder is another user's."""
    for each in file.parent.iterdir():
        private.check_owner(each)


def is_generated(file: Path) -> bool:
    """Return whether a flow file was written by `write_flow_file`."""
    return file.parent.parent == registry.state_directory() / "flows"


def _written_files() -> Path:
    return registry.folder("flows")


def _drop_oldest(folder: Path) -> None:
    # Consider our own folders only; the user may keep others here.
    kept = sorted(folder.glob("[0-9a-f]" * _DIGITS), key=_modified)
    superfluous = kept[:-_MAX_WRITTEN]
    needed = _folders_of_living_runs() if superfluous else set()
    for old in superfluous:
        if old.name not in needed:
            with contextlib.suppress(OSError):  # another process was faster
                for file in old.iterdir():
                    file.unlink()
                old.rmdir()


def _modified(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another process was faster
        return 0.0


def _folders_of_living_runs() -> set[str]:
    """Return the names of the folders with flow files of active runs."""
    records = (
        each.read(run_directory.RECORD) or {}
        for each in registry.unended()
        if not each.exists(run_directory.EXIT)
    )
    return {Path(flow_of(record)["file"]).parent.name for record in records}
