"""Starts runs for a Runner: checks the arguments, starts the process, waits for the id."""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import asdict
from typing import Protocol, TypeVar

from nbrunner.environment import check_size, run_environment, user_of
from nbrunner.errors import RunStartError, SharedIdError
from nbrunner.flow.build_argv import command_words, top_level_words
from nbrunner.flow.describe.api import describe_source
from nbrunner.flow.description import FlowDescription, Subcommand
from nbrunner.flow.executed_code import executed_code
from nbrunner.flow.included_files import check_configs, check_files
from nbrunner.flow.run_record import recorded
from nbrunner.flow.source import FlowSource
from nbrunner.flow.unordered_foreach import warnings_of
from nbrunner.handles import ExecutingProcess, ExecutingRun, ExecutingTask
from nbrunner.launch import stop
from nbrunner.launch.launcher import ATTRIBUTES_OPTION
from nbrunner.launch.processes import MARKER, moment_of_boot_clock
from nbrunner.launch.stop_ladder import StopRequest
from nbrunner.launch.wait_started import until_started
from nbrunner.launch.warm.launcher import LAUNCHER
from nbrunner.record import code_store, registry, run_directory
from nbrunner.record.retention import KEEP
from nbrunner.record.run_directory import ReservedFile, RunDirectory
from nbrunner.record.schema import Record
from nbrunner.text.brief_traceback import brief_when_interrupted

_E = TypeVar("_E", bound=ExecutingProcess)

Note = Callable[[RunDirectory], Record]


def handle_type(subcommand: Subcommand) -> type[ExecutingProcess]:
    """Return the handle class for a subcommand."""
    return ExecutingTask if subcommand == "spin" else ExecutingRun


class Settings(Protocol):
    """The settings of a `Runner` that are read when a run starts."""

    file_read_timeout: float
    top_level_options: dict[str, object]

    @property
    def source(self) -> FlowSource:
        """The flow file and the origins of its lines."""
        ...

    @property
    def env_vars(self) -> MutableMapping[str, str]:
        """The environment variables."""
        ...

    @property
    def cwd(self) -> str:
        """The working directory."""
        ...

    @property
    def settings(self) -> Record:
        """The settings to record, without the values of variables."""
        ...


