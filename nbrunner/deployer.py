"""Metaflow's Deployer, extended to flows defined in notebooks.

Metaflow's Deployer accepts only the path of a flow file. This one also accepts a FlowSpec
class from a cell, script or module, for which nbrunner writes a flow file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import metaflow
from metaflow.plugins import get_runner_cli

from nbrunner.env_vars import EnvVars
from nbrunner.environment import checked_directory
from nbrunner.flow.source import flow_source


class Deployer(metaflow.Deployer):  # type: ignore[misc]
    """Metaflow's ``Deployer``: ``argo_workflows()``, ``step_functions()``, ...

    Parameters
    ----------
    flow_file : path-like or FlowSpec class
        Path of the flow file, or the class itself, from a module, script or cell.
    show_output : bool, default True
        Print the output of the deployment command.
    profile : str, optional
        Metaflow profile to deploy with; default from the environment.
    env : dict of str to str, optional
        Environment variables to add to those of this process.
    cwd : path-like, optional
        Directory to deploy from; default the current directory.
    file_read_timeout : float, default 3600
        Timeout of the deployment command in seconds.
    **top_level_kwargs
        Options that the command line takes before the subcommand; see `Runner`.

    Raises
    ------
    FlowNotFoundError
        The flow file or the directory does not exist.
    BadValueError, BadTypeError
        An argument has an invalid value or type.

    Notes
    -----
    Everything else is Metaflow's, which imports the flow file into this process to read its
    parameters.
    """

    def __init__(
        self,
        flow_file: object,
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        file_read_timeout: float = 3600,
        **top_level_kwargs: object,
    ) -> None:
        directory = None if cwd is None else checked_directory(cwd)
        super().__init__(
            str(flow_source(flow_file, directory).file),
            show_output=show_output,
            profile=profile,
            env=dict(EnvVars(env)) if env else None,
            cwd=directory,
            file_read_timeout=file_read_timeout,
            **top_level_kwargs,
        )


class NBDeployer(Deployer):
    """Deployer for a FlowSpec class defined in a notebook, under Metaflow's name.

    Parameters
    ----------
    flow : FlowSpec class
        Class defined in this or an earlier cell.
    show_output, profile, env, file_read_timeout, **top_level_kwargs
        See `Deployer`.
    base_dir : path-like, optional
        Directory to deploy from; default the current directory.
    """

    def __init__(
        self,
        flow: object,
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        base_dir: str | os.PathLike[str] | None = None,
        file_read_timeout: float = 3600,
        **top_level_kwargs: object,
    ) -> None:
        self.flow = flow
        super().__init__(
            flow,
            show_output=show_output,
            profile=profile,
            env=env,
            cwd=base_dir,
            file_read_timeout=file_read_timeout,
            **top_level_kwargs,
        )

    def cleanup(self) -> None:
        """Do nothing; kept for compatibility. No file was written next to the notebook."""


def runner_commands() -> dict[str, object]:
    """Return the Runner subcommands added by Metaflow extensions, as method name -> class.

    The classes take the Runner as their first argument (``RUNNER_CLIS_DESC``).
    """
    return {each.name.replace("-", "_"): each for each in get_runner_cli()}
