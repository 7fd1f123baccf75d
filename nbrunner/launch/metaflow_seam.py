"""All private names of Metaflow that warm starts use or replace.

`verify` checks each of them once Metaflow is imported. If one is missing or differs from what this
module expects, a fork might not behave like a fresh interpreter: every run is then started cold,
with the reason.
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

# Modules that every run and task imports, except those that Metaflow adapts to the flow while
# they are imported: metaflow.cli and the modules that import it.
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

# Those modules: each process executes them, but reading and compiling them can be shared.
COMPILED = (
    "metaflow.cli",
    "metaflow.cli_components.run_cmds",
    "metaflow.cli_components.step_cmd",
)

# What these modules read from their process while they are imported, as (what, module, function;
# "<module>" outside of functions). `set_directory` updates the first in a fork.
RENEWED_DRAWS = (("calls os.getcwd()", "metaflow.metaflow_config", "<module>"),)
HARMLESS_DRAWS = (
    # nbrunner.launch.warm.eligibility.local_config searches for the same file before each run.
    ("calls os.getcwd()", "metaflow.metaflow_config_funcs", "init_local_config"),
    # Adds a class to it, as in a cold start.
    ("reads __main__", "metaflow.tuple_util", "namedtuple_with_defaults"),
)

# Packages the flow's code in a thread, using generators of the second module; and where the hooks
# are defined that do nothing (nbrunner.launch.warm.packaging).
PACKAGING = "metaflow.package"
PACKAGING_GENERATORS = "metaflow.packaging_sys"
DECORATORS = "metaflow.decorators"
ENVIRONMENT = "metaflow.metaflow_environment"

_RUNTIME = "metaflow.runtime"
_CARDS = "metaflow.plugins.cards.card_creator"
_CONFIG = "metaflow.metaflow_config_funcs"
_GIT = "metaflow.metaflow_git"
_LOCAL_METADATA = "metaflow.plugins.metadata_providers.local"

# Settings of Metaflow that default to the current directory.
_DIRECTORIES = ("ARTIFACT_LOCALROOT",)

# Attributes of the stand-ins (warm/task_popen.py, warm/log_pipes.py) that Metaflow's runtime may
# use: of a process, of its output pipe, of the poll.
_PROCESS_HAS = {"args", "pid", "stdin", "stdout", "stderr", "returncode", "poll", "wait"} | {
    *("send_signal", "terminate", "kill"),
}
_PIPE_HAS = {"fileno", "readline", "close", "write"}  # the runtime writes to its own buffers
_SUBPROCESS_FOR_CARDS = {"Popen", "check_output", "STDOUT", "DEVNULL"} | {
    *("CalledProcessError", "TimeoutExpired"),
}
_POLL_HAS = {"add", "remove", "poll"}


class _UnlikeError(Exception):
    """Metaflow differs from what this module expects; the message completes "Metaflow 2.x ..."."""


def preload() -> str:
    """Import the modules that every run needs; return a reason against warm starts, or empty."""
    for name in PRELOADED:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("metaflow"):
                raise
            return _reason(f"has no {error.name}")
    return ""


def verify() -> str:
    """Return why this imported Metaflow does not allow warm starts; empty if it does."""
    for check in _CHECKS:
        try:
            check()
        except _UnlikeError as unlike:
            return _reason(str(unlike))
        except Exception as error:  # any failure means that it differs
            return _reason(f"is not as expected: {type(error).__name__}: {error}")
    return ""


def _reason(what: str) -> str:
    version = metaflow_versions.installed()
    return f"Metaflow {version} {what}; nbrunner is tested with {metaflow_versions.RANGE}"


def _look_up(module: str, path: str = "") -> Any:
    """Return the object with a name in a module."""
    found: Any = sys.modules.get(module)
    if found is None:
        raise _UnlikeError(f"has no {module}")
    for name in filter(None, path.split(".")):
        if not hasattr(found, name):
            raise _UnlikeError(f"has no {module}.{path}")
        found = getattr(found, name)
    return found


def _takes(module: str, path: str, *names: str) -> None:
    """Check that a function takes these arguments and requires no others."""
    signature = inspect.signature(_look_up(module, path))
    found = list(signature.parameters.values())
    more = found[len(names) :]
    if [each.name for each in found[: len(names)]] != list(names) or any(
        each.default is each.empty and each.kind is not each.VAR_KEYWORD for each in more
    ):
        raise _UnlikeError(f"has {module}.{path}{signature}, with other arguments")


def _codes(space: object) -> Iterator[types.CodeType]:
    """Yield the code of the functions and classes in a module, or of the methods of a class."""
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


def _uses(space: object, *names: str) -> bool:
    """Return whether a single function of a module or class uses all these names."""
    return any(set(names) <= set(code.co_names) for code in _codes(space))


# --- the modules -----------------------------------------------------------------------


def _check_modules() -> None:
    for name in COMPILED:
        if name in sys.modules:
            raise _UnlikeError(f"imports {name} before a flow is loaded")
        if importlib.util.find_spec(name) is None:
            raise _UnlikeError(f"has no {name}")


# --- its version, which asks git -------------------------------------------------------


def look_up_version() -> None:
    """Make Metaflow look up its version, for which it runs git in its own folder."""
    _look_up("metaflow.metaflow_version", "get_version")()


def ask_git_only_where(may_be_repository: Callable[[Any], bool]) -> None:
    """Make Metaflow run git only in folders accepted by a function.

    Metaflow records the state of the repository with every task (``metaflow_git.py``).
    """
    ask = _look_up(_GIT, "_is_in_git_repo")

    def look_first(path: object) -> bool:
        return may_be_repository(path) and ask(path)

    vars(sys.modules[_GIT])["_is_in_git_repo"] = look_first


def _check_git() -> None:
    _takes("metaflow.metaflow_version", "get_version")
    _takes(_GIT, "_is_in_git_repo", "path")
    if not _uses(_look_up(_GIT), "_is_in_git_repo"):
        raise _UnlikeError(f"does not use {_GIT}._is_in_git_repo")


# --- configuration that holds the directory --------------------------------------------

# The modules that have imported a directory setting; collected once, before any fork.
_directory_modules: list[types.ModuleType] = []


def remember_directories() -> None:
    """Collect, in the zygote, the modules that have imported a directory setting."""
    _directory_modules[:] = [
        module
        for name, module in sys.modules.items()
        if name.startswith("metaflow.") and not vars(module).keys().isdisjoint(_DIRECTORIES)
    ]


def set_directory(cwd: str) -> None:
    """Update Metaflow's settings that default to the current directory."""
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
            raise _UnlikeError(f"has no {name} in {_CONFIG}._all_configs")
        for attribute in ("is_default", "value", "_replace"):
            if not hasattr(known, attribute):
                raise _UnlikeError(f"has no {attribute} in the values of {_CONFIG}._all_configs")
    known_names = {f"METAFLOW_{name}" for name in _DIRECTORIES}
    for name, value in values.items():
        if value.is_default and value.value == os.getcwd() and name not in known_names:
            raise _UnlikeError(f"has ${name}, which defaults to the directory")


