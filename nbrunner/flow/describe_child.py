"""Describes one flow, in a process of its own: the only code that imports a user's flow.

Run as ``python -m``-like child: reads a request (JSON) from the file named on its command
line and writes the answer next to it. The options come from Metaflow's own command line,
built as it builds itself when the flow file is executed, so that whatever decorators,
configs and extensions add is there.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import inspect
import json
import os
import sys
import traceback
import types
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class _Wrong(Exception):
    """The flow file holds no flow, or more than one that could be meant."""


def main() -> None:
    """Answer the request in the file named first, in the file named second."""
    request_file, answer_file = sys.argv[1:3]
    if sys.path[:1] == [os.path.dirname(os.path.abspath(__file__))]:
        del sys.path[0]  # no place to import a flow's modules from
    noting_reads, variables = _noting_reads()
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    sys.argv = [request["file"]]
    files = _FilesRead()
    with noting_reads(variables):
        answer = answer_to(request)
    answer["read"] = files.facts()
    answer["variables"] = sorted(variables)
    temporary = f"{answer_file}.part"
    Path(temporary).write_text(json.dumps(answer), encoding="utf-8")
    os.replace(temporary, answer_file)


def _noting_reads() -> tuple[Any, set[str]]:
    """Return what notes the variables read, and those read before a warm start."""
    # This very package, wherever the interpreter would look for one of its name.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    try:
        from nbrunner.launch.exactness import IMPORTED, noting_reads
    finally:
        del sys.path[0]
    return noting_reads, set(IMPORTED.read)


def answer_to(request: Json) -> Json:
    """Return ``{"description": ...}`` or ``{"error": ...}`` for a request.

    The request holds ``file``, ``flow`` (a class name, or None for the only one) and
    ``top_level``, the words before the subcommand.
    """
    try:
        module = _import_file(request["file"])
    except BaseException as error:  # SystemExit and KeyboardInterrupt of the flow file too
        return {"error": _load_error(error, request["file"])}
    try:
        flow = _only_flow(module, request["flow"])
        return {"description": _describe(flow, request)}
    except _Wrong as error:
        return {"error": {"kind": "value", "message": str(error)}}
    except Exception as error:
        return {"error": _option_error(error, request["file"])}


class _FromSource(importlib.machinery.SourceFileLoader):
    """Reads a flow file as ``python flow.py`` does: never from cached bytecode.

    That is told apart by size and whole seconds, and notebooks write faster.
    """

    def get_code(self, fullname: str) -> types.CodeType:
        code: types.CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _import_file(path: str) -> types.ModuleType:
    # As the interpreter does: modules are beside the file, not beside a link to it.
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
    """Tell what the flow file raised, with the frames from its own code on."""
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


def _option_error(error: Exception, path: str) -> Json:
    """Tell what Metaflow has against the flow, its configs or its top-level options."""
    from metaflow._vendor.click import ClickException
    from metaflow.exception import MetaflowException

    if isinstance(error, ClickException):
        return {"kind": "value", "message": error.format_message()}
    if isinstance(error, MetaflowException):
        return {"kind": "flow", "message": f"{error.headline}: {error}"}
    return _load_error(error, path)


def _only_flow(module: types.ModuleType, name: str | None) -> Any:
    """Return the FlowSpec class that is meant."""
    from metaflow import FlowMutator, FlowSpec

    found = {}
    for each in vars(module).values():
        flow = each._flow_cls if isinstance(each, FlowMutator) else each
        if inspect.isclass(flow) and issubclass(flow, FlowSpec) and flow is not FlowSpec:
            found[flow.__name__] = flow
    if name is not None:
        if name not in found:
            raise _Wrong(f"no FlowSpec named {name} in {module.__file__}; found {_listed(found)}")
        return found[name]
    own = [flow for flow in found.values() if flow.__module__ == module.__name__]
    # A class that others build on is not meant to be run itself.
    leaves = [flow for flow in own if not any(flow in other.__mro__[1:] for other in own)]
    if len(leaves) == 1:
        return leaves[0]
    if not leaves:
        raise _Wrong(
            f"no FlowSpec class found in {module.__file__}; a flow file defines one, and "
            "runs it under: if __name__ == '__main__'"
        )
    raise _Wrong(
        f"{module.__file__} defines {len(leaves)} flows, {_listed(leaves)}; "
        "a flow file holds one: split it, or give the class itself to Runner"
    )


def _listed(flows: Any) -> str:
    return ", ".join(sorted(getattr(flow, "__name__", flow) for flow in flows)) or "none"


def _describe(flow: Any, request: Json) -> Json:
    from metaflow.parameters import flow_context

    with flow_context(flow):
        # Imported in the flow's context for the first time in this process: Metaflow adds
        # the options of its configs and decorators while these modules are imported.
        from metaflow import cli

        # A script hands the very instance to its command line; it must not start it here.
        state = cli.CliState(flow(use_cli=False))
        state.entrypoint = [sys.executable, request["file"]]
        arguments = [*request["top_level"], "run"]
        context = cli.start.make_context(
            request["file"], arguments, obj=state, auto_envvar_prefix="METAFLOW"
        )
        delayed = getattr(state, "delayed_config_exception", None)
        if delayed is not None:
            raise delayed
        flow = _mutated(flow, context.params)
    with flow_context(flow):
        commands = {
            name: cli.start.get_command(context, name) for name in ("run", "resume", "spin")
        }
        parameters = _parameter_names(flow)
        return {
            "name": flow.__name__,
            "file": request["file"],
            "doc": inspect.cleandoc(flow.__doc__ or "") if "__doc__" in vars(flow) else "",
            "decorators": _flow_decorators(flow),
            "top_level": [_provider_option(each) for each in cli.start.params],
            **_subcommands(commands, parameters),
            "configs": [_config(p) for _, p in flow._get_parameters() if p.IS_CONFIG_PARAMETER],
            "steps": _steps(flow),
            "spin_root": _spin_root(),
        }


def _spin_root() -> str | None:
    from metaflow import metaflow_config

    return getattr(metaflow_config, "DATASTORE_SYSROOT_SPIN", None)


def _mutated(flow: Any, parameters: Json) -> Any:
    """Apply the flow's mutators and configs, as ``metaflow.cli.start`` does."""
    config_options = parameters.get("config") or parameters.get("config_value")
    for mutator in flow._flow_state[_flow_state_items().FLOW_MUTATORS]:
        mutator.external_init()
    return flow._process_config_decorators(config_options) or flow


