"""The output of a cell that starts or shows runs: a panel, or plain lines without widgets."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from IPython.display import DisplayHandle, display

from nbrunner.cli import name_of
from nbrunner.compare.diff import RunDiff
from nbrunner.engine import client
from nbrunner.engine.progress import Progress
from nbrunner.flow.description import FlowDescription
from nbrunner.followed_run import FollowedRun
from nbrunner.handles import ExecutingProcess
from nbrunner.history import History
from nbrunner.jupyter.html.line_names import as_written
from nbrunner.jupyter.html.run import picture
from nbrunner.jupyter.html.step_graph import steps_html
from nbrunner.jupyter.html.value import value_bundle
from nbrunner.jupyter.kernel.cell_panels import PANELS
from nbrunner.jupyter.kernel.config import FlowRun
from nbrunner.jupyter.kernel.front_end import front_end, no_cells_context
from nbrunner.jupyter.kernel.protocols import Shell
from nbrunner.jupyter.magic.launch import Detach, Launch, runner_of, wait_for
from nbrunner.jupyter.magic.options import Options
from nbrunner.jupyter.panels.board_rows import board_picture
from nbrunner.jupyter.widgets.value_view import view_of
from nbrunner.sweeps.handle import Sweep
from nbrunner.text.printable import visible

if TYPE_CHECKING:
    from nbrunner.jupyter.panels.panel import Panel


class Shown(Protocol):
    """The display of a run in the output of its cell.

    Attributes
    ----------
    tells_why : bool
        True if it remains visible next to the cell's error and shows why a run failed.
    """

    tells_why: bool

    def follow(self, running: ExecutingProcess) -> None:
        """Display a run that has just been started."""
        ...

    def wait(self, running: ExecutingProcess) -> bool:
        """Wait for the end of the run; return True if it has ended."""
        ...

    def left_running(self, running: ExecutingProcess) -> None:
        """Show that the run continues although the cell ends."""
        ...

    def ended(self, running: ExecutingProcess) -> None:
        """Show how the run ended."""
        ...

    def withdraw(self) -> None:
        """Remove the display because nothing was started."""
        ...


def shown(shell: Shell, config: FlowRun, launch: Launch) -> Shown:
    """Return the display for the run of this cell, depending on the front end."""
    where = front_end(shell)
    if launch.options.panel and where == "notebook":
        from nbrunner.jupyter.panels.run_panel import PanelShown

        return PanelShown(shell, config, launch)
    return PlainShown(config, launch.options.on_interrupt, where == "headless")


def show_run(shell: Shell, config: FlowRun, running: ExecutingProcess | FollowedRun) -> None:
    """Display an earlier run as a panel, or as static HTML and text."""
    if config.panel and front_end(shell) == "notebook":
        if isinstance(running, FollowedRun):
            from nbrunner.jupyter.panels.stored_panel import StoredPanel

            _show_panel(shell, no_cells_context().run(StoredPanel, running))
            return
        from nbrunner.jupyter.panels.run_panel import RunPanel

        lines = config.saved_log_lines
        _show_panel(shell, no_cells_context().run(RunPanel, running, saved_log_lines=lines))
    else:
        display(picture(running, config.saved_log_lines), raw=True)


def show_history(
    shell: Shell, config: FlowRun, flow: str, flows: Callable[[], Mapping[str, object]]
) -> None:
    """Display the past runs of one or all flows: a table to browse, or its first page."""
    if config.panel and front_end(shell) == "notebook":
        from nbrunner.jupyter.panels.history_panel import HistoryPanel

        _show_panel(shell, no_cells_context().run(HistoryPanel, flow, flows))
        return
    from nbrunner.jupyter.panels.history_panel import history_picture

    own = client.current_namespace() if flow else None
    _show_picture(shell, history_picture(flow, History(flow).page(namespace=own)))


def show_form(
    shell: Shell, config: FlowRun, current: Callable[[], object], options: Options, name: str
) -> None:
    """Display a form of a flow's parameters, or a table; ``current`` returns the flow."""
    flow = current()
    from nbrunner.jupyter.panels.launch_panel import LaunchPanel, parameter_picture

    if config.panel and front_end(shell) == "notebook":

        def started(running: ExecutingProcess) -> None:
            shell.user_ns["running"] = running

        make = no_cells_context().run
        panel = make(LaunchPanel, flow, options, name, on_start=started, current=current)
        _show_panel(shell, panel)
    else:
        _show_picture(shell, parameter_picture(runner_of(flow, [], options).describe()))


