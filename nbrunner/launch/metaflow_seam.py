"""Metaflow's private names, as far as warm starts use or replace them: all of them are here.

`verify` looks at each once Metaflow has been imported. Where one is missing, or is not what
this module takes it for, a fork might not do what a fresh interpreter does: then every run is
started cold and says why.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import io
import os
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

from nbrunner.engine import metaflow_versions

# All that a run and its tasks import, but for the modules that Metaflow changes, while
# they are imported, to fit the flow at hand: metaflow.cli and what imports it.
PRELOADED = (
    "metaflow",
    "metaflow.runtime",
    "metaflow.datastore",
    "metaflow.package",
    "metaflow.lint",
    "metaflow.task",
    "metaflow.system",
    "metaflow.client.core",
    "metaflow.pylint_wrapper",
    "metaflow.cli_components.utils",
    "metaflow.plugins.cards.card_cli",
)

# Those modules: each process executes them itself. Reading and compiling them is the same for all.
COMPILED = (
    "metaflow.cli",
    "metaflow.cli_components.run_cmds",
    "metaflow.cli_components.step_cmd",
)

# What these modules take from their process while they are imported, as (what, module,
# function; "<module>" outside of one). `set_directory` renews the first in a fork.
RENEWED_DRAWS = (("calls os.getcwd()", "metaflow.metaflow_config", "<module>"),)
HARMLESS_DRAWS = (
    # nbrunner.launch.warm.eligibility.local_config looks for the same file for each run.
    ("calls os.getcwd()", "metaflow.metaflow_config_funcs", "init_local_config"),
    # Puts a class there, as a cold start does.
    ("looks at __main__", "metaflow.tuple_util", "namedtuple_with_defaults"),
)

# Packages the flow's code in a thread of its own, by generators of the second.
PACKAGING = "metaflow.package"
PACKAGING_GENERATORS = "metaflow.packaging_sys"

_RUNTIME = "metaflow.runtime"
_CONFIG = "metaflow.metaflow_config_funcs"
_GIT = "metaflow.metaflow_git"
_LOCAL_METADATA = "metaflow.plugins.metadata_providers.local"

# The values of Metaflow's configuration that default to the directory of the process.
_DIRECTORIES = ("ARTIFACT_LOCALROOT",)

# What the stand-ins (warm/task_popen.py, warm/log_pipes.py) have of what Metaflow's runtime
# could ask for: a process, the pipe of its output, the poll.
_PROCESS_HAS = {"args", "pid", "stdin", "stdout", "stderr", "returncode", "poll", "wait"} | {
    *("send_signal", "terminate", "kill"),
}
_PIPE_HAS = {"fileno", "readline", "close", "write"}  # the runtime writes to buffers of its own
_POLL_HAS = {"add", "remove", "poll"}


class _Unlike(Exception):
    """Metaflow is not what this module takes it for; says in what, as a predicate of Metaflow."""


def preload() -> str:
    """Import what every run needs; return why warm starts cannot be, or an empty string."""
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("metaflow"):
                raise
            return _reason(f"has no {error.name}")
    return ""


def verify() -> str:
    """Return why this Metaflow, which has been imported, allows no warm starts; or nothing."""
    for check in _CHECKS:
        try:
            check()
        except _Unlike as unlike:
            return _reason(str(unlike))
        except Exception as error:  # whatever has become of it, it is not as expected
            return _reason(f"is not as expected: {type(error).__name__}: {error}")
    return ""


def _reason(what: str) -> str:
    version = metaflow_versions.installed()
    return f"Metaflow {version} {what}; nbrunner is tested with {metaflow_versions.RANGE}"


def _look_up(module: str, path: str = "") -> Any:
    """Return what a name stands for."""
    found: Any = sys.modules.get(module)
    if found is None:
        raise _Unlike(f"has no {module}")
    for name in filter(None, path.split(".")):
        if not hasattr(found, name):
            raise _Unlike(f"has no {module}.{path}")
        found = getattr(found, name)
    return found


def _takes(module: str, path: str, *names: str) -> None:
    """Check that a function takes these arguments, and needs no other."""
    signature = inspect.signature(_look_up(module, path))
    found = list(signature.parameters.values())
    more = found[len(names) :]
    if [each.name for each in found[: len(names)]] != list(names) or any(
        each.default is each.empty and each.kind is not each.VAR_KEYWORD for each in more
    ):
        raise _Unlike(f"has {module}.{path}{signature}, with other arguments")


def _codes(space: Any) -> Iterator[types.CodeType]:
    """Yield the code of the functions and classes in a module, or of the functions in a class."""
    for value in list(vars(space).values()):
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        elif isinstance(value, property):
            value = value.fget
        if isinstance(value, types.FunctionType):
            yield from _nested(value.__code__)
        if isinstance(space, types.ModuleType) and isinstance(value, type):
            yield from _codes(value)


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _nested(each)


def _uses(space: Any, *names: str) -> bool:
    """Tell whether one function of a module or class uses all these names."""
    return any(set(names) <= set(code.co_names) for code in _codes(space))


# --- the modules -----------------------------------------------------------------------


def _check_modules() -> None:
    for name in COMPILED:
        if name in sys.modules:
            raise _Unlike(f"imports {name} before a flow is loaded")
        if importlib.util.find_spec(name) is None:
            raise _Unlike(f"has no {name}")


# --- its version, which asks git -------------------------------------------------------


def look_up_version() -> None:
    """Have Metaflow look up its version, for which it asks git about its own folder."""
    _look_up("metaflow.metaflow_version", "get_version")()


def ask_git_only_where(may_be_repository: Callable[[Any], bool]) -> None:
    """Have Metaflow call git only for folders that a function lets pass.

    It notes the state of the repository with every task (``metaflow_git.py``).
    """
    ask = _look_up(_GIT, "_is_in_git_repo")

    def look_first(path: Any) -> bool:
        return may_be_repository(path) and ask(path)

    vars(sys.modules[_GIT])["_is_in_git_repo"] = look_first


def _check_git() -> None:
    _takes("metaflow.metaflow_version", "get_version")
    _takes(_GIT, "_is_in_git_repo", "path")
    if not _uses(_look_up(_GIT), "_is_in_git_repo"):
        raise _Unlike(f"does not use {_GIT}._is_in_git_repo")


# --- configuration that holds the directory --------------------------------------------

# The modules that have imported the name of a directory; looked up once, before any fork.
_directory_modules: list[types.ModuleType] = []


def remember_directories() -> None:
    """Note, in the interpreter that forks are made of, which modules know its directory."""
    _directory_modules[:] = [
        module
        for name, module in sys.modules.items()
        if name.startswith("metaflow.") and not vars(module).keys().isdisjoint(_DIRECTORIES)
    ]


def set_directory(cwd: str) -> None:
    """Give Metaflow's configuration the directory of this process where it is the default."""
    values = vars(sys.modules[_CONFIG])["_all_configs"]
    for name in _DIRECTORIES:
        known = values[f"METAFLOW_{name}"]
        if not known.is_default:
            continue
        values[f"METAFLOW_{name}"] = known._replace(value=cwd)
        for module in _directory_modules:
            if name in vars(module):
                setattr(module, name, cwd)


