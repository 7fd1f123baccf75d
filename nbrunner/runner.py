"""Runner: starts runs of a flow, with blocking and asynchronous methods."""

from __future__ import annotations

from nbrunner.errors import BadTypeError, shown
from nbrunner.late_module import LateModule
from nbrunner.metaflow_attributes import MetaflowAttributes

# As in nbrunner/__init__.py; what this module uses is imported by the first Runner.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, MutableMapping
    from typing import Any, TypedDict

    from nbrunner import env_vars as variables, environment, handles, starter, to_the_end
    from nbrunner.aio import blocking
    from nbrunner.flow import source as sources
    from nbrunner.flow.capture import flow_class
    from nbrunner.flow.description import FlowDescription
    from nbrunner.flow.source import FlowSource
    from nbrunner.handles import ExecutingRun, ExecutingTask
    from nbrunner.launch.warm import launcher
    from nbrunner.record.schema import Record
    from nbrunner.starter import Starter

    class ProcessOptions(TypedDict, total=False):
        """The options of a Runner for the process of a run."""

        profile: str
        env: Mapping[str, str]
        cwd: str
else:
    blocking = LateModule("nbrunner.aio.blocking")
    environment = LateModule("nbrunner.environment")
    flow_class = LateModule("nbrunner.flow.capture.flow_class")
    handles = LateModule("nbrunner.handles")
    launcher = LateModule("nbrunner.launch.warm.launcher")
    sources = LateModule("nbrunner.flow.source")
    starter = LateModule("nbrunner.starter")
    to_the_end = LateModule("nbrunner.to_the_end")
    variables = LateModule("nbrunner.env_vars")