def _flow_state_items() -> Any:
    from metaflow.flowspec import FlowStateItems

    return FlowStateItems


def _flow_decorators(flow: Any) -> list[str]:
    return [name for name in flow._flow_state[_flow_state_items().FLOW_DECORATORS]]


def _parameter_names(flow: Any) -> list[str]:
    """Return the names of the flow's parameters, in the order of their definition."""
    attributes: dict[str, None] = {}
    for base in reversed(flow.__mro__):
        attributes |= dict.fromkeys(vars(base))
    order = {name: place for place, name in enumerate(attributes)}
    found = [(order[var], p.name) for var, p in flow._get_parameters() if not p.IS_CONFIG_PARAMETER]
    return [name for _, name in sorted(found)]


def _subcommands(commands: Json, parameter_names: list[str]) -> Json:
    """Split the options of ``run`` into the flow's parameters and Metaflow's own."""
    flags = [f"--{name}" for name in parameter_names]
    of_run = commands["run"].params
    # The parameters stand first; one may be named like an option of Metaflow's own.
    found = [each for each in of_run if each.opts[0] in flags][: len(flags)]
    if len(found) < len(flags):  # run_cmds was imported before the mutators added some
        missing = set(flags) - {each.opts[0] for each in found}
        raise RuntimeError(f"parameters {sorted(missing)} did not reach Metaflow's command line")
    found.sort(key=lambda each: flags.index(each.opts[0]))
    return {
        "parameters": [_option(each) for each in found],
        "run": [_option(each) for each in of_run if each not in found],
        "resume": [_option(each) for each in commands["resume"].params],
        "spin": [_option(each) for each in commands["spin"].params],
    }


def _option(each: Any) -> Json:
    from metaflow._vendor import click
    from metaflow.parameters import DeployTimeField

    positional = isinstance(each, click.Argument)
    computed = isinstance(each.default, DeployTimeField) or callable(each.default)
    off = list(getattr(each, "secondary_opts", ()))
    return {
        "name": each.name,
        "flag": each.opts[0],
        "kind": _kind(each),
        "default": None if computed else _plain(each.default),
        "default_is_computed": computed,
        "required": bool(each.required),
        "multiple": bool(getattr(each, "multiple", False)),
        "is_flag": bool(getattr(each, "is_flag", False)),
        "positional": positional,
        "off_flag": off[0] if off else None,
        "values": each.nargs,
        "choices": [str(choice) for choice in getattr(each.type, "choices", ())],
        "help": str(getattr(each, "help", None) or ""),
    }