class Starter:
    """Starts runs with the current settings of a Runner.

    Parameters
    ----------
    runner : Runner
        Runner whose settings are read at each start.

    Attributes
    ----------
    started : list of ExecutingProcess
        Handles of the started runs; `Runner.cleanup` deletes their records.
    """

    def __init__(self, runner: Settings) -> None:
        self._runner = runner
        self.started: list[ExecutingProcess] = []

    async def describe(self) -> FlowDescription:
        """Return the parameters, options and graph of the flow."""
        runner = self._runner
        return await self._describe(runner.source, run_environment(runner.env_vars), runner.cwd)

    def check_files(self, flow: FlowDescription, arguments: Mapping[str, object]) -> None:
        """Raise BadValueError if a file that the run would include does not exist."""
        runner = self._runner
        check_files(flow, arguments, runner.cwd, run_environment(runner.env_vars))

    async def start(
        self,
        kind: type[_E],
        subcommand: Subcommand,
        arguments: dict[str, object],
        note: Note | None = None,
    ) -> _E:
        """Start a run and wait for its id; see `launch` and `wait_for_id`."""
        while True:
            handle = await self.launch(kind, subcommand, arguments, note)
            try:
                await self.wait_for_id(handle)
            except SharedIdError:  # about one in 100,000 concurrent cold starts
                continue
            return handle

    async def launch(
        self,
        kind: type[_E],
        subcommand: Subcommand,
        arguments: dict[str, object],
        note: Note | None = None,
    ) -> _E:
        """Check the arguments and start the process; call `wait_for_id` afterwards.

        Parameters
        ----------
        kind : ExecutingRun or ExecutingTask
            Class of the handle.
        subcommand : "run", "resume" or "spin"
            Metaflow's subcommand.
        arguments : dict
            Keyword arguments of the subcommand.
        note : callable, optional
            Returns entries to add to the run's record, given the directory that was made for it.
            If it raises, nothing is started.

        Raises
        ------
        BadValueError, BadTypeError, FlowLoadError
            An argument is invalid or the flow cannot be imported; nothing was started.
        RunStartError
            The system could not start the process or write its record.
        """
        runner = self._runner
        environment, cwd = run_environment(runner.env_vars), runner.cwd
        source = runner.source  # another start may rewrite the flow file
        flow = await self._describe(source, environment, cwd)
        command_words(flow, runner.top_level_options, subcommand, arguments)  # checks them first
        check_files(flow, arguments, cwd, environment)
        for text in warnings_of(flow, environment):
            warnings.warn(text, stacklevel=2)
        directory = registry.create()
        try:
            noted = note(directory) if note else {}
            self._record(directory, source, flow, subcommand, arguments, environment, noted)
            environment[MARKER] = str(directory.path)
            started = await LAUNCHER.start_run(directory, environment, str(source.file))
        except BaseException as error:
            directory.delete()
            if isinstance(error, OSError):
                where = f"its record would be in {directory.path.parent}"
                raise RunStartError(
                    f"{flow.name} could not be started: {error}; {where}"
                ) from error
            raise
        with contextlib.suppress(OSError):  # nothing depends on start.json alone
            how = {"way": started.way, "why": started.why, "supervisor": asdict(started.process)}
            ReservedFile(directory, run_directory.START).publish(how)
        handle = kind(directory, runner, started.process)
        self.started.append(handle)
        return handle

    def _record(
        self,
        directory: RunDirectory,
        source: FlowSource,
        flow: FlowDescription,
        subcommand: Subcommand,
        arguments: dict[str, object],
        environment: dict[str, str],
        note: Record,
    ) -> None:
        """Write record.json of a run that is about to start."""
        runner = self._runner
        ours = [f"{ATTRIBUTES_OPTION}{directory.path / run_directory.ATTRIBUTES}"]
        words = command_words(flow, runner.top_level_options, subcommand, arguments, ours)
        command = [sys.executable, "-u", str(source.file), *words]
        check_size(command, environment)
        directory.write(
            run_directory.RECORD,
            recorded(flow, source, subcommand, arguments, runner.top_level_options)
            | note
            | {"command": command}
            | runner.settings
            | {"user": user_of(environment), "code": _stored_code(source, environment)}
            | {"started": time.time()}
            | moment_of_boot_clock()
            | {"keep": KEEP.note()},
        )
        for name in run_directory.RESERVED:
            ReservedFile(directory, name)

    async def wait_for_id(self, handle: ExecutingProcess) -> None:
        """Wait until Metaflow has given a launched run its id.

        Raises
        ------
        RunStartError
            The run ended first. Its output is in the message, and its record is deleted.
        SharedIdError
            Another run has the same id; both were stopped.
        """
        try:
            with brief_when_interrupted("the run that was starting has been stopped"):
                await until_started(handle.watched, self._runner.file_read_timeout)
        except RunStartError:
            self.forget(handle)
            raise
        except BaseException:  # cancelled or interrupted: the caller gets no handle
            await stop.end(handle.watched, StopRequest())
            self.forget(handle)
            raise

    def forget(self, handle: ExecutingProcess) -> None:
        """Delete the record of a run, now or when it ends."""
        handle.watched.discard()
        with contextlib.suppress(ValueError):  # cleanup() in another thread removed it first
            self.started.remove(handle)

    async def _describe(
        self, source: FlowSource, environment: Mapping[str, str], cwd: str
    ) -> FlowDescription:
        runner = self._runner
        stop.check_seconds("file_read_timeout", runner.file_read_timeout)
        words = top_level_words(None, runner.top_level_options)  # raises if they are malformed
        check_configs(runner.top_level_options, cwd)
        return await describe_source(source, environment, cwd, words, runner.file_read_timeout)


def _stored_code(source: FlowSource, environment: Mapping[str, str]) -> dict[str, str]:
    """Store the text of the flow and of its own modules; return their digests by path."""
    try:
        files = executed_code(source.file, source.folders, environment)
        return code_store.store(code_store.folder_beside(registry.runs_directory()), files)
    except OSError:  # a run without a stored text can be followed and resumed like any other
        return {}