def show_flow(shell: Shell, text: str, flow: FlowDescription) -> None:
    """Display the source of a flow and its graph."""
    types = {step.name: step.type for step in flow.steps}
    page = f"<pre>{html.escape(visible(text))}</pre>"
    page += steps_html(flow.following, types, Progress(), {})
    steps = [f"{name} -> {', '.join(after)}" for name, after in flow.following.items() if after]
    plain = "\n".join([text, *steps])
    _show_picture(shell, {"text/plain": plain, "text/html": page})


def show_value(shell: Shell, value: object) -> None:
    """Display the value of an artifact."""
    _show_picture(shell, value_bundle(view_of(value)))


def show_sweep(shell: Shell, config: FlowRun, sweep: Sweep) -> None:
    """Display the board of a sweep, or a static table."""
    if config.panel and front_end(shell) == "notebook":
        from nbrunner.jupyter.panels.board_panel import BoardPanel

        _show_panel(shell, no_cells_context().run(BoardPanel, sweep))
    else:
        _show_picture(shell, board_picture(sweep))


def show_diff(shell: Shell, diff: RunDiff) -> None:
    """Display a comparison of runs."""
    _show_picture(shell, {"text/plain": str(diff), "text/html": diff._repr_html_()})


def _show_panel(shell: Shell, panel: Panel) -> None:
    PANELS.add(shell, panel)
    panel._ipython_display_()


def _show_picture(shell: Shell, bundle: dict[str, str]) -> None:
    if front_end(shell) in ("console", "terminal"):
        print(bundle["text/plain"])  # noqa: T201
    else:
        display(bundle, raw=True)


class PlainShown:
    """Prints the output of the run as it is written, and its final status."""

    tells_why = False

    def __init__(self, config: FlowRun, on_interrupt: str, headless: bool) -> None:
        self._on_interrupt = on_interrupt
        self._headless = headless
        self._log_lines = config.saved_log_lines
        self._left = config.plain_lines if headless and config.plain_lines else sys.maxsize
        self._unshown = 0
        self._picture: DisplayHandle | None = None

    def follow(self, running: ExecutingProcess) -> None:
        """Do nothing: lines are printed by `wait`."""
        pass

    def wait(self, running: ExecutingProcess) -> bool:
        """Wait and print lines; return True if the run has ended."""
        return wait_for(running, Detach(), self._on_interrupt, self._line_of(running))

    def _line_of(self, running: ExecutingProcess) -> Callable[[str, str], str | None]:
        """Return the function that formats a line; it drops lines beyond the configured number."""
        rename = as_written(running)

        def shown(_stream: str, line: str) -> str | None:
            if self._left == 0:
                self._unshown += 1
                return None
            self._left -= 1
            return f"{rename(line)}\n"

        return shown

    def left_running(self, running: ExecutingProcess) -> None:
        """Print that the run continues in the background."""
        print(f"{name_of(running)} runs in the background; its handle is `running`")  # noqa: T201

    def ended(self, running: ExecutingProcess) -> None:
        """Print how the run ended."""
        if self._unshown:
            print(f"... {self._unshown:,} more lines: running.stdout")  # noqa: T201
        if self._headless:
            display(picture(running, log_lines=0), raw=True)
        else:
            print(picture(running, log_lines=0)["text/plain"])  # noqa: T201

    def withdraw(self) -> None:
        """Do nothing: nothing was printed."""
        pass
