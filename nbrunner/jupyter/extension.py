"""Loads and unloads the extension; only this module registers anything with the shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nbrunner.environment import run_environment
from nbrunner.jupyter.kernel import wire
from nbrunner.launch.warm.launcher import LAUNCHER

if TYPE_CHECKING:
    from nbrunner.jupyter.kernel.config import FlowRun
    from nbrunner.jupyter.kernel.protocols import Comm, Message, Shell

# Callbacks registered for the shell's events, to unregister them on unload.
_LISTENERS: list[Callable[[object], None]] = []
STEP_MAGICS = ("flow", "step", "flowexport", "flowload", "flowshow")


def load(shell: Shell) -> None:
    """Register the magics, ``%config FlowRun`` and Tab completion; prepare warm starts.

    A cell runs inside the kernel's event loop, where asyncio refuses to run another one.
    nest-asyncio2 allows it, so that ``asyncio.run(main())`` works as in scripts. Loading the
    extension twice has no further effect.
    """
    from nbrunner.jupyter.kernel.config import configured
    from nbrunner.jupyter.magic.completion import matcher
    from nbrunner.jupyter.magics import FlowMagics
    from nbrunner.jupyter.step_magics import StepMagics

    config = configured(shell)  # first, so that an error leaves a loaded extension as it is
    unload(shell)
    shell.configurables.append(config)
    runs = FlowMagics(shell, config)
    shell.register_magics(runs, StepMagics(shell, config, runs))
    shell.Completer.custom_matchers.append(matcher(shell.user_ns))
    _show_handles_as_panels(shell, config)
    _show_sweeps(shell, config)
    _close_old_panels(shell)
    _take_up_panels(shell)
    if config.nested_asyncio:
        import nest_asyncio2

        nest_asyncio2.apply(run_close_loop=True)
    LAUNCHER.prepare(run_environment())


def _show_handles_as_panels(shell: Shell, config: FlowRun) -> None:
    """Display a handle as the run's panel if it is the last expression of a cell."""
    from nbrunner.followed_run import FollowedRun
    from nbrunner.handles import ExecutingProcess
    from nbrunner.jupyter.kernel.front_end import front_end
    from nbrunner.jupyter.output import show_run

    def show(running: ExecutingProcess | FollowedRun) -> None:
        if config.panel and front_end(shell) == "notebook":
            show_run(shell, config, running)
        else:
            raise NotImplementedError  # makes IPython display the repr

    for kind in (ExecutingProcess, FollowedRun):
        shell.display_formatter.ipython_display_formatter.for_type(kind, show)


def _close_old_panels(shell: Shell) -> None:
    """Make a cell that is executed again close its earlier panels."""
    from nbrunner.jupyter.kernel.cell_panels import PANELS

    def close_old(_info: object) -> None:
        PANELS.close_old(shell)

    shell.events.register("pre_run_cell", close_old)
    _LISTENERS.append(close_old)


def _take_up_panels(shell: Shell) -> None:
    """Let a page show on, by this kernel, the panels of the kernel before it."""
    if getattr(shell, "kernel", None) is None:
        return

    def opened(comm: Comm, message: Message) -> None:
        from nbrunner.jupyter.panels.taking_up import opened

        opened(comm, message)

    shell.kernel.comm_manager.register_target(wire.TAKE_UP, opened)


def _show_sweeps(shell: Shell, config: FlowRun) -> None:
    """Display sweeps as boards, and let them start runs also while a cell is running."""
    from nbrunner.jupyter.kernel.feed import FEED
    from nbrunner.jupyter.kernel.front_end import front_end
    from nbrunner.jupyter.output import show_sweep
    from nbrunner.sweeps import api as sweeps_api, handle as sweep_handle

    def begun(sweep: sweep_handle.Sweep) -> bool:
        if not (config.panel and front_end(shell) == "notebook"):
            return False
        show_sweep(shell, config, sweep)
        return True

    sweeps_api.SHOWN_BY[:] = [begun]
    sweep_handle.STARTED_BY[:] = [FEED.start]
    shell.display_formatter.ipython_display_formatter.for_type(
        sweep_handle.Sweep, lambda sweep: show_sweep(shell, config, sweep)
    )


def unload(shell: Shell) -> None:
    """Undo what `load` has registered with the shell; runs continue.

    nest-asyncio2 cannot be undone; it does not affect code that does not nest event loops.
    """
    from nbrunner.jupyter.kernel.config import FlowRun
    from nbrunner.jupyter.magics import FlowMagics
    from nbrunner.jupyter.step_magics import StepMagics

    # The shell's lists of configurables refer to the magics, and through them to the latest run.
    ours = (FlowRun, FlowMagics, StepMagics)
    shell.configurables[:] = [each for each in shell.configurables if type(each) not in ours]
    for group in (FlowMagics, StepMagics):
        shell.magics_manager.registry.pop(group.__name__, None)
    for kind in ("line", "cell"):
        magics = shell.magics_manager.magics[kind]
        for name in ("flowrun", "flowruns", "flowform", "flowstop", "flowdiff", *STEP_MAGICS):
            magics.pop(name, None)
    from nbrunner.followed_run import FollowedRun
    from nbrunner.handles import ExecutingProcess

    formatter = shell.display_formatter.ipython_display_formatter
    formatter.pop(ExecutingProcess, None)
    formatter.pop(FollowedRun, None)
    from nbrunner.sweeps import api as sweeps_api, handle as sweep_handle

    formatter.pop(sweep_handle.Sweep, None)
    sweeps_api.SHOWN_BY.clear()
    sweep_handle.STARTED_BY.clear()
    if getattr(shell, "kernel", None) is not None:
        shell.kernel.comm_manager.targets.pop(wire.TAKE_UP, None)
    while _LISTENERS:
        shell.events.unregister("pre_run_cell", _LISTENERS.pop())
    matchers = shell.Completer.custom_matchers
    # Matchers of others may be plain functions.
    matchers[:] = [
        each for each in matchers if getattr(each, "matcher_identifier", "") != "nbrunner"
    ]