# --- the ids of local runs -------------------------------------------------------------


def claim_ids() -> None:
    """Make Metaflow's local metadata provider, in this process, use only run ids that are free.

    It uses the time in microseconds as the id and does not check whether another run has the same.
    Runs forked at the same time run in step: one of a hundred pairs got the same id, and both then
    used the parameters of the run that wrote them last.
    """
    _look_up(_LOCAL_METADATA, "LocalMetadataProvider").new_run_id = _claimed_id


def _claimed_id(provider: Any, tags: Any = None, sys_tags: Any = None) -> str:
    """Replacement for ``LocalMetadataProvider.new_run_id`` that creates a new directory."""
    number = int(time.time() * 1e6)
    while True:
        run_id = str(number)
        try:
            os.makedirs(provider._make_path(provider._flow_name, run_id))  # noqa: PTH103 (a str)
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
        raise _UnlikeError(f"has no {_LOCAL_METADATA}.{name}._flow_name")
    if set(provider.new_run_id.__code__.co_names) != {"time", "_new_run"}:
        raise _UnlikeError(f"creates run ids differently in {_LOCAL_METADATA}.{name}.new_run_id")


# --- the tasks of a run ----------------------------------------------------------------


def start_tasks_by(stand_in: object) -> None:
    """Make Metaflow's runtime, in this process, use a stand-in for the subprocess module."""
    vars(_look_up(_RUNTIME))["subprocess"] = stand_in


