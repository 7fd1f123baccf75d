"""Describes flows: a child process imports the flow; results are cached by content."""

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

# Increased whenever the format of the result changes, which invalidates the cache.
_FORM = 7

_CHILD = str(Path(__file__).with_name("child.py"))
# Prefix of the temporary folder of a request.
_PREFIX = "describe-"
_IN_FOLDER = ("asked", "answered", "output")
_UNFINISHED = "answered.part"
_MAX_CACHED = 500
_DIGITS = 32


def describe(flow: object, **top_level_options: object) -> FlowDescription:
    """Return the description of a flow: parameters, options and step graph.

    Parameters
    ----------
    flow : path-like or FlowSpec class
        See `Runner`.
    **top_level_options
        Options before the subcommand that affect the flow, such as ``config``.

    Returns
    -------
    FlowDescription
        Parameters, options and step graph.

    Raises
    ------
    FlowNotFoundError
        The file does not exist.
    FlowLoadError
        The flow file raises when it is imported.
    BadValueError
        The file does not define exactly one flow, or an option is invalid.
    BadTypeError
        The flow is neither a path nor a FlowSpec class, or an option has the wrong type.
    MetaflowVersionError
        The installed version of Metaflow lacks something that nbrunner needs for this.
    RunStartError
        The import has not finished after an hour.
    """
    return drive(lambda output: async_describe(flow, **top_level_options))


async def async_describe(flow: object, **top_level_options: object) -> FlowDescription:
    """Return the description of a flow without blocking the event loop; see `describe`."""
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
    """Return the description of a flow for a run in this environment and directory."""
    check_size([str(source.file), *top_level], environment)
    request = {"file": str(source.file), "flow": source.flow_name, "top_level": list(top_level)}
    cached = _cache_file(request, _text(source), environment, cwd)
    answer = _read_cached(cached, environment)
    if answer is None:
        answer = await _ask_child(request, environment, cwd, timeout_seconds)
        if "description" in answer:
            # The flow file itself is covered by the cache key.
            answer["read"] = [each for each in answer["read"] if each[0] != request["file"]]
            answer["values"] = _values(answer, environment)
            _write_cached(cached, answer)
    if "error" in answer:
        raise _error(answer["error"], source, answer["metaflow"])
    description = with_literals(answer["description"], literals(_text(source)))
    if description["unknown"]:
        version = answer["metaflow"]
        warnings.warn(
            f"nbrunner cannot read {', '.join(description['unknown'])} from flows with Metaflow "
            f"{version}; runs continue without it. {metaflow_versions.what_to_do(version)}",
            RuntimeWarning,
            stacklevel=2,
        )
    return FlowDescription.from_json({**description, "file": request["file"]})


def _text(source: FlowSource) -> bytes:
    """Return the content of the flow file, which existed when the flow was given.

    Raises
    ------
    FlowNotFoundError
        The file was deleted, or cannot be read.
    """
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
    """Return the cache file of a request; its name depends on all inputs."""
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


def _installation(environment: Mapping[str, str]) -> list[object]:
    """Return a value that identifies the installed packages and Metaflow's settings."""
    # PYTHONPATH may contain the user's own code; the child reports which files it read.
    return [installed({**environment, "PYTHONPATH": ""}), distributions()]


def _read_cached(path: Path, environment: Mapping[str, str]) -> Json | None:
    """Return a cached result if all files and variables that it depends on are unchanged."""
    try:
        answer: Json = json.loads(private.read_bytes(path))
        FlowDescription.from_json({**answer["description"], "file": ""})
        if answer["values"] != _values(answer, environment):
            return None
        for name, modified_ns, size in answer["read"]:
            if stamp(name) != (modified_ns, size):
                return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # missing, damaged, or owned by another user: describe the flow again
    return answer


def _values(answer: Json, environment: Mapping[str, str]) -> str:
    """Return a digest of the variables that an answer depends on, without revealing their values.

    A flow that iterates over the environment depends on every variable, or on those with the
    prefixes that it looks for.
    """
    prefixes = tuple(answer["prefixes"])
    names = {*answer["variables"], *(name for name in environment if name.startswith(prefixes))}
    values = json.dumps([(name, environment.get(name)) for name in sorted(names)])
    return hashlib.sha256(values.encode()).hexdigest()


def _write_cached(path: Path, answer: Json) -> None:
    # Without a cache entry the next description is slower, nothing else.
    with contextlib.suppress(OSError):
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        private.replace(path, temporary, json.dumps(answer).encode())
        # Delete only our own files; the user may keep others in this folder.
        ours = path.parent.glob(f"{'[0-9a-f]' * _DIGITS}.json")
        kept = sorted(ours, key=lambda each: each.stat().st_mtime)
        for old in kept[:-_MAX_CACHED]:
            old.unlink(missing_ok=True)


def _drop_left_behind(state: Path) -> None:
    """Delete the temporary folders of processes that were killed."""
    for question in state.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another process was faster
            entries = list(question.iterdir())
            # Delete only folders with our own files.
            if {each.name for each in entries} <= {
                *_IN_FOLDER,
                _UNFINISHED,
            } and not question.is_symlink():
                written = max(each.stat().st_mtime for each in (question, *entries))
                # Times in the future count as old: the clock was set back.
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
                doomed = {child, *session_of(child)}  # includes processes that it started
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
