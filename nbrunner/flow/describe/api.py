"""Describing a flow: a child process imports it, a cache by content remembers the answer."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nbrunner.aio.blocking import drive
from nbrunner.engine import metaflow_versions
from nbrunner.environment import check_size, current_directory, run_environment
from nbrunner.errors import (
    BadValueError,
    FlowImportError,
    FlowLoadError,
    FlowNotFoundError,
    FlowSyntaxError,
    MetaflowVersionError,
    RunStartError,
)
from nbrunner.flow.describe.cache_key import literals, skeleton
from nbrunner.flow.describe.files_read import stamp
from nbrunner.flow.describe.literal_defaults import with_literals
from nbrunner.flow.description import FlowDescription
from nbrunner.flow.given_file import read_given
from nbrunner.flow.included_files import check_configs
from nbrunner.flow.source import FlowSource, flow_source, is_generated
from nbrunner.launch.child_processes import ended
from nbrunner.launch.processes import session_of
from nbrunner.launch.warm.fingerprint import distributions, installed
from nbrunner.launch.warm.launcher import LAUNCHER
from nbrunner.logs.reader import read_text
from nbrunner.record import private
from nbrunner.record.registry import folder, state_directory
from nbrunner.record.retention import DAY_SECONDS

Json = dict[str, Any]

# Raised whenever the answer's form changes: an older answer is then asked for anew.
_FORM = 6

_CHILD = str(Path(__file__).with_name("child.py"))
# What lies in the folder of a question while it is being answered.
_PREFIX = "describe-"
_IN_FOLDER = ("asked", "answered", "output")
_UNFINISHED = "answered.part"
_MAX_CACHED = 500
_DIGITS = 32


def describe(flow: Any, **top_level_options: Any) -> FlowDescription:
    """Return what is known of a flow before it runs.

    Parameters
    ----------
    flow : path-like or FlowSpec class
        As for `Runner`.
    **top_level_options
        Options before the subcommand that change the flow, as ``config`` does.

    Returns
    -------
    FlowDescription
        Parameters, options and step graph.

    Raises
    ------
    FlowNotFoundError, FlowLoadError, BadValueError
        There is no file; it raises when it is read; it does not define one flow.
    BadTypeError
        It is neither a path nor a FlowSpec class, or an option is of the wrong type.
    MetaflowVersionError
        The installed version of Metaflow has not what nbrunner needs for this.
    RunStartError
        It is still being read after an hour.
    """
    return drive(lambda output: async_describe(flow, **top_level_options))


async def async_describe(flow: Any, **top_level_options: Any) -> FlowDescription:
    """Do as `describe`, without holding the event loop."""
    from nbrunner.flow.build_argv import top_level_words

    source = flow_source(flow)
    environment = run_environment()
    words = top_level_words(None, top_level_options)
    check_configs(top_level_options, current_directory())
    return await describe_source(source, environment, current_directory(), words)


async def describe_source(
    source: FlowSource,
    environment: Mapping[str, str],
    cwd: str,
    top_level: Sequence[str] = (),
    timeout_seconds: float = 3600,
) -> FlowDescription:
    """Describe a flow as a run in this environment and directory would see it."""
    check_size([str(source.file), *top_level], environment)
    request = {"file": str(source.file), "flow": source.flow_name, "top_level": list(top_level)}
    cached = _cache_file(request, _text(source), environment, cwd)
    answer = _read_cached(cached, environment)
    if answer is None:
        answer = await _ask_child(request, environment, cwd, timeout_seconds)
        if "description" in answer:
            # The flow file itself is told by its skeleton.
            answer["read"] = [each for each in answer["read"] if each[0] != request["file"]]
            answer["values"] = _values(answer["variables"], environment)
            _write_cached(cached, answer)
    if "error" in answer:
        raise _error(answer["error"], source, answer["metaflow"])
    description = with_literals(answer["description"], literals(_text(source)))
    if description["unknown"]:
        version = answer["metaflow"]
        warnings.warn(
            f"nbrunner cannot read {', '.join(description['unknown'])} from flows with Metaflow "
            f"{version}; runs go on without. {metaflow_versions.what_to_do(version)}",
            RuntimeWarning,
            stacklevel=2,
        )
    return FlowDescription.from_json({**description, "file": request["file"]})


def _text(source: FlowSource) -> bytes:
    """Return what stands in the flow file, which was there when the flow was given."""
    named = f"{source.file}, of {source.cell}," if source.cell else str(source.file)
    try:
        return read_given(source.file)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        what_to_do = (
            "execute the cell again" if source.cell else "put it back, or give its new path"
        )
        raise FlowNotFoundError(f"the flow file {named} no longer exists; {what_to_do}") from error
    except OSError as error:
        raise FlowLoadError(f"the flow file {named} cannot be read: {error}") from error


def _cache_file(request: Json, text: bytes, environment: Mapping[str, str], cwd: str) -> Path:
    """Return where the answer is kept; the name holds all that it depends on."""
    own = {
        name: value
        for name, value in environment.items()
        if name.startswith(("METAFLOW", "PYTHON", "USER")) or os.environ.get(name) != value
    }
    file = Path(request["file"])
    asked = {**request, "file": file.name} if is_generated(file) else request
    key = [_FORM, asked, sys.executable, own, cwd, _installation(environment)]
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode())
    digest.update(skeleton(text))
    return folder("descriptions") / f"{digest.hexdigest()[:_DIGITS]}.json"


def _installation(environment: Mapping[str, str]) -> list[Any]:
    """Return what tells one state of Python's packages and metaflow's settings from another."""
    # What lies on PYTHONPATH may be the user's own: the child tells which files it read.
    return [installed({**environment, "PYTHONPATH": ""}), distributions()]


def _read_cached(path: Path, environment: Mapping[str, str]) -> Json | None:
    """Return a remembered answer if every file and variable that it came from is as it was."""
    try:
        answer: Json = json.loads(private.read_bytes(path))
        FlowDescription.from_json({**answer["description"], "file": ""})
        if answer["values"] != _values(answer["variables"], environment):
            return None
        for name, modified_ns, size in answer["read"]:
            if stamp(name) != (modified_ns, size):
                return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # none, damaged, or not this user's: the flow is described anew
    return answer


def _values(names: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return what tells whether variables are as they were, and none of a secret's letters."""
    values = json.dumps([environment.get(name) for name in names])
    return hashlib.sha256(values.encode()).hexdigest()