class Runner(MetaflowAttributes):
    """Starts runs of one flow.

    Parameters
    ----------
    flow_file : path-like or FlowSpec class
        Path of the flow file, or the class itself, from a module, script or cell. Names of
        its notebook that a class uses have the value that they have when a run starts.
    show_output : bool, default True
        Print the run's stdout and stderr while a blocking method waits for it.
    profile : str, optional
        Metaflow profile to run with; default from the environment.
    env : dict of str to str, optional
        Environment variables to add to those of this process.
    cwd : path-like, optional
        Directory to run in; default the current directory at each start.
    file_read_timeout : float, default 3600
        Seconds to wait until Metaflow has given a run its id, or until the task of a spin has
        started.
    **top_level_options
        Options that the command line takes before the subcommand: ``pylint=False`` for
        ``--no-pylint``, ``decospecs=["retry"]`` for ``--with retry``, ...

    Raises
    ------
    FlowNotFoundError
        The flow file or the directory does not exist.
    BadValueError, BadTypeError
        An argument has an invalid value or type.

    Notes
    -----
    As a context manager it does nothing at the end of the block: runs continue, and their
    records are kept until they expire or `cleanup` is called.
    """

    _settable = frozenset({"show_output", "file_read_timeout"})

    def __init__(
        self,
        flow_file: object,
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        file_read_timeout: float = 3600,
        **top_level_options: object,
    ) -> None:
        self._cwd = None if cwd is None else environment.checked_directory(cwd)
        self._flow = flow_file
        self._source: FlowSource = sources.flow_source(flow_file, self._cwd)
        self.show_output = show_output
        self.file_read_timeout = file_read_timeout
        self.top_level_options = top_level_options
        self._env = variables.EnvVars(env, profile)
        launcher.LAUNCHER.prepare(environment.run_environment(self._env))
        self._starter = starter.Starter(self)

    def __repr__(self) -> str:
        return f"Runner({self.flow_name or repr(self.flow_file)})"

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *exception: object) -> None: ...

    async def __aenter__(self) -> Runner:
        return self

    async def __aexit__(self, *exception: object) -> None: ...

    # -- settings ---------------------------------------------------------------------

    @property
    def flow_file(self) -> str:
        """The absolute path of the flow file."""
        return str(self._source.file)

    @property
    def flow_name(self) -> str | None:
        """The name of the class; None if the flow was given by its path."""
        return self._source.flow_name

    @property
    def env_vars(self) -> MutableMapping[str, str]:
        """The environment variables for later runs: this process's, with the Runner's changes.

        Set or delete variables, or assign a whole environment. Changes apply to runs started
        afterwards.
        """
        return self._env

    @env_vars.setter
    def env_vars(self, environment: Mapping[str, str]) -> None:
        """Replace the environment of later runs."""
        self._env = variables.EnvVars.whole(environment)

    @property
    def cwd(self) -> str:
        """The directory of later runs; assign None for the current directory at each start."""
        return self._cwd or environment.current_directory()

    @cwd.setter
    def cwd(self, directory: str | os.PathLike[str] | None) -> None:
        """Set the directory of later runs."""
        self._cwd = None if directory is None else environment.checked_directory(directory)

    @property
    def top_level_options(self) -> dict[str, Any]:
        """The options before the subcommand; assign a dict to replace them."""
        return self._top_level_options

    @top_level_options.setter
    def top_level_options(self, options: dict[str, Any]) -> None:
        """Replace the options before the subcommand."""
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
        """Replace the options before the subcommand."""
        self.top_level_options = options

    # -- blocking -----------------------------------------------------------------------

    def run(self, **arguments: object) -> ExecutingRun:
        """Run the flow and wait until the run ends.

        An interrupt (Ctrl-C) stops the run and then raises KeyboardInterrupt.

        Parameters
        ----------
        **arguments
            Parameters of the flow, and options of ``run``: ``tags``, ``max_workers``, ...

        Returns
        -------
        ExecutingRun
            The ended run; check its ``status``.

        Raises
        ------
        BadValueError, BadTypeError
            An argument is unknown, missing, or of the wrong type; nothing was started.
        FlowLoadError
            The flow file raises when it is imported.
        RunStartError
            The run ended before Metaflow gave it an id, for example because the flow is invalid.
        """
        self._take_flow()
        return to_the_end.run_to_the_end(self, handles.ExecutingRun, "run", arguments)

    def resume(self, **arguments: object) -> ExecutingRun:
        """Resume an earlier run and wait until the new run ends; see `run`.

        Parameters
        ----------
        **arguments
            ``origin_run_id`` (default: the latest run), ``step_to_rerun``, ``tags``, ...
        """
        self._take_flow()
        return to_the_end.run_to_the_end(self, handles.ExecutingRun, "resume", arguments)

    def spin(self, pathspec: str, **arguments: object) -> ExecutingTask:
        """Run one step with the inputs of an earlier task and wait until it ends; see `run`.

        Parameters
        ----------
        pathspec : str
            A step (its latest task) or ``"<flow>/<run>/<step>/<task>"``.
        **arguments
            Options of ``spin``: ``artifacts_module``, ``persist``, ...

        Returns
        -------
        ExecutingTask
            The ended task; check its ``status``, and its ``failure`` if it failed.

        Raises
        ------
        RunStartError
            The process ended before the task started, for example because the step or the earlier
            task does not exist.
        """
        self._take_flow()
        return to_the_end.run_to_the_end(
            self, handles.ExecutingTask, "spin", {"pathspec": pathspec, **arguments}
        )

    # -- not blocking -------------------------------------------------------------------

    async def async_run(self, **arguments: object) -> ExecutingRun:
        """Start a run and return once Metaflow has given it an id; see `run`.

        Cancelling this stops what it has started.
        """
        self._take_flow()
        return await self.starter.start(handles.ExecutingRun, "run", arguments)

    async def async_resume(self, **arguments: object) -> ExecutingRun:
        """Start to resume an earlier run; see `resume` and `async_run`."""
        self._take_flow()
        return await self.starter.start(handles.ExecutingRun, "resume", arguments)

    async def async_spin(self, pathspec: str, **arguments: object) -> ExecutingTask:
        """Start to spin a step and return once its task has started; see `spin`.

        Cancelling this stops what it has started.
        """
        self._take_flow()
        return await self.starter.start(
            handles.ExecutingTask, "spin", {"pathspec": pathspec, **arguments}
        )

    async def async_describe(self) -> FlowDescription:
        """Return the parameters, options and graph of the flow; see `nbrunner.describe`."""
        self._take_flow()
        return await self.starter.describe()

    def describe(self) -> FlowDescription:
        """Return the parameters, options and graph of the flow; see `nbrunner.describe`."""
        return blocking.drive(lambda output: self.async_describe())

    # -- cleanup ----------------------------------------------------------------------

    def cleanup(self) -> None:
        """Delete the logs and records of the runs that this Runner started.

        Results in Metaflow's datastore are kept. Active runs continue; their records are deleted
        when they end.
        """
        for handle in list(self.starter.started):
            self.starter.forget(handle)

    # -- internal ---------------------------------------------------------------------

    @property
    def source(self) -> FlowSource:
        """Internal: the flow file as last written, and the origins of its lines."""
        return self._source

    @property
    def starter(self) -> Starter:
        """Internal: checks arguments, starts runs and waits for their ids."""
        return self._starter

    @property
    def settings(self) -> Record:
        """Internal: the settings to recreate this Runner, without the values of variables."""
        return {"cwd": self.cwd, "profile": self._env.profile, "env": self._env.changed}

    @property
    def process_options(self) -> ProcessOptions:
        """Internal: the profile, env and cwd that were given."""
        options: ProcessOptions = {}
        if self._env.profile is not None:
            options["profile"] = self._env.profile
        if self._env.changed:
            options["env"] = variables.EnvVars(self._env)
        if self._cwd is not None:
            options["cwd"] = self._cwd
        return options

    def _take_flow(self) -> None:
        """Take a flow of the notebook with the values that its names have now."""
        is_of_cells = flow_class.is_flow_class(self._flow) or isinstance(
            self._flow, sources.NotebookFlow
        )
        if self._source.origins and is_of_cells:
            self._source = sources.flow_source(self._flow, self._cwd)
