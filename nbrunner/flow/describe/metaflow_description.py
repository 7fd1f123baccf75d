"""The description of an imported flow, from Metaflow's own objects, as JSON.

The options come from Metaflow's command line, built the way Metaflow builds it when the flow file
is executed, so they include those of decorators, configs and extensions.

All private names of Metaflow used for the description are in this file. An error raised in this
file means that one of them has changed, and is not the flow's fault: see `is_metaflows`.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from nbrunner.engine.metaflow_versions import raised_in
from nbrunner.errors import shown
from nbrunner.flow.given_file import ENDLESS, kind_of_file

Json = dict[str, Any]

# Attributes of FlowSpec itself, which are not parameters of a flow.
_NO_PARAMETERS = {"cmd", "foreach_stack", "index", "input", "script_name", "name"}


class UnusableFlowError(Exception):
    """The flow file does not define exactly one flow that can be run."""


def describe(module: types.ModuleType, request: Json) -> Json:
    """Return the description of a flow in an imported module.

    Raises
    ------
    UnusableFlowError
        The module does not define exactly one flow that can be run.
    Exception
        Raised by the flow, by Metaflow about the flow, or by this file: see `is_metaflows`.
    """
    return _by_command_line(_only_flow(module, request["flow"]), request)


def is_metaflows(error: BaseException) -> bool:
    """Return whether an error means that Metaflow differs from what this file expects."""
    own_kind = type(error).__module__ != "builtins"  # Metaflow's exceptions are about the flow
    return raised_in(__file__, error) and not own_kind


def said(error: BaseException) -> str:
    """Return type and message of an error."""
    return f"{type(error).__name__}: {error}"


def _only_flow(module: types.ModuleType, name: str | None) -> Any:
    """Return the requested FlowSpec class, or the only one of the module."""
    from metaflow import FlowMutator, FlowSpec

    found = {}
    for each in vars(module).values():
        flow = each._flow_cls if isinstance(each, FlowMutator) else each
        if inspect.isclass(flow) and issubclass(flow, FlowSpec) and flow is not FlowSpec:
            found[flow.__name__] = flow
    if name is not None:
        if name not in found:
            raise UnusableFlowError(
                f"no FlowSpec named {name} in {module.__file__}; found {_listed(found)}"
            )
        return found[name]
    own = [flow for flow in found.values() if flow.__module__ == module.__name__]
    # Base classes of other flows are not meant to be run.
    leaves = [flow for flow in own if not any(flow in other.__mro__[1:] for other in own)]
    if len(leaves) == 1:
        return leaves[0]
    if not leaves:
        raise UnusableFlowError(
            f"no FlowSpec class found in {module.__file__}; a flow file must define one and "
            "run it under: if __name__ == '__main__'"
        )
    raise UnusableFlowError(
        f"{module.__file__} defines {len(leaves)} flows, {_listed(leaves)}; "
        "a flow file must define one. Split the file, or pass the class to Runner"
    )


def _listed(flows: Any) -> str:
    return ", ".join(sorted(getattr(flow, "__name__", flow) for flow in flows)) or "none"


def _by_command_line(flow: Any, request: Json) -> Json:
    """Return the description taken from Metaflow's command line.

    The command line is built as for ``if __name__ == "__main__": Flow()``. It is intercepted where
    it would start to work, with the flow's context and the state that it has created.
    """
    from metaflow import FlowSpec
    from metaflow._vendor import click

    own_init = flow.__init__ is not FlowSpec.__init__
    if own_init:
        try:
            inspect.signature(flow).bind()
        except TypeError as error:
            raise UnusableFlowError(
                f"{flow.__name__}() cannot be called without arguments: {error}"
            ) from error
    results: list[Json | Exception] = []

    def look(command_line: object, *_arguments: object, **extra: object) -> None:
        try:
            results.append(_describe(flow, command_line, extra, request))
        except Exception as error:  # else Metaflow would print it
            results.append(error)
        sys.exit()  # as click does at the end of a command

    run, click.BaseCommand.main = click.BaseCommand.main, look
    try:
        flow()
    except SystemExit:
        if not results:
            raise
    finally:
        click.BaseCommand.main = run
    if not results and own_init:
        raise UnusableFlowError(
            f"{flow.__name__}() does not call FlowSpec.__init__, which runs the flow"
        )
    if not results:
        raise AttributeError("FlowSpec() does not call metaflow._vendor.click.BaseCommand.main")
    if isinstance(results[0], Exception):
        raise results[0]
    return results[0]


def _describe(flow: Any, command_line: Any, extra: Json, request: Json) -> Json:
    """Return the description of a flow from its command line and the arguments of its call."""
    configs = [each for each in _parameters(flow) if _is_config(each)]
    _check_default_files(configs, request["top_level"])
    arguments = [*request["top_level"], "run"]
    names = ("obj", "auto_envvar_prefix")
    context = command_line.make_context(
        request["file"], arguments, **{name: extra[name] for name in names}
    )
    state = extra["obj"]
    delayed = getattr(state, "delayed_config_exception", None)
    if delayed is not None:
        raise delayed
    flow = _mutated(state.flow, context.params) or flow
    commands = {name: command_line.get_command(context, name) for name in ("run", "resume", "spin")}
    parameters = [each for each in _parameters(flow) if not _is_config(each)]
    unknown: list[str] = []
    return {
        "name": flow.__name__,
        "file": request["file"],
        "doc": inspect.cleandoc(flow.__doc__ or "") if "__doc__" in vars(flow) else "",
        "decorators": _part("the flow's decorators", lambda: _flow_decorators(flow), unknown),
        "top_level": [_provider_option(each) for each in command_line.params],
        **_subcommands(commands, parameters),
        "configs": _part("its configs", lambda: [_config(each) for each in configs], unknown),
        "steps": _part("its steps", lambda: _steps(flow), unknown),
        "spin_root": _spin_root(),
        "unknown": unknown,
    }


def _check_default_files(configs: list[Any], given: list[str]) -> None:
    """Refuse configs that Metaflow would read from a file without end, such as a named pipe."""
    for facts in map(vars, configs):
        path = facts["kwargs"].get("default")
        is_used = facts["name"] not in given and isinstance(path, (str, os.PathLike))
        # Without the attribute, the description of the configs warns.
        if not facts.get("_default_is_file") or not is_used or os.fspath(path) == os.devnull:
            continue
        kind = kind_of_file(os.path.expanduser(path))
        if kind in ENDLESS:
            raise UnusableFlowError(
                f"config {facts['name']}: expected the path of a file as its default, got "
                f"{os.fspath(path)!r}: it is {kind}"
            )


def _spin_root() -> str | None:
    from metaflow import metaflow_config

    return getattr(metaflow_config, "DATASTORE_SYSROOT_SPIN", None)


def _part(what: str, read: Callable[[], list[Any]], unknown: list[str]) -> list[Any]:
    """Return a part that runs do not need; empty, and reported, if Metaflow lacks it."""
    try:
        return read()
    except Exception as error:
        if not is_metaflows(error):
            raise
        unknown.append(f"{what} ({said(error)})")
        return []


def _mutated(instance: Any, parameters: Json) -> Any:
    """Apply the flow's mutators and configs, as ``metaflow.cli.start`` does.

    Returns the class, which mutators may have replaced.
    """
    flow = type(instance)  # an instance raises its own error for missing attributes
    process = flow._process_config_decorators
    if "external_init" not in process.__code__.co_names:  # newer versions call it there
        for mutator in flow._flow_mutators.__get__(instance):
            mutator.external_init()
    return process(parameters.get("config") or parameters.get("config_value"))


def _flow_decorators(flow: Any) -> list[str]:
    # A property of instances, which works without __init__.
    return list(flow._flow_decorators.__get__(flow.__new__(flow)))


def _parameters(flow: Any) -> Iterator[Any]:
    """Yield the flow's parameters and configs, in the order of their definition."""
    from metaflow import Parameter

    attributes: dict[str, None] = {}
    for base in reversed(flow.__mro__):
        attributes |= dict.fromkeys(vars(base))
    for name in attributes:
        if name.startswith("_") or name in _NO_PARAMETERS or not hasattr(flow, name):
            continue
        value = getattr(flow, name)
        if isinstance(value, Parameter):
            yield value


