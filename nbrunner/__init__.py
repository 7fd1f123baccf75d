"""Run, watch, stop, resume and compare Metaflow flows from notebooks and scripts.

The names below are the public API. Each is imported on first use, which keeps
``import nbrunner`` cheap.
"""

from __future__ import annotations

import importlib

from nbrunner.version import __version__

# Importing typing would take longer than importing the rest of this module.
TYPE_CHECKING = False

_HOME = {
    # start and follow runs
    "Runner": "nbrunner.runner",
    "NBRunner": "nbrunner.notebook_runner",
    "ExecutingProcess": "nbrunner.handles",
    "ExecutingRun": "nbrunner.handles",
    "ExecutingTask": "nbrunner.handles",
    "StopReport": "nbrunner.launch.stop_ladder",
    "RunEvent": "nbrunner.engine.progress",
    "Progress": "nbrunner.engine.progress",
    "StepProgress": "nbrunner.engine.progress",
    "Failure": "nbrunner.engine.failure",
    # describe a flow before it runs
    "describe": "nbrunner.flow.describe.api",
    "async_describe": "nbrunner.flow.describe.api",
    "FlowDescription": "nbrunner.flow.description",
    "TaskSpan": "nbrunner.engine.timeline",
    "TaskStarts": "nbrunner.record.task_starts",
    # many runs of one flow
    "sweep": "nbrunner.sweeps.api",
    "async_sweep": "nbrunner.sweeps.api",
    "attach_sweep": "nbrunner.sweeps.api",
    "Sweep": "nbrunner.sweeps.handle",
    # find runs started by this or another process
    "attach": "nbrunner.any_run",
    "FollowedRun": "nbrunner.followed_run",
    # compare runs
    "diff": "nbrunner.compare.diff",
    "RunDiff": "nbrunner.compare.diff",
    "DiffRow": "nbrunner.compare.diff",
    "CodeChange": "nbrunner.compare.code_changes",
    # deploy to a production orchestrator with Metaflow's Deployer
    "Deployer": "nbrunner.deployer",
    "NBDeployer": "nbrunner.deployer",
    # read results with Metaflow's Client
    "Flow": "nbrunner.engine.client",
    "Run": "nbrunner.engine.client",
    "Step": "nbrunner.engine.client",
    "Task": "nbrunner.engine.client",
    "namespace": "nbrunner.engine.client",
    # errors
    "NbrunnerError": "nbrunner.errors",
    "BadRequest": "nbrunner.errors",
    "BadValueError": "nbrunner.errors",
    "BadTypeError": "nbrunner.errors",
    "FlowNotFoundError": "nbrunner.errors",
    "FlowLoadError": "nbrunner.errors",
    "FlowSyntaxError": "nbrunner.errors",
    "FlowImportError": "nbrunner.errors",
    "CleanedUpError": "nbrunner.errors",
    "RunStartError": "nbrunner.errors",
    "RunNotFoundError": "nbrunner.errors",
    "MetaflowVersionError": "nbrunner.errors",
    "StateError": "nbrunner.errors",
}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from nbrunner.any_run import attach as attach
    from nbrunner.compare.code_changes import CodeChange as CodeChange
    from nbrunner.compare.diff import DiffRow as DiffRow, RunDiff as RunDiff, diff as diff
    from nbrunner.deployer import Deployer as Deployer, NBDeployer as NBDeployer
    from nbrunner.engine.client import (
        Flow as Flow,
        Run as Run,
        Step as Step,
        Task as Task,
        namespace as namespace,
    )
    from nbrunner.engine.failure import Failure as Failure
    from nbrunner.engine.progress import (
        Progress as Progress,
        RunEvent as RunEvent,
        StepProgress as StepProgress,
    )
    from nbrunner.engine.timeline import TaskSpan as TaskSpan
    from nbrunner.errors import (
        BadRequest as BadRequest,
        BadTypeError as BadTypeError,
        BadValueError as BadValueError,
        CleanedUpError as CleanedUpError,
        FlowImportError as FlowImportError,
        FlowLoadError as FlowLoadError,
        FlowNotFoundError as FlowNotFoundError,
        FlowSyntaxError as FlowSyntaxError,
        MetaflowVersionError as MetaflowVersionError,
        NbrunnerError as NbrunnerError,
        RunNotFoundError as RunNotFoundError,
        RunStartError as RunStartError,
        StateError as StateError,
    )
    from nbrunner.flow.describe.api import async_describe as async_describe, describe as describe
    from nbrunner.flow.description import FlowDescription as FlowDescription
    from nbrunner.followed_run import FollowedRun as FollowedRun
    from nbrunner.handles import (
        ExecutingProcess as ExecutingProcess,
        ExecutingRun as ExecutingRun,
        ExecutingTask as ExecutingTask,
    )
    from nbrunner.jupyter.kernel.protocols import Shell
    from nbrunner.launch.stop_ladder import StopReport as StopReport
    from nbrunner.notebook_runner import NBRunner as NBRunner
    from nbrunner.record.task_starts import TaskStarts as TaskStarts
    from nbrunner.runner import Runner as Runner
    from nbrunner.sweeps.api import (
        async_sweep as async_sweep,
        attach_sweep as attach_sweep,
        sweep as sweep,
    )
    from nbrunner.sweeps.handle import Sweep as Sweep


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'nbrunner' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Shell) -> None:
    """Load the extension; IPython calls this for ``%load_ext nbrunner``."""
    from nbrunner.jupyter.extension import load

    load(shell)


def unload_ipython_extension(shell: Shell) -> None:
    """Unload the extension; IPython calls this for ``%unload_ext nbrunner``."""
    from nbrunner.jupyter.extension import unload

    unload(shell)