def _config(each: Any) -> Json:
    """Describe a Config: its default is a value, or the path of a file."""
    default = each.kwargs.get("default")
    computed = callable(default)
    return {
        "name": each.name,
        "flag": "--config" if each._default_is_file else "--config-value",
        "kind": "config",
        "default": None if computed else _plain(default),
        "default_is_computed": computed,
        "required": bool(each.kwargs.get("required")) and default is None,
        "values": 2,
        "choices": [],
        "help": str(each.kwargs.get("help") or ""),
    }


def _provider_option(each: Any) -> Json:
    """Describe a top-level option: Metaflow lists providers from a set, in no order."""
    option = _option(each)
    return {**option, "choices": sorted(option["choices"])}


def _kind(each: Any) -> str:
    from metaflow._vendor.click import types as click_types
    from metaflow.includefile import FilePathClass
    from metaflow.parameters import JSONTypeClass

    # A parameter of the flow may have the name, and takes one value.
    if each.name in ("config", "config_value") and each.nargs == 2:
        return "config"
    if getattr(each, "is_flag", False):
        return "bool"
    kinds: list[tuple[type, str]] = [
        (JSONTypeClass, "json"),
        (FilePathClass, "file"),
        (click_types.Choice, "choice"),
        (click_types.IntParamType, "int"),
        (click_types.FloatParamType, "float"),
        (click_types.BoolParamType, "bool"),
        (click_types.StringParamType, "str"),
        (click_types.Path, "str"),
        (click_types.Tuple, "tuple"),
    ]
    return next((kind for known, kind in kinds if isinstance(each.type, known)), "other")


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return str(value)


def _steps(flow: Any) -> list[Json]:
    graph = flow._graph
    names = list(dict.fromkeys([*graph.sorted_nodes, *graph.nodes]))
    return [_step(graph.nodes[name]) for name in names]


def _step(node: Any) -> Json:
    kind = {"split-switch": "switch", "split-and": "split"}.get(node.type, node.type)
    if kind == "foreach" and node.parallel_foreach:
        kind = "parallel"
    # Metaflow calls the first step "start" only if nothing branches off there.
    decorators = [deco.name for deco in node.decorators if not deco.name.startswith("_")]
    decorators += [deco.decorator_name for deco in [*node.wrappers, *node.config_decorators]]
    return {
        "name": node.name,
        "type": str(kind or "linear"),
        "next": list(node.out_funcs),
        "doc": inspect.cleandoc(node.doc or ""),
        "decorators": decorators,
    }


class _FilesRead:
    """Notes every file that this process reads from now on: modules, configs, data.

    A file that is not there counts too: the answer may be another one once it is. What is
    installed is left out: it changes with the environment, not with the flow.
    """

    def __init__(self) -> None:
        self._opened: set[str] = set()
        self._written: set[str] = set()
        places = ("lib", "lib64", "share", "local/lib")  # Debian's /usr may hold a project too
        installed = [f"{each}/{name}" for each in (sys.prefix, sys.base_prefix) for name in places]
        installed += [os.path.dirname(os.__file__), "/proc", "/sys", "/dev"]
        self._prefixes = tuple(os.path.join(each, "") for each in installed)
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path = os.path.abspath(os.fsdecode(arguments[0]))
            _, mode, flags = arguments
            writes = any(letter in (mode or "") for letter in "wax+")
            writes = writes or (mode is None and flags & (os.O_WRONLY | os.O_RDWR))
            (self._written if writes else self._opened).add(path)

    def facts(self) -> list[list[Any]]:
        """Return [path, mtime in ns, size] of each; None for both where there is no file."""
        # A module read from its cached bytecode was not opened itself.
        modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        found: list[list[Any]] = []
        for path in sorted(filter(None, modules | self._opened - self._written)):
            if not path.startswith(self._prefixes) and not path.endswith(".pyc"):
                found.append([path, *_stamp(path)])
        return found


def _stamp(path: str) -> tuple[int, int] | tuple[None, None]:
    try:
        facts = os.stat(path)
    except OSError:
        return None, None
    return facts.st_mtime_ns, facts.st_size


if __name__ == "__main__":
    main()