def _check_directories() -> None:
    values = _look_up(_CONFIG, "_all_configs")
    for name in _DIRECTORIES:
        known = values.get(f"METAFLOW_{name}")
        if known is None:
            raise _Unlike(f"has no {name} in {_CONFIG}._all_configs")
        for attribute in ("is_default", "value", "_replace"):
            if not hasattr(known, attribute):
                raise _Unlike(f"has no {attribute} in the values of {_CONFIG}._all_configs")
    known_names = {f"METAFLOW_{name}" for name in _DIRECTORIES}
    for name, value in values.items():
        if value.is_default and value.value == os.getcwd() and name not in known_names:
            raise _Unlike(f"has ${name}, which defaults to the directory")


# --- the ids of local runs -------------------------------------------------------------


def claim_ids() -> None:
    """Have Metaflow's local metadata, in this process, give no id that is taken.

    It takes the time in microseconds for an id and does not look whether another run has taken
    the same one. Runs that are forked side by side do that in step: one of a hundred pairs got
    one id, and then both ran with the parameters of whichever had written them last.
    """
    _look_up(_LOCAL_METADATA, "LocalMetadataProvider").new_run_id = _claimed_id


def _claimed_id(provider: Any, tags: Any = None, sys_tags: Any = None) -> str:
    """Do as ``LocalMetadataProvider.new_run_id``, with a folder that was not there before."""
    number = int(time.time() * 1e6)
    while True:
        run_id = str(number)
        try:
            os.makedirs(provider._make_path(provider._flow_name, run_id))
        except FileExistsError:
            number += 1
            continue
        provider._new_run(run_id, tags, sys_tags)
        return run_id


