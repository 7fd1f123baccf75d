"""Runner: starting runs of a flow, blocking or not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, MutableMapping
from typing import Any, TypeVar

from nbrunner.aio.blocking import Output, drive
from nbrunner.env_vars import EnvVars
from nbrunner.environment import (
    checked_directory,
    current_directory,
    run_environment,
)
from nbrunner.errors import BadTypeError, RunStartError, SharedIdError, shown
from nbrunner.flow.description import FlowDescription, Subcommand
from nbrunner.flow.source import FlowSource, flow_source
from nbrunner.handles import ExecutingProcess, ExecutingRun, ExecutingTask
from nbrunner.launch import stop
from nbrunner.launch.stop_request import StopRequest
from nbrunner.launch.wait_started import until_started
from nbrunner.launch.warm.launcher import LAUNCHER
from nbrunner.logs.clone_lines import printed_lines
from nbrunner.metaflow_attributes import MetaflowAttributes
from nbrunner.record import run_directory
from nbrunner.record.run_directory import Json
from nbrunner.starter import Starter
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

    _settable = frozenset({"show_output", "file_read_timeout"})

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
        self._starter = Starter(self)
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
    def top_level_options(self) -> dict[str, Any]:
        """The options that the command line takes before the subcommand; assign other ones."""
        return self._top_level_options

    @top_level_options.setter
    def top_level_options(self, options: dict[str, Any]) -> None:
        if not isinstance(options, dict):
            raise BadTypeError(
                f"top_level_options: expected a dict of options to values, got {shown(options)} "
                f"of type {type(options).__name__}; pass {{}} for no options"
            )
        self._top_level_options = options

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
        return await self.starter.start(ExecutingRun, "run", arguments)

    async def async_resume(self, **arguments: Any) -> ExecutingRun:
        """Start to resume an earlier run; see `resume` and `async_run`."""
        return await self.starter.start(ExecutingRun, "resume", arguments)

    async def async_spin(self, pathspec: str, **arguments: Any) -> ExecutingTask:
        """Start to spin a step and return as soon as its task has started; see `spin`.

        Cancelling this ends what it has started.
        """
        return await self.starter.start(ExecutingTask, "spin", {"pathspec": pathspec, **arguments})

    async def async_describe(self) -> FlowDescription:
        """Return what is known of the flow before it runs; see `nbrunner.describe`."""
        return await self.starter.describe()

    def describe(self) -> FlowDescription:
        """Do as `async_describe`, and wait for it."""
        return drive(lambda output: self.async_describe())

    # -- what is left -------------------------------------------------------------------

    def cleanup(self) -> None:
        """Delete the logs and records of the runs that this Runner started.

        Results stay where Metaflow keeps them. A run that is not over goes on; its record
        is deleted when it ends.
        """
        for handle in list(self.starter.started):
            self.starter.forget(handle)

    # -- inside -------------------------------------------------------------------------

    @property
    def source(self) -> FlowSource:
        """For the modules of this package: the flow file and where its lines come from."""
        return self._source

    @property
    def starter(self) -> Starter:
        """For the modules of this package: checks, starts and awaits the ids of runs."""
        return self._starter

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

    def _to_the_end(self, kind: type[_E], subcommand: Subcommand, arguments: Json) -> _E:
        async def start_and_wait(output: Output) -> _E:
            while True:
                handle = await self.starter.launch(kind, subcommand, arguments)
                try:
                    await self._shown_to_its_end(handle, output)
                except SharedIdError:  # see Starter.start
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
            self.starter.forget(handle)  # its output is in the message, and nobody holds it
        # Out here, or the group is its context, and IPython formats no such traceback.
        raise wrong


async def _show(handle: ExecutingProcess, stream: str, output: Output) -> None:
    async for line in printed_lines(handle.stream_log(stream)):
        output.write(stream, f"{line}\n")
