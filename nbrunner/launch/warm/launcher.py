"""Starts runs from a warm interpreter, or cold if that would not be exact."""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nbrunner.launch.launcher import ColdLauncher, Launcher, Started
from nbrunner.launch.processes import LINUX, MARKER, ProcessIdentity
from nbrunner.launch.warm.fingerprint import (
    LEARNED_VARIABLE,
    PRELOAD_VARIABLE,
    Surroundings,
    difference,
    modules_to_preload,
    never_warm,
    surroundings,
)
from nbrunner.launch.warm.interpreter import NoForkError, ReplaceError, WarmInterpreter
from nbrunner.launch.warm.learned import imports_of_flow, module_of
from nbrunner.launch.warm.protocol import RunRequest, ScriptRequest, StartRequest
from nbrunner.launch.warm.readiness import ZYGOTE_LOG, pause_seconds
from nbrunner.record import private
from nbrunner.record.registry import state_directory
from nbrunner.record.run_directory import RunDirectory

WARM_VARIABLE = "NBRUNNER_WARM"
LEARN_VARIABLE = "NBRUNNER_LEARN"

# The log explains why interpreters did not start; only the latest ones are of interest.
_MAX_LOG_BYTES = 1_000_000

# Each takes the memory of an idle interpreter, about 40 MB.
_MAX_ZYGOTES = 3
_MAX_OF_FLOWS = 3

# The failures of interpreters in this many different surroundings are remembered.
_MAX_FAILURES = 20


@dataclass
class _Failures:
    """The interpreters that have failed in a row in the same surroundings."""

    surroundings: Surroundings
    count: int = 0
    last: float = 0.0
    why: str = ""

    def cold_reason(self) -> str | None:
        """Return why no new one is started yet; None after the pause."""
        left = self.last + pause_seconds(self.count) - time.monotonic()
        if left <= 0:
            return None
        times = "" if self.count == 1 else f" ({self.count} times so far)"
        return f"{self.why}{times}; the next one starts in {math.ceil(left)} s"


#: Memory of the interpreters with the imports of flow files, unless it is configured otherwise.
LEARNED_BYTES = 500_000_000