def _check_ids() -> None:
    provider = _look_up(_LOCAL_METADATA, "LocalMetadataProvider")
    name = "LocalMetadataProvider"
    _takes(_LOCAL_METADATA, f"{name}.new_run_id", "self", "tags", "sys_tags")
    _takes(_LOCAL_METADATA, f"{name}._make_path", "flow_name", "run_id")
    _takes(_LOCAL_METADATA, f"{name}._new_run", "self", "run_id", "tags", "sys_tags")
    if not any(_uses(each, "_flow_name") for each in provider.__mro__):
        raise _Unlike(f"has no {_LOCAL_METADATA}.{name}._flow_name")
    if set(provider.new_run_id.__code__.co_names) != {"time", "_new_run"}:
        raise _Unlike(f"creates run ids differently in {_LOCAL_METADATA}.{name}.new_run_id")


# --- the tasks of a run ----------------------------------------------------------------


def start_tasks_by(stand_in: Any) -> None:
    """Have the runtime, in this process, use something else for the module subprocess."""
    vars(_look_up(_RUNTIME))["subprocess"] = stand_in


def read_output_by(make_poll: Callable[[type[Any]], Any]) -> None:
    """Have the runtime, in this process, wait for output by a poll of ours.

    Parameters
    ----------
    make_poll : callable
        Returns one, given the class of the events that it is to yield.
    """
    procpoll = _look_up(_RUNTIME, "procpoll")
    stand_in = types.SimpleNamespace(**vars(procpoll))
    stand_in.make_poll = lambda: make_poll(procpoll.ProcPollEvent)
    vars(_look_up(_RUNTIME))["procpoll"] = stand_in


def _check_tasks() -> None:
    runtime = _look_up(_RUNTIME)
    if _look_up(_RUNTIME, "subprocess") is not subprocess:
        raise _Unlike(f"has another object in {_RUNTIME}.subprocess")
    workers = [
        each
        for each in vars(runtime).values()
        if isinstance(each, type) and _uses(each, "subprocess", "Popen")
    ]
    if not workers:
        raise _Unlike(f"does not start tasks with {_RUNTIME}.subprocess.Popen")
    process = set(dir(subprocess.Popen)) | {"args", "pid", "stdin", "stdout", "stderr"}
    for worker in workers:
        used = {name for code in _codes(worker) for name in code.co_names}
        beyond = used & process - _PROCESS_HAS | used & set(dir(io.BufferedReader)) - _PIPE_HAS
        if beyond := {name for name in beyond if not name.startswith("__")}:
            asked = ", ".join(sorted(beyond))
            raise _Unlike(
                f"uses {asked} of a task's process or pipes in {_RUNTIME}.{worker.__name__}"
            )


def _check_poll() -> None:
    procpoll = _look_up(_RUNTIME, "procpoll")
    if not _uses(_look_up(_RUNTIME), "procpoll", "make_poll"):
        raise _Unlike(f"does not use {_RUNTIME}.procpoll.make_poll")
    _takes(_RUNTIME, "procpoll.make_poll")
    _takes(_RUNTIME, "procpoll.ProcPollEvent", "fd", "can_read", "is_terminated")
    poll = procpoll.make_poll()
    names = {name for name in dir(poll) if not name.startswith("_")}
    if names != _POLL_HAS:
        raise _Unlike(f"has polls with {', '.join(sorted(names))} in {_RUNTIME}.procpoll")


_CHECKS = (
    _check_modules,
    _check_git,
    _check_directories,
    _check_ids,
    _check_tasks,
    _check_poll,
)