def _write_cached(path: Path, answer: Json) -> None:
    # A cache that cannot be written costs time, nothing else.
    with contextlib.suppress(OSError):
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        private.replace(path, temporary, json.dumps(answer).encode())
        # Somebody else may keep his own in a folder of that name.
        ours = path.parent.glob(f"{'[0-9a-f]' * _DIGITS}.json")
        kept = sorted(ours, key=lambda each: each.stat().st_mtime)
        for old in kept[:-_MAX_CACHED]:
            old.unlink(missing_ok=True)


def _drop_left_behind(state: Path) -> None:
    """Delete the folders of processes that were killed while they described a flow."""
    for question in state.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another process was faster
            entries = list(question.iterdir())
            # Somebody else may keep a folder of such a name.
            if {each.name for each in entries} <= {
                *_IN_FOLDER,
                _UNFINISHED,
            } and not question.is_symlink():
                written = max(each.stat().st_mtime for each in (question, *entries))
                # From the future: the clock was set back since.
                if abs(time.time() - written) > DAY_SECONDS:
                    shutil.rmtree(question)


async def _ask_child(
    request: Json, environment: Mapping[str, str], cwd: str, timeout_seconds: float
) -> Json:
    state = state_directory()
    _drop_left_behind(state)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=state) as question:
        asked, answered, output = (Path(question) / name for name in _IN_FOLDER)
        private.write_new(asked, json.dumps(request).encode())
        started = await LAUNCHER.start_script(
            [_CHILD, str(asked), str(answered)], environment, cwd, output, request["file"]
        )
        child = started.process
        try:
            async with asyncio.timeout(timeout_seconds):
                await ended(child)
        except TimeoutError as error:
            raise RunStartError(
                f"{request['file']} was still being imported after {timeout_seconds:g} s "
                f"(file_read_timeout); it printed:\n{read_text(output)}"
            ) from error
        finally:
            if child.alive():
                doomed = {child, *session_of(child)}  # what it has started, too
                for process in doomed:
                    process.send(signal.SIGKILL)
                for process in doomed:
                    await ended(process)
        try:
            answer: Json = json.loads(private.read_bytes(answered))
        except (OSError, ValueError) as error:
            raise FlowLoadError(
                f"the process that imports {request['file']} ended without an answer; "
                f"it printed:\n{read_text(output)}"
            ) from error
        return answer


def _error(error: Json, source: FlowSource, metaflow: str) -> Exception:
    if error["kind"] == "value":
        return BadValueError(error["message"])
    if error["kind"] == "metaflow":
        return MetaflowVersionError(
            f"nbrunner cannot read flows with Metaflow {metaflow}: {error['message']}. "
            f"{metaflow_versions.what_to_do(metaflow)}"
        )
    if error["kind"] == "flow":
        return FlowLoadError(f"{source.cell or source.file}: {error['message']}")
    if error["type"] == "SystemExit":
        what = f"{source.cell or source.file} exits with {error['code']!r} when it is imported"
    else:
        what = f"{source.cell or source.file} raises {error['type']} when it is imported"
    message = source.named(f"{what}:\n{error['traceback']}".rstrip())
    if error["family"] == "syntax":
        raised = FlowSyntaxError(message)
        raised.filename, raised.lineno = error["filename"], error["lineno"]
        raised.offset, raised.text = error["offset"], error["text"]
        return raised
    return FlowImportError(message) if error["family"] == "import" else FlowLoadError(message)