def read_output_by(make_poll: Callable[[type[Any]], Any]) -> None:
    """Make Metaflow's runtime, in this process, wait for output with our poll.

    Parameters
    ----------
    make_poll : callable
        Returns the poll, given the class of the events that it yields.
    """
    procpoll = _look_up(_RUNTIME, "procpoll")
    stand_in = types.SimpleNamespace(**vars(procpoll))
    stand_in.make_poll = lambda: make_poll(procpoll.ProcPollEvent)
    vars(_look_up(_RUNTIME))["procpoll"] = stand_in


def _check_tasks() -> None:
    runtime = _look_up(_RUNTIME)
    if _look_up(_RUNTIME, "subprocess") is not subprocess:
        raise _UnlikeError(f"has another object in {_RUNTIME}.subprocess")
    workers = [
        each
        for each in vars(runtime).values()
        if isinstance(each, type) and _uses(each, "subprocess", "Popen")
    ]
    if not workers:
        raise _UnlikeError(f"does not start tasks with {_RUNTIME}.subprocess.Popen")
    process = set(dir(subprocess.Popen)) | {"args", "pid", "stdin", "stdout", "stderr"}
    for worker in workers:
        used = {name for code in _codes(worker) for name in code.co_names}
        beyond = used & process - _PROCESS_HAS | used & set(dir(io.BufferedReader)) - _PIPE_HAS
        if beyond := {name for name in beyond if not name.startswith("__")}:
            asked = ", ".join(sorted(beyond))
            raise _UnlikeError(
                f"uses {asked} of a task's process or pipes in {_RUNTIME}.{worker.__name__}"
            )


def _check_poll() -> None:
    procpoll = _look_up(_RUNTIME, "procpoll")
    if not _uses(_look_up(_RUNTIME), "procpoll", "make_poll"):
        raise _UnlikeError(f"does not use {_RUNTIME}.procpoll.make_poll")
    _takes(_RUNTIME, "procpoll.make_poll")
    _takes(_RUNTIME, "procpoll.ProcPollEvent", "fd", "can_read", "is_terminated")
    poll = procpoll.make_poll()
    names = {name for name in dir(poll) if not name.startswith("_")}
    if names != _POLL_HAS:
        raise _UnlikeError(f"has polls with {', '.join(sorted(names))} in {_RUNTIME}.procpoll")


# --- the cards of a task ---------------------------------------------------------------


def render_cards_by(stand_in: object) -> None:
    """Have cards, in this process, use something else for the module subprocess."""
    vars(_look_up(_CARDS))["subprocess"] = stand_in


def _check_cards() -> None:
    cards = _look_up(_CARDS)
    if _look_up(_CARDS, "subprocess") is not subprocess:
        raise _UnlikeError(f"has something else in {_CARDS}.subprocess")
    if not _uses(cards, "subprocess", "Popen", "check_output"):
        raise _UnlikeError(
            f"does not render cards by Popen and check_output of {_CARDS}.subprocess"
        )
    used = {name for code in _codes(cards) for name in code.co_names}
    of_module = used & set(subprocess.__all__) - _SUBPROCESS_FOR_CARDS
    of_process = used & set(dir(subprocess.Popen)) - _PROCESS_HAS
    beyond = {name for name in of_module | of_process if not name.startswith("__")}
    if beyond:
        raise _UnlikeError(f"uses {', '.join(sorted(beyond))} to render cards in {_CARDS}")


_CHECKS = (
    _check_modules,
    _check_git,
    _check_directories,
    _check_ids,
    _check_tasks,
    _check_poll,
    _check_cards,
)
