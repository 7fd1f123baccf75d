"""Child process that describes a flow; the only code that imports a user's flow.

It reads a request (JSON) from the file given first on its command line and writes the result
to the file given second.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import sys
import traceback
import types
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def main() -> None:
    """Read the request from the first file and write the result to the second."""
    request_file, answer_file = sys.argv[1:3]
    if sys.path[:1] == [os.path.dirname(os.path.abspath(__file__))]:
        del sys.path[0]  # the package's own directory, which the flow must not import from
    # Import this very package, even if the interpreter would find another one.
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    from nbrunner.engine import metaflow_versions
    from nbrunner.flow.describe import metaflow_description
    from nbrunner.flow.describe.files_read import FilesRead
    from nbrunner.launch.warm.eligibility import IMPORTED
    from nbrunner.launch.warm.probe.variables import VariablesRead

    del sys.path[0]
    variables = VariablesRead()
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    sys.argv = [request["file"]]
    files = FilesRead()
    with variables.noting():
        answer = answer_to(request, metaflow_description)
    answer["read"] = files.facts()
    answer["variables"] = sorted({*IMPORTED.read, *variables.names})
    answer["prefixes"] = sorted({*IMPORTED.read.prefixes, *variables.prefixes})
    answer["metaflow"] = metaflow_versions.installed()
    temporary = f"{answer_file}.part"
    # Readable by this user only, whatever umask the flow sets.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(answer))
    Path(temporary).replace(answer_file)


def answer_to(request: Json, description: Any) -> Json:
    """Return ``{"description": ...}`` or ``{"error": ...}`` for a request.

    Parameters
    ----------
    request : dict
        ``file``, ``flow`` (a class name, or None for the only one) and ``top_level``, the words
        before the subcommand.
    description : module
        `nbrunner.flow.describe.metaflow_description`.
    """
    try:
        module = _import_file(request["file"])
    except BaseException as error:  # includes SystemExit and KeyboardInterrupt of the flow file
        return {"error": _load_error(error, request["file"])}
    try:
        return {"description": description.describe(module, request)}
    except description.UnusableFlowError as error:
        return {"error": {"kind": "value", "message": str(error)}}
    except (Exception, SystemExit) as error:
        if description.is_metaflows(error):
            return {"error": {"kind": "metaflow", "message": description.said(error)}}
        return {"error": _option_error(error, request["file"])}


class _FromSource(importlib.machinery.SourceFileLoader):
    """Loads a flow file as ``python flow.py`` does: never from cached bytecode.

    Bytecode is matched by size and whole seconds, and notebooks write files more often.
    """

    def get_code(self, fullname: str) -> types.CodeType:
        """Compile and return the code of the file."""
        code: types.CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _import_file(path: str) -> types.ModuleType:
    # As the interpreter does: modules are next to the file, not next to a link to it.
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    name = Path(path).stem
    loader = _FromSource(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _load_error(error: BaseException, path: str) -> Json:
    """Return the error that the flow file raised, with the frames from its own code on."""
    frames = traceback.extract_tb(error.__traceback__)
    own = next((i for i, frame in enumerate(frames) if frame.filename == path), len(frames))
    lines = ["Traceback (most recent call last):\n"] if frames[own:] else []
    lines += traceback.format_list(frames[own:])
    lines += traceback.format_exception_only(type(error), error)
    where = {}
    if isinstance(error, SyntaxError):
        names = ("filename", "lineno", "offset", "text")
        where = {name: getattr(error, name) for name in names}
    return {
        "kind": "load",
        "family": _family(error),
        "type": type(error).__name__,
        "code": error.code if isinstance(error, SystemExit) else None,
        "traceback": "".join(lines),
        **where,
    }


def _family(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return "syntax"
    return "import" if isinstance(error, ImportError) else "other"


def _option_error(error: BaseException, path: str) -> Json:
    """Return Metaflow's error about the flow, its configs or its top-level options."""
    raised: Any = error
    metaflows = [kind for kind in type(error).__mro__ if kind.__module__.startswith("metaflow.")]
    kinds = {kind.__name__ for kind in metaflows}
    if "ClickException" in kinds:
        return {"kind": "value", "message": raised.format_message()}
    if "MetaflowException" in kinds:
        return {"kind": "flow", "message": f"{raised.headline}: {raised}"}
    return _load_error(error, path)


if __name__ == "__main__":
    main()
