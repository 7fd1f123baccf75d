"""The types of each JSON file of a record, and their check when a file is read.

A file may have been written by a newer nbrunner, on a full disk, or in an editor. It is checked
once, here, so that the other modules can rely on these types. Unknown keys are accepted, as a newer
version may add some. The supervisor reads these files too, so this module uses only the
standard library.
"""

# Without `from __future__ import annotations`: TypedDict must see NotRequired itself.

import json
import sys
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import (
    Annotated,
    Literal,
    NotRequired,
    TypedDict,
    Union,
    final,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from nbrunner.status import RunStatus

# The content of a file whose name does not say more.
Json = Mapping[str, object]

_FOREVER = float("inf")
_LARGEST = sys.float_info.max

# Ranges are inclusive and exclude NaN. Larger values fail in `time.localtime` or a system call.
Moment = Annotated[float, (0.0, 1e11)]  # seconds since the epoch
Seconds = Annotated[float, (0.0, _FOREVER)]
Pid = Annotated[int, (1, 2**31 - 1)]
ExitCode = Annotated[int, (-(2**31), 2**31 - 1)]
Count = Annotated[int, (0, 2**31 - 1)]


class Keep(TypedDict, total=False):
    """How long records are kept; see `nbrunner.record.retention.Keep`."""

    max_age_seconds: Seconds
    max_total_bytes: Annotated[float, (0.0, _FOREVER)]


class OriginNote(TypedDict):
    """See `nbrunner.text.line_origins.OriginNote`."""

    first: Count
    last: Count
    name: str
    line: Count


class Flow(TypedDict, total=False):
    """The flow of a run, in record.json."""

    name: str
    file: str
    cell: str
    origins: list[OriginNote] | None
    import_path: list[str]
    steps: list[str]
    parameters: list[str] | None
    following: dict[str, list[str]]
    types: dict[str, str]
    docs: dict[str, str]


class SweepNote(TypedDict):
    """The sweep of a run, and the run's index there."""

    name: str
    index: Count


class BootMoment(TypedDict, total=False):
    """See `nbrunner.launch.processes.moment_of_boot_clock`."""

    boot: str
    boot_seconds: Seconds


class Record(TypedDict, total=False):
    """record.json."""

    command: list[str]
    flow: Flow
    subcommand: Literal["run", "resume", "spin"]
    spin_root: str | None
    arguments: dict[str, object]
    top_level_options: dict[str, object]
    cwd: str
    profile: str | None
    env: list[str]
    user: str
    code: dict[str, str]  # path: digest of the content, see `nbrunner.record.code_store`
    started: Moment
    boot: str
    boot_seconds: Seconds
    keep: Keep
    sweep: SweepNote | None


@final
class Identity(TypedDict):
    """See `nbrunner.launch.processes.ProcessIdentity`."""

    pid: Pid
    started: str


class Start(TypedDict, total=False):
    """start.json."""

    way: str
    why: str
    supervisor: Identity | None


class Supervisor(TypedDict, total=False):
    """supervisor.json."""

    supervisor: Identity | None
    run: Identity | None


class Attributes(TypedDict):
    """attributes.json, which Metaflow writes."""

    flow_name: str
    run_id: str | int
    metadata: NotRequired[str | None]
    step_name: NotRequired[str]
    task_id: NotRequired[str | int]


class OpenLines(TypedDict):
    """open.json."""

    lines: list[str]


class Stop(TypedDict, total=False):
    """stop.json."""

    reason: Literal["stopped", "timeout"]
    interrupt_grace_seconds: Seconds
    terminate_grace_seconds: Seconds


Signal = Literal["SIGINT", "SIGTERM", "SIGKILL"]


class Stopping(TypedDict):
    """stopping.json."""

    signals: list[Signal]


class StopNote(TypedDict):
    """What exit.json holds of a stop."""

    signals: list[str]
    terminated: Count
    killed: Count
    left: Count
    stop_seconds: Seconds | None


class Exit(TypedDict):
    """exit.json."""

    returncode: ExitCode | None
    ended: Moment
    error: str | None
    disk_full: NotRequired[object]
    stop: Literal["stopped", "timeout"] | None
    signals: NotRequired[list[str]]
    terminated: NotRequired[Count]
    killed: NotRequired[Count]
    left: NotRequired[Count]
    stop_seconds: NotRequired[Seconds | None]


class Sweep(TypedDict):
    """sweep.json."""

    flow: str
    file: str
    parameters: list[dict[str, object]]
    parallel: Annotated[int, (1, 2**31 - 1)]
    on_failure: Literal["continue", "stop"]
    artifacts: NotRequired[list[str]]
    cwd: NotRequired[str]
    profile: NotRequired[str | None]
    env: NotRequired[list[str]]
    top_level_options: NotRequired[dict[str, object]]


class SweepRun(TypedDict):
    """run-<n>.json of a sweep."""

    run: str | None
    status: RunStatus
    seconds: Seconds | None


_FILES: Mapping[str, object] = {
    "record.json": Record,
    "start.json": Start,
    "supervisor.json": Supervisor,
    "attributes.json": Attributes,
    "open.json": OpenLines,
    "stop.json": Stop,
    "stopping.json": Stopping,
    "exit.json": Exit,
    "sweep.json": Sweep,
    "preloaded.json": dict[str, str],  # module: source of the request
    "not_preloaded.json": dict[str, str],  # module: reason
}


def flow_of(record: Record) -> Flow:
    """Return the flow of a record, with an empty value for each key that it lacks."""
    unknown: Flow = {
        "name": "",
        "file": "",
        "cell": "",
        "origins": None,
        "steps": [],
        "parameters": None,
        "following": {},
        "types": {},
        "docs": {},
    }
    return {**unknown, **record.get("flow", {})}


class DamagedError(ValueError):
    """A file lacks the expected content; the message names the fault."""


def parse(name: str, data: bytes) -> Json:
    """Return the content of a JSON file of a record.

    Parameters
    ----------
    name : str
        The name of the file, which determines the expected types.
    data : bytes
        The content of the file.

    Raises
    ------
    DamagedError
        It is not JSON, or a key is missing or has a value of another type.
    """
    try:
        content = json.loads(data)
    except RecursionError as error:
        raise DamagedError("is nested too deeply") from error
    except ValueError as error:  # not UTF-8, not JSON, or a number with thousands of digits
        raise DamagedError(f"is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DamagedError(f"expected an object, got {_shown(content)}")
    kind = SweepRun if name.startswith("run-") else _FILES.get(name)
    wrong = _check(kind)(content, "") if kind else ""
    if wrong:
        raise DamagedError(f"{wrong}; a newer nbrunner may have written it, or it is damaged")
    return content


# Takes a value and its path in the file; returns the fault, or an empty text if there is none.
_Check = Callable[[object, str], str]


@cache
def _check(kind: object) -> _Check:
    """Return the check for a type; cached, as thousands of files are checked."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is object:
        return lambda value, where: ""
    if origin is NotRequired:
        return _check(args[0])
    if origin is Annotated:
        return _range_check(_check(args[0]), *args[1])
    if origin in (Union, types.UnionType):
        return _union_check([_check(each) for each in args])
    if origin is Literal:
        return _literal_check(args)
    if origin is list:
        return _list_check(_check(args[0]))
    if origin is dict:
        return _dict_check(_check(args[1]))
    assert isinstance(kind, type), kind
    return _object_check(kind) if is_typeddict(kind) else _plain_check(kind)


def _object_check(kind: type) -> _Check:
    hints = get_type_hints(kind, include_extras=True)
    checks = {key: _check(each) for key, each in hints.items()}
    required = sorted(vars(kind)["__required_keys__"])

    def check(value: object, where: str) -> str:
        if not isinstance(value, dict):
            return f"{where}: expected an object, got {_shown(value)}"
        before = f"{where}." if where else ""
        for key in required:
            if key not in value:
                return f"{before}{key} is missing"
        for key, each in checks.items():
            if key in value and (wrong := each(value[key], before + key)):
                return wrong
        return ""

    return check


def _range_check(plain: _Check, low: float, high: float) -> _Check:
    def check(value: object, where: str) -> str:
        if wrong := plain(value, where):
            return wrong
        if isinstance(value, (int, float)) and low <= value <= high:
            return ""
        return f"{where}: expected {low:g} to {high:g}, got {_shown(value)}"

    return check


def _union_check(checks: list[_Check]) -> _Check:
    def check(value: object, where: str) -> str:
        wrong = [each(value, where) for each in checks]
        return "" if "" in wrong else wrong[0]

    return check


def _literal_check(expected: tuple[str, ...]) -> _Check:
    def check(value: object, where: str) -> str:
        if isinstance(value, str) and value in expected:
            return ""
        return f"{where}: expected one of {', '.join(expected)}, got {_shown(value)}"

    return check


def _list_check(of: _Check) -> _Check:
    def check(value: object, where: str) -> str:
        if not isinstance(value, list):
            return f"{where}: expected a list, got {_shown(value)}"
        return next(filter(None, (of(each, where) for each in value)), "")

    return check


def _dict_check(of: _Check) -> _Check:
    def check(value: object, where: str) -> str:
        if not isinstance(value, dict):
            return f"{where}: expected an object, got {_shown(value)}"
        return next(filter(None, (of(each, where) for each in value.values())), "")

    return check


def _plain_check(kind: type) -> _Check:
    types_ = (int, float) if kind is float else (kind,)
    name = {float: "a number", int: "an int", str: "a text", types.NoneType: "null"}[kind]

    def check(value: object, where: str) -> str:
        if isinstance(value, types_) and not isinstance(value, bool):
            if (
                isinstance(value, (int, float))
                and kind is float
                and abs(value) > _LARGEST
                and value not in (_FOREVER, -_FOREVER)
            ):
                return f"{where}: is too large"  # an integer beyond the range of float
            return ""
        return f"{where}: expected {name}, got {_shown(value)}"

    return check


def _shown(value: object) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    try:
        text = json.dumps(value)
    except ValueError:  # a number with thousands of digits
        return "a number that is too large"
    return text if len(text) <= 60 else f"{text[:60]}…"