def _is_config(parameter: object) -> bool:
    from metaflow import Config

    return isinstance(parameter, Config)


def _subcommands(commands: Json, parameters: list[Any]) -> Json:
    """Split the options of ``run`` into the flow's parameters and Metaflow's own."""
    from metaflow import IncludeFile

    flags = [f"--{each.name}" for each in parameters]
    files = {f"--{each.name}" for each in parameters if isinstance(each, IncludeFile)}
    of_run = commands["run"].params
    # Parameters come first; one may have the name of a Metaflow option.
    found = [each for each in of_run if each.opts[0] in flags][: len(flags)]
    if len(found) < len(flags):  # run_cmds was imported before mutators added parameters
        missing = set(flags) - {each.opts[0] for each in found}
        raise RuntimeError(f"parameters {sorted(missing)} are missing from Metaflow's command line")
    found.sort(key=lambda each: flags.index(each.opts[0]))
    return {
        "parameters": [
            {**_option(each), "kind": "file"} if each.opts[0] in files else _option(each)
            for each in found
        ],
        "run": [_option(each) for each in of_run if each not in found],
        "resume": [_option(each) for each in commands["resume"].params],
        "spin": [_option(each) for each in commands["spin"].params],
    }


def _option(each: Any) -> Json:
    from metaflow._vendor import click

    positional = isinstance(each, click.Argument)
    computed = callable(each.default)
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


