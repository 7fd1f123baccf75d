"""Metaflow's Deployer for flows of any kind, also those of a notebook.

Metaflow's own takes the path of a flow file. Here a FlowSpec class of a cell, a script or a
module will do as well: it is given the file that nbrunner makes for the class.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

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
        Path of the flow file, or the class itself: of a module, a script or a cell.
    show_output : bool, default True
        Print what the deployment command writes.
    profile : str, optional
        Metaflow profile to deploy with; default the one of the environment.
    env : dict of str to str, optional
        Environment variables to add to those of this process.
    cwd : path-like, optional
        Directory to deploy from; default the current one.
    file_read_timeout : float, default 3600
        Seconds that the deployment command may take.
    **top_level_kwargs
        Options that the command line takes before the subcommand; see `Runner`.

    Raises
    ------
    FlowNotFoundError, BadValueError, BadTypeError
        There is no such flow file or directory, or an argument is not what it should be.

    Notes
    -----
    All else is Metaflow's: it imports the flow file into this process to read its parameters.
    """

    def __init__(
        self,
        flow_file: Any,
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        file_read_timeout: float = 3600,
        **top_level_kwargs: Any,
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
    """Deploys a FlowSpec class that was defined in a notebook, under Metaflow's name for it.

    Parameters
    ----------
    flow : FlowSpec class
        Defined in this or an earlier cell; see `Deployer` for the others.
    show_output, profile, env, file_read_timeout, **top_level_kwargs
        As for `Deployer`.
    base_dir : path-like, optional
        Directory to deploy from; default the current one.
    """

    def __init__(
        self,
        flow: Any,
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        base_dir: str | os.PathLike[str] | None = None,
        file_read_timeout: float = 3600,
        **top_level_kwargs: Any,
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
        """Do nothing: nothing was written beside the notebook."""


def runner_commands() -> dict[str, Any]:
    """Return the Runner subcommands that extensions of Metaflow add, by method name.

    They are classes that take the Runner first (``RUNNER_CLIS_DESC``).
    """
    return {each.name.replace("-", "_"): each for each in get_runner_cli()}
