"""NBRunner: a Runner for flows defined in a notebook, under Metaflow's names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbrunner.handles import ExecutingRun
from nbrunner.metaflow_attributes import MetaflowAttributes
from nbrunner.runner import Runner

if TYPE_CHECKING:
    from metaflow import Run


def _of_runner(name: str) -> property:
    """Return a property that forwards to the Runner's attribute of this name."""

    def get(self: NBRunner) -> Any:
        return getattr(self.runner, name)

    def set(self: NBRunner, value: object) -> None:
        setattr(self.runner, name, value)

    return property(get, set, doc=f"See `Runner.{name}`.")


class NBRunner(MetaflowAttributes):
    """Starts runs of a FlowSpec class that was defined in a notebook.

    Parameters
    ----------
    flow : FlowSpec class
        Class defined in this or an earlier cell. Names of the notebook that it uses have the
        value that they have when a run starts. See `Runner` for other flows.
    show_output, profile, env, file_read_timeout, **top_level_options
        See `Runner`.
    base_dir : path-like, optional
        Directory to run in; default the current directory.
    """

    def __init__(
        self,
        flow: object,
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        base_dir: str | os.PathLike[str] | None = None,
        file_read_timeout: float = 3600,
        **top_level_options: object,
    ) -> None:
        self._flow = flow
        self._runner = Runner(
            flow,
            show_output=show_output,
            profile=profile,
            env=env,
            cwd=base_dir,
            file_read_timeout=file_read_timeout,
            **top_level_options,
        )

    @property
    def flow(self) -> Any:
        """The FlowSpec class."""
        return self._flow

    @property
    def runner(self) -> Runner:
        """The underlying Runner; the attributes below are read from it and set on it."""
        return self._runner

    show_output = _of_runner("show_output")
    env_vars = _of_runner("env_vars")
    base_dir = _of_runner("cwd")
    file_read_timeout = _of_runner("file_read_timeout")
    top_level_kwargs = _of_runner("top_level_kwargs")

    def nbrun(self, **arguments: object) -> Run:
        """Run the flow, wait until it ends, and return the ``metaflow.Run``; see `Runner.run`."""
        return self.runner.run(**arguments).run

    def nbresume(self, **arguments: object) -> Run:
        """Resume an earlier run, wait until it ends, and return the new ``metaflow.Run``.

        See `Runner.resume`.
        """
        return self.runner.resume(**arguments).run

    def run(self, **arguments: object) -> ExecutingRun:
        """Run the flow; see `Runner.run`."""
        return self.runner.run(**arguments)

    def resume(self, **arguments: object) -> ExecutingRun:
        """Resume an earlier run; see `Runner.resume`."""
        return self.runner.resume(**arguments)

    async def async_run(self, **arguments: object) -> ExecutingRun:
        """Start a run; see `Runner.async_run`."""
        return await self.runner.async_run(**arguments)

    async def async_resume(self, **arguments: object) -> ExecutingRun:
        """Start to resume an earlier run; see `Runner.async_resume`."""
        return await self.runner.async_resume(**arguments)

    def cleanup(self) -> None:
        """Delete logs and records; see `Runner.cleanup`."""
        self.runner.cleanup()