def _config(each: object) -> Json:
    """Return the option of a Config, whose default is a value or the path of a file."""
    facts = vars(each)  # getattr() on a Config returns something for any name
    given = facts["kwargs"]
    default = given.get("default")
    computed = callable(default)
    return {
        "name": facts["name"],
        "flag": "--config" if facts["_default_is_file"] else "--config-value",
        "kind": "config",
        "default": None if computed else _plain(default),
        "default_is_computed": computed,
        "required": bool(given.get("required")) and default is None,
        "values": 2,
        "choices": [],
        "help": str(given.get("help") or ""),
    }


def _provider_option(each: object) -> Json:
    """Return a top-level option with sorted choices: Metaflow lists providers from a set."""
    option = _option(each)
    return {**option, "choices": sorted(option["choices"])}


def _kind(each: Any) -> str:
    from metaflow import JSONTypeClass
    from metaflow._vendor.click import types as click_types

    # A parameter of the flow may have this name, but takes one value.
    if each.name in ("config", "config_value") and each.nargs == 2:
        return "config"
    if getattr(each, "is_flag", False):
        return "bool"
    kinds: list[tuple[type, str]] = [
        (JSONTypeClass, "json"),
        (click_types.Choice, "choice"),
        (click_types.IntParamType, "int"),
        (click_types.FloatParamType, "float"),
        (click_types.BoolParamType, "bool"),
        (click_types.StringParamType, "str"),
        (click_types.Path, "str"),
        (click_types.Tuple, "tuple"),
    ]
    return next((kind for known, kind in kinds if isinstance(each.type, known)), "other")


def _plain(value: object) -> Any:
    """Return a value in JSON form."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        pass
    try:
        return str(value)
    except ValueError:  # an integer with more digits than Python converts
        return shown(value)


def _steps(flow: Any) -> list[Json]:
    graph = flow._graph
    names = list(dict.fromkeys([*graph.sorted_nodes, *graph.nodes]))
    return [_step(graph.nodes[name]) for name in names]


def _step(node: Any) -> Json:
    kind = {"split-switch": "switch", "split-and": "split"}.get(node.type, node.type)
    if kind == "foreach" and node.parallel_foreach:
        kind = "parallel"
    # Metaflow names the type of the first step "start" only if it does not branch.
    decorators = [deco.name for deco in node.decorators if not deco.name.startswith("_")]
    decorators += [deco.decorator_name for deco in [*node.wrappers, *node.config_decorators]]
    return {
        "name": node.name,
        "type": str(kind or "linear"),
        "next": list(node.out_funcs),
        "doc": inspect.cleandoc(node.doc or ""),
        "decorators": decorators,
    }
