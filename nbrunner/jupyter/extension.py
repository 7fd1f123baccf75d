"""Loading and unloading; the only place that registers anything on the shell."""

from __future__ import annotations

from typing import Any

from nbrunner.environment import run_environment
from nbrunner.launch.warm.launcher import LAUNCHER

# What listens to the shell's events, to be taken away again.
_LISTENERS: list[Any] = []


def load(shell: Any) -> None:
    """Register the magics, ``%config FlowRun`` and Tab completion; start warm starts.

    ``asyncio.run(main())``, as scripts have it, works in a cell too: a cell runs inside the
    kernel's event loop, where asyncio refuses to run another; nest-asyncio2 lets it. Loading
    twice is harmless.
    """
    from nbrunner.jupyter.kernel.config import configured
    from nbrunner.jupyter.magic.completion import matcher
    from nbrunner.jupyter.magics import FlowMagics

    config = configured(shell)  # first: should it fail, what is loaded stays
    unload(shell)
    shell.configurables.append(config)
    shell.register_magics(FlowMagics(shell, config))
    shell.Completer.custom_matchers.append(matcher(shell.user_ns))
    _show_handles_as_panels(shell, config)
    _show_sweeps(shell, config)
    _close_old_panels(shell)
    if config.nested_asyncio:
        import nest_asyncio2

        nest_asyncio2.apply(run_close_loop=True)
    LAUNCHER.prepare(run_environment())


def _show_handles_as_panels(shell: Any, config: Any) -> None:
    """Have a handle as a cell's last expression shown as the run's panel."""
    from nbrunner.handles import ExecutingProcess
    from nbrunner.jupyter.kernel.front_end import front_end
    from nbrunner.jupyter.output import show_run

    def show(running: ExecutingProcess) -> None:
        if config.panel and front_end(shell) == "notebook":
            show_run(shell, config, running)
        else:
            raise NotImplementedError  # IPython then shows its repr

    shell.display_formatter.ipython_display_formatter.for_type(ExecutingProcess, show)


def _close_old_panels(shell: Any) -> None:
    """Have a cell that runs again close the panels that it showed before."""
    from nbrunner.jupyter.kernel.cell_panels import PANELS

    def close_old(_info: Any) -> None:
        PANELS.close_old(shell)

    shell.events.register("pre_run_cell", close_old)
    _LISTENERS.append(close_old)


def _show_sweeps(shell: Any, config: Any) -> None:
    """Have sweeps shown as boards, and their runs started also while a cell computes."""
    from nbrunner.jupyter.kernel.feed import FEED
    from nbrunner.jupyter.kernel.front_end import front_end
    from nbrunner.jupyter.output import show_sweep
    from nbrunner.sweeps import api as sweeps_api
    from nbrunner.sweeps import handle as sweep_handle

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


def unload(shell: Any) -> None:
    """Undo what `load` has registered on the shell; runs go on.

    nest-asyncio2 cannot be taken back; it changes nothing for code that does not nest.
    """
    from nbrunner.jupyter.kernel.config import FlowRun
    from nbrunner.jupyter.magics import FlowMagics

    # IPython notes the object of the magics, and with it the latest run, among these.
    ours = (FlowRun, FlowMagics)
    shell.configurables[:] = [each for each in shell.configurables if type(each) not in ours]
    shell.magics_manager.registry.pop(FlowMagics.__name__, None)
    for kind in ("line", "cell"):
        magics = shell.magics_manager.magics[kind]
        for name in ("flowrun", "flowruns", "flowform", "flowstop"):
            magics.pop(name, None)
    from nbrunner.handles import ExecutingProcess

    formatter = shell.display_formatter.ipython_display_formatter
    formatter.pop(ExecutingProcess, None)
    from nbrunner.sweeps import api as sweeps_api
    from nbrunner.sweeps import handle as sweep_handle

    formatter.pop(sweep_handle.Sweep, None)
    sweeps_api.SHOWN_BY.clear()
    sweep_handle.STARTED_BY.clear()
    while _LISTENERS:
        shell.events.unregister("pre_run_cell", _LISTENERS.pop())
    matchers = shell.Completer.custom_matchers
    # Those that others have set may be plain functions.
    matchers[:] = [
        each for each in matchers if getattr(each, "matcher_identifier", "") != "nbrunner"
    ]
