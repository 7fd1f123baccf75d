"""Runner: starting runs of a flow, blocking or not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
import warnings
from collections.abc import Mapping, MutableMapping
from typing import Any, TypeVar

from nbrunner.aio.blocking import Output, drive
from nbrunner.env_vars import EnvVars
from nbrunner.environment import (
    check_size,
    checked_directory,
    current_directory,
    run_environment,
    user_of,
)
from nbrunner.errors import RunStartError, SharedIdError
from nbrunner.flow.build_argv import command_words, top_level_words
from nbrunner.flow.describe.api import describe_source
from nbrunner.flow.description import FlowDescription, Subcommand
from nbrunner.flow.included_files import check_configs, check_files
from nbrunner.flow.run_record import recorded
from nbrunner.flow.source import FlowSource, flow_source
from nbrunner.flow.unordered_foreach import warnings_of
from nbrunner.handles import ExecutingProcess, ExecutingRun, ExecutingTask
from nbrunner.launch import stop
from nbrunner.launch.launcher import ATTRIBUTES_OPTION
from nbrunner.launch.processes import MARKER, moment_of_boot_clock
from nbrunner.launch.stop_request import StopRequest
from nbrunner.launch.wait_started import until_started
from nbrunner.launch.warm.launcher import LAUNCHER
from nbrunner.logs.clone_lines import printed_lines
from nbrunner.metaflow_attributes import MetaflowAttributes
from nbrunner.record import registry, run_directory
from nbrunner.record.retention import KEEP
from nbrunner.record.run_directory import Json, ReservedFile
from nbrunner.text.brief_traceback import brief_when_interrupted

_E = TypeVar("_E", bound=ExecutingProcess)


class Runner(MetaflowAttributes):
    """Starts runs of one flow.

    Parameters
    ----------
    flow_file : path-like or FlowSpec class
        Path of the flow file, or the class itself: of a module, a script or a cell.
    show_output : bool, default True
        Print what the run writes while a blocking method waits for it: stdout to stdout,
        stderr to stderr.
    profile : str, optional
        Metaflow profile to run with; default the one of the environment.
    env : dict of str to str, optional
        Environment variables to add to those of this process.
    cwd : path-like, optional
        Directory to run in; default the current one of each start.
    file_read_timeout : float, default 3600
        Seconds that the run may take until Metaflow has given it an id, or that a spin may
        take until its task has started.
    **top_level_options
        Options that the command line takes before the subcommand: ``pylint=False`` for
        ``--no-pylint``, ``decospecs=["retry"]`` for ``--with retry``, ...

    Raises
    ------
    FlowNotFoundError, BadValueError, BadTypeError
        There is no such flow file or directory, or an argument is not what it should be.

    Notes
    -----
    As a context manager it does nothing at the end of the block: runs go on, and their
    records stay until they expire or `cleanup` is called.
    """

    _settable = frozenset({"show_output", "file_read_timeout", "top_level_options"})

    def __init__(
        self,
        flow_file: Any,
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        file_read_timeout: float = 3600,
        **top_level_options: Any,
    ) -> None:
        self._cwd = None if cwd is None else checked_directory(cwd)
        self._source: FlowSource = flow_source(flow_file, self._cwd)
        self.show_output = show_output
        self.file_read_timeout = file_read_timeout
        self.top_level_options = top_level_options
        self._env = EnvVars(env, profile)
        self._started: list[ExecutingProcess] = []
        LAUNCHER.prepare(run_environment(self._env))

    def __repr__(self) -> str:
        return f"Runner({self.flow_name or repr(self.flow_file)})"

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *exception: object) -> None: ...

    async def __aenter__(self) -> Runner:
        return self

    async def __aexit__(self, *exception: object) -> None: ...

    # -- what it starts runs with -------------------------------------------------------

    @property
    def flow_file(self) -> str:
        """The absolute path of the flow file."""
        return str(self._source.file)

    @property
    def flow_name(self) -> str | None:
        """The name of the class, if the flow was given by its class."""
        return self._source.flow_name

    @property
    def env_vars(self) -> MutableMapping[str, str]:
        """The environment variables of the runs to come: this process's, with changes.

        Set a variable, delete one, or assign a whole environment; it holds for what is
        started from then on.
        """
        return self._env

    @env_vars.setter
    def env_vars(self, environment: Mapping[str, str]) -> None:
        self._env = EnvVars.whole(environment)

    @property
    def cwd(self) -> str:
        """The directory that runs to come start in; assign None for the current one of each."""
        return self._cwd or current_directory()

    @cwd.setter
    def cwd(self, directory: str | os.PathLike[str] | None) -> None:
        self._cwd = None if directory is None else checked_directory(directory)

    @property
    def top_level_kwargs(self) -> dict[str, Any]:
        """Metaflow's name for `top_level_options`."""
        return self.top_level_options

    @top_level_kwargs.setter
    def top_level_kwargs(self, options: dict[str, Any]) -> None:
        self.top_level_options = options

    # -- blocking -----------------------------------------------------------------------

    def run(self, **arguments: Any) -> ExecutingRun:
        """Run the flow and wait for its end.

        An interrupt (Ctrl-C) stops the run and then raises KeyboardInterrupt.

        Parameters
        ----------
        **arguments
            Parameters of the flow, and options of ``run``: ``tags``, ``max_workers``, ...

        Returns
        -------
        ExecutingRun
            The run, ended; look at its ``status``.

        Raises
        ------
        BadValueError, BadTypeError
            An argument is unknown, missing, or of the wrong type; nothing was started.
        FlowLoadError
            The flow file raises when it is imported.
        RunStartError
            The run ended before Metaflow gave it an id: the flow is not valid, say.
        """
        return self._to_the_end(ExecutingRun, "run", arguments)

    def resume(self, **arguments: Any) -> ExecutingRun:
        """Resume an earlier run and wait for the end of the new one; see `run`.

        Parameters
        ----------
        **arguments
            ``origin_run_id`` (default: the latest run), ``step_to_rerun``, ``tags``, ...
        """
        return self._to_the_end(ExecutingRun, "resume", arguments)

    def spin(self, pathspec: str, **arguments: Any) -> ExecutingTask:
        """Run one step again with the inputs of an earlier task, and wait for its end; see `run`.

        Parameters
        ----------
        pathspec : str
            A step (its latest task) or ``"<flow>/<run>/<step>/<task>"``.
        **arguments
            Options of ``spin``: ``artifacts_module``, ``persist``, ...

        Returns
        -------
        ExecutingTask
            The task, ended; look at its ``status`` and, if it has failed, its ``failure``.

        Raises
        ------
        RunStartError
            It ended before the task started: there is no such step or earlier task, say.
        """
        return self._to_the_end(ExecutingTask, "spin", {"pathspec": pathspec, **arguments})

    # -- not blocking -------------------------------------------------------------------

    async def async_run(self, **arguments: Any) -> ExecutingRun:
        """Start a run and return as soon as Metaflow has given it an id; see `run`.

        Cancelling this ends what it has started.
        """
        return await self._until_started(ExecutingRun, "run", arguments)

    async def async_resume(self, **arguments: Any) -> ExecutingRun:
        """Start to resume an earlier run; see `resume` and `async_run`."""
        return await self._until_started(ExecutingRun, "resume", arguments)

    async def async_spin(self, pathspec: str, **arguments: Any) -> ExecutingTask:
        """Start to spin a step and return as soon as its task has started; see `spin`.

        Cancelling this ends what it has started.
        """
        return await self._until_started(ExecutingTask, "spin", {"pathspec": pathspec, **arguments})

    async def async_describe(self) -> FlowDescription:
        """Return what is known of the flow before it runs; see `nbrunner.describe`."""
        return await self._describe(run_environment(self._env), self.cwd)

    def describe(self) -> FlowDescription:
        """Do as `async_describe`, and wait for it."""
        return drive(lambda output: self.async_describe())

    # -- what is left -------------------------------------------------------------------

    def cleanup(self) -> None:
        """Delete the logs and records of the runs that this Runner started.

        Results stay where Metaflow keeps them. A run that is not over goes on; its record
        is deleted when it ends.
        """
        for handle in list(self._started):
            self._forget(handle)

    # -- inside -------------------------------------------------------------------------

    @property
    def settings(self) -> Json:
        """For the modules of this package: what a Runner like this one needs, but secrets."""
        return {"cwd": self.cwd, "profile": self._env.profile, "env": self._env.changed}

    @property
    def process_options(self) -> Json:
        """For the modules of this package: profile, env and cwd, those that were given."""
        env = EnvVars(self._env) if self._env.changed else None
        given = {"profile": self._env.profile, "env": env, "cwd": self._cwd}
        return {name: value for name, value in given.items() if value is not None}

    def _forget(self, handle: ExecutingProcess) -> None:
        """Delete the record of a run: now, or at its end if it goes on."""
        handle.watched.discard()
        with contextlib.suppress(ValueError):  # cleanup() in another thread was faster
            self._started.remove(handle)

    def _to_the_end(self, kind: type[_E], subcommand: Subcommand, arguments: Json) -> _E:
        async def start_and_wait(output: Output) -> _E:
            while True:
                handle = await self._launch(kind, subcommand, arguments)
                try:
                    await self._shown_to_its_end(handle, output)
                except SharedIdError:  # see _until_started
                    continue
                return handle

        with brief_when_interrupted("the run has been stopped"):
            return drive(start_and_wait)

    async def _shown_to_its_end(self, handle: ExecutingProcess, output: Output) -> None:
        """Wait for the end of a run that has just been launched, and show what it writes."""
        try:
            async with asyncio.TaskGroup() as group:
                if self.show_output:
                    for stream in run_directory.STREAMS:
                        group.create_task(_show(handle, stream, output))
                await until_started(handle.watched, self.file_read_timeout)
                await handle.watched.until_over()
            return
        except BaseExceptionGroup as errors:
            wrong = errors.exceptions[0]
        except asyncio.CancelledError:  # the caller was interrupted
            await stop.end(handle.watched, StopRequest())
            raise
        if isinstance(wrong, RunStartError):
            self._forget(handle)  # its output is in the message, and nobody holds it
        # Out here, or the group is its context, and IPython formats no such traceback.
        raise wrong

    async def _until_started(
        self, kind: type[_E], subcommand: Subcommand, arguments: Json, note: Json | None = None
    ) -> _E:
        while True:
            handle = await self._launch(kind, subcommand, arguments, note)
            try:
                await self._until_named(handle)
            except SharedIdError:  # about once in 100,000 cold starts side by side
                continue
            return handle

    async def _until_named(self, handle: ExecutingProcess) -> None:
        try:
            with brief_when_interrupted("the run that was starting has been stopped"):
                await until_started(handle.watched, self.file_read_timeout)
        except RunStartError:
            self._forget(handle)  # its output is in the message, and nobody holds it
            raise
        except BaseException:  # cancelled, or interrupted: nobody will know of this run
            await stop.end(handle.watched, StopRequest())
            self._forget(handle)
            raise

    async def _describe(self, environment: Mapping[str, str], cwd: str) -> FlowDescription:
        words = top_level_words(None, self.top_level_options)
        check_configs(self.top_level_options, cwd)
        return await describe_source(self._source, environment, cwd, words, self.file_read_timeout)

    async def _launch(
        self, kind: type[_E], subcommand: Subcommand, arguments: Json, note: Json | None = None
    ) -> _E:
        """Check the arguments and start the process, without waiting for its id."""
        environment = run_environment(self._env)
        cwd = self.cwd
        flow = await self._describe(environment, cwd)
        command_words(flow, self.top_level_options, subcommand, arguments)  # before all else
        check_files(flow, arguments, cwd, environment)
        for text in warnings_of(flow, environment):
            warnings.warn(text, stacklevel=2)
        directory = registry.create()
        try:
            ours = [f"{ATTRIBUTES_OPTION}{directory.path / run_directory.ATTRIBUTES}"]
            words = command_words(flow, self.top_level_options, subcommand, arguments, ours)
            command = [sys.executable, "-u", self.flow_file, *words]
            check_size(command, environment)
            directory.write(
                run_directory.RECORD,
                recorded(flow, self._source, subcommand, arguments, self.top_level_options)
                | (note or {})
                | {"command": command, **self.settings, "user": user_of(environment)}
                | {"started": time.time(), **moment_of_boot_clock(), "keep": KEEP.note()},
            )
            for name in run_directory.RESERVED:
                ReservedFile(directory, name)
            environment[MARKER] = str(directory.path)
            started = await LAUNCHER.start_run(directory, environment, self.flow_file)
        except BaseException as error:
            directory.delete()
            if isinstance(error, OSError):
                where = f"its record would be in {directory.path.parent}"
                raise RunStartError(
                    f"{flow.name} could not be started: {error}; {where}"
                ) from error
            raise
        with contextlib.suppress(OSError):  # it only tells how the run was started
            told = {"way": started.way, "why": started.why}
            ReservedFile(directory, run_directory.START).publish(told)
        handle = kind(directory, self, started.process)
        self._started.append(handle)
        return handle


async def _show(handle: ExecutingProcess, stream: str, output: Output) -> None:
    async for line in printed_lines(handle.stream_log(stream)):
        output.write(stream, f"{line}\n")


async def begin(runner: Runner, subcommand: Subcommand, arguments: Json) -> ExecutingProcess:
    """Start a run without waiting for its id; `until_named` does, and has to follow."""
    kind = ExecutingTask if subcommand == "spin" else ExecutingRun
    return await runner._launch(kind, subcommand, arguments)


async def until_named(runner: Runner, handle: ExecutingProcess) -> None:
    """Wait until a run that was begun has its id; raise and clean up as `Runner.async_run`."""
    await runner._until_named(handle)


def check_included(runner: Runner, flow: FlowDescription, arguments: Mapping[str, Any]) -> None:
    """Raise unless the files that a run would include are there; see `check_files`."""
    check_files(flow, arguments, runner.cwd, run_environment(runner.env_vars))


async def start_with_note(runner: Runner, arguments: Json, note: Json) -> ExecutingRun:
    """Do as `Runner.async_run`, and write a note into the run's record."""
    return await runner._until_started(ExecutingRun, "run", arguments, note)