class WarmLauncher:
    """Keeps warm interpreters, and starts runs as forks of them.

    There is one for each of the latest surroundings of runs. All threads and event loops of this
    process share them, and they end with it.

    Attributes
    ----------
    enabled : bool
        Whether runs may be started warm.
    preload : tuple of str
        Modules to import in addition to metaflow, unless the environment names some.
    learn_imports : bool
        Whether flows get interpreters with the modules that they import at their top.
    learned_bytes : int
        The memory that these interpreters may take together.
    """

    def __init__(self) -> None:
        self.enabled = True
        self.preload: tuple[str, ...] = ()
        self.learn_imports = True
        self.learned_bytes = LEARNED_BYTES
        self._lock = threading.Lock()
        self._zygotes: list[WarmInterpreter] = []
        self._too_large: set[str] = set()
        self._failures: list[_Failures] = []

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Start an interpreter for future runs, without waiting for it."""
        if self.enabled and _cold_reason(environment) is None:
            with contextlib.suppress(NoForkError):
                self._zygote(self._with_preload(environment))

    def close(self) -> None:
        """End the warm interpreters, and forget earlier failures; runs continue."""
        with self._lock:
            zygotes, self._zygotes = self._zygotes, []
            self._failures = []
            self._too_large = set()
        for zygote in zygotes:
            zygote.close()

    async def start_run(
        self, directory: RunDirectory, environment: Mapping[str, str], flow_file: str
    ) -> Started:
        """Start the supervisor of a run, warm if that is exact; see `Launcher`."""
        request: RunRequest = {
            "kind": "run",
            "directory": str(directory.path),
            "environment": dict(environment),
            "script": flow_file,
            "not_preloaded": {},
        }
        why, process = await self._request(request, environment)
        if process is not None:
            return Started(process, "warm")
        return await ColdLauncher(why).start_run(directory, environment, flow_file)

    async def start_script(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        cwd: str,
        output: Path,
        flow_file: str,
    ) -> Started:
        """Start a script that imports a flow file, warm if that is exact; see `Launcher`."""
        request: ScriptRequest = {
            "kind": "script",
            "arguments": list(arguments),
            "environment": dict(environment),
            "cwd": cwd,
            "output": str(output),
            "script": flow_file,
            "not_preloaded": {},
        }
        why, process = await self._request(request, environment)
        if process is not None:
            return Started(process, "warm")
        return await ColdLauncher(why).start_script(arguments, environment, cwd, output, flow_file)

    async def _request(
        self, request: StartRequest, environment: Mapping[str, str]
    ) -> tuple[str, ProcessIdentity | None]:
        """Return the reason for a cold start and None, or an empty text and the fork."""
        never = _cold_reason(environment) if self.enabled else "turned off by warm_starts"
        if never is not None:
            return never, None
        environment = self._with_preload(environment)
        learned = imports_of_flow(request["script"]) if self.learns() else ()
        of_flow = {**environment, LEARNED_VARIABLE: " ".join(learned)}
        if learned and (process := await self._ask_if_ready(request, of_flow)):
            self._bound_memory()
            return "", process
        try:
            try:
                return "", await self._ask(request, environment)
            except NoForkError as refusal:
                if not refusal.of_preload:
                    raise
                names = modules_to_preload(environment)
                request["not_preloaded"] |= dict.fromkeys(names, str(refusal))
                return "", await self._ask(request, {**environment, PRELOAD_VARIABLE: ""})
        except NoForkError as refusal:
            return str(refusal), None
        finally:
            if learned:
                self._start_for_later(of_flow)

    def learns(self) -> bool:
        """Return whether flows get an interpreter with the modules that they import."""
        return self.learn_imports and not _is_off(LEARN_VARIABLE)

    async def _ask_if_ready(
        self, request: StartRequest, environment: Mapping[str, str]
    ) -> ProcessIdentity | None:
        """Return a fork of the interpreter for the flow's imports; None if it cannot serve now.

        If it refuses, the reason is added to the request.
        """
        names = map(module_of, environment[LEARNED_VARIABLE].split())
        try:
            interpreter = self._living(surroundings(environment))
        except OSError:  # for example without /proc; the next request reports it
            return None
        if interpreter is None or not interpreter.is_ready():
            return None
        try:
            process = await interpreter.fork(request)
        except NoForkError as refusal:
            request["not_preloaded"] = dict.fromkeys(names, str(refusal))
        except ReplaceError as failure:
            self._drop(interpreter, str(failure) if failure.failed else None)
        else:
            self._forget_failures(interpreter)
            return process
        return None

    def _start_for_later(self, environment: Mapping[str, str]) -> None:
        """Start an interpreter for the flow's imports unless there is one; do not wait for it."""
        if environment[LEARNED_VARIABLE] in self._too_large:
            return
        with contextlib.suppress(NoForkError):
            self._zygote(environment)
        self._bound_memory()

    def _bound_memory(self) -> None:
        """End the interpreters for flows' imports that exceed the memory limit."""
        with self._lock:
            ended = self._beyond_memory()
            self._zygotes = [each for each in self._zygotes if each not in ended]
        for each in ended:
            each.close()

    def _beyond_memory(self) -> list[WarmInterpreter]:
        """Return the least recently used interpreters for flows' imports beyond the limit."""
        left, found = self.learned_bytes, []
        for each in reversed(self._zygotes):  # the most recently used first
            if each.imports_of_flow:
                used = each.own_bytes()
                left -= used
                if left < 0:
                    found.append(each)
                if used > self.learned_bytes:  # a new one would be as large
                    self._too_large.add(each.imports_of_flow)
        return found

    async def _ask(self, request: StartRequest, environment: Mapping[str, str]) -> ProcessIdentity:
        """Return a fork of an interpreter for this environment.

        Raises
        ------
        NoForkError
            No interpreter can serve the request.
        """
        why = ""
        for _attempt in (1, 2):  # an interpreter that has ended since the last start is replaced
            try:
                interpreter = self._zygote(environment)
                process = await interpreter.fork(request)
            except ReplaceError as failure:
                why = str(failure)
                self._drop(interpreter, why if failure.failed else None)
                if not failure.retry:
                    with contextlib.suppress(NoForkError):
                        self._zygote(environment)  # for the next start
                    break
            else:
                self._forget_failures(interpreter)
                return process
        raise NoForkError(why)

    def _with_preload(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        """Return the environment with the modules of ``preload``, unless it names some."""
        if not self.preload:
            return environment
        return {PRELOAD_VARIABLE: " ".join(self.preload), **environment}

    def _zygote(self, environment: Mapping[str, str]) -> WarmInterpreter:
        """Return an interpreter for these surroundings that can serve; start one if needed.

        Raises
        ------
        NoForkError
            None can serve now.
        """
        try:
            now = surroundings(environment)
        except OSError as error:  # for example without /proc
            raise NoForkError(f"no warm interpreter could be started: {error}") from error
        with self._lock:
            self._replace_failed()
            interpreter = self._used_last(now)
            if interpreter is not None:
                found = interpreter.verdict()
                if found.do == "cold":
                    raise NoForkError(found.why)
                return interpreter
            why = self._failures_in(now).cold_reason()
            if why is not None:
                raise NoForkError(why)
            interpreter = _started(now, environment)
            self._zygotes.append(interpreter)
            superfluous = _beyond_number(self._zygotes)
            self._zygotes = [each for each in self._zygotes if each not in superfluous]
        for each in superfluous:
            each.close()
        return interpreter

    def _living(self, now: Surroundings) -> WarmInterpreter | None:
        """Return the interpreter for these surroundings, if there is one."""
        with self._lock:
            self._replace_failed()
            return self._used_last(now)

    def _used_last(self, now: Surroundings) -> WarmInterpreter | None:
        """Return the interpreter for these surroundings and mark it as used; needs the lock."""
        for index, interpreter in enumerate(self._zygotes):
            if difference(interpreter.surroundings, now) is None:
                self._zygotes.append(self._zygotes.pop(index))
                return interpreter
        return None

    def _replace_failed(self) -> None:
        """Remove the interpreters that cannot serve any more; needs the lock."""
        ours = [each for each in self._zygotes if each.is_ours()]
        for each in set(self._zygotes) - set(ours):  # this process is a fork of their owner
            each.close()
        self._zygotes = ours
        for each in list(ours):
            found = each.verdict()
            if found.do == "replace":
                self._remove(each, found.why)

    def _drop(self, interpreter: WarmInterpreter, failure: str | None) -> None:
        """Remove an interpreter, unless another start has removed it already.

        Parameters
        ----------
        interpreter : WarmInterpreter
            The interpreter.
        failure : str or None
            The failure to count; None if the interpreter is only out of date.
        """
        with self._lock:
            if interpreter in self._zygotes:
                self._remove(interpreter, failure)

    def _remove(self, interpreter: WarmInterpreter, failure: str | None) -> None:
        self._zygotes.remove(interpreter)
        interpreter.kill()
        if failure is not None:
            failures = self._failures_in(interpreter.surroundings)
            # One that has served a request worked, and may have been killed.
            failures.count = 1 if interpreter.has_served else failures.count + 1
            failures.last = time.monotonic()
            failures.why = failure

    def _failures_in(self, now: Surroundings) -> _Failures:
        found = next((each for each in self._failures if each.surroundings == now), None)
        if found is None:
            found = _Failures(now)
            self._failures = [*self._failures, found][-_MAX_FAILURES:]
        return found

    def _forget_failures(self, interpreter: WarmInterpreter) -> None:
        with self._lock:
            self._failures = [
                each for each in self._failures if each.surroundings != interpreter.surroundings
            ]


def _beyond_number(zygotes: Sequence[WarmInterpreter]) -> list[WarmInterpreter]:
    """Return the least recently used interpreters beyond the limits of number.

    Those for flows' imports have a limit of their own.
    """
    others = [each for each in zygotes if not each.imports_of_flow]
    of_flows = [each for each in zygotes if each.imports_of_flow]
    return others[:-_MAX_ZYGOTES] + of_flows[:-_MAX_OF_FLOWS]


def _started(now: Surroundings, environment: Mapping[str, str]) -> WarmInterpreter:
    try:
        log = _open_log()
        try:
            return WarmInterpreter(now, _without_run(environment), log)
        finally:
            os.close(log)
    except OSError as error:
        raise NoForkError(f"no warm interpreter could be started: {error}") from error


def _is_off(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in ("0", "off", "no", "false")


def _cold_reason(environment: Mapping[str, str]) -> str | None:
    if _is_off(WARM_VARIABLE):
        return f"turned off by ${WARM_VARIABLE}"
    if not LINUX:
        return "warm starts need Linux"
    return never_warm(environment)


def _without_run(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an interpreter that serves many runs, without a run's marker.

    The kernel shows that environment for forks too: with the marker of the first run they would
    be taken for processes of it.
    """
    found = {name: value for name, value in environment.items() if name != MARKER}
    if MARKER in os.environ:  # this process itself belongs to a run
        found[MARKER] = os.environ[MARKER]
    return found


def _open_log() -> int:
    """Return a descriptor of the log that all warm interpreters of this user share."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = private.open_file(state_directory() / ZYGOTE_LOG, flags)
    if os.fstat(descriptor).st_size > _MAX_LOG_BYTES:
        os.ftruncate(descriptor, 0)  # others continue to append
    return descriptor


LAUNCHER = WarmLauncher()


@atexit.register
def _close_at_exit(owner: int = os.getpid()) -> None:
    """End the interpreters at exit, except in a fork of this process."""
    if os.getpid() == owner:
        LAUNCHER.close()


_: Launcher = LAUNCHER  # checks the type
