"""What a cell shows of its run: a panel, or plain lines where nothing else can be shown."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from IPython.display import DisplayHandle, display

from nbrunner.executing import ExecutingProcess
from nbrunner.jupyter.config import FlowRun
from nbrunner.jupyter.front_end import front_end
from nbrunner.jupyter.launching import Detach, Launch, wait_for
from nbrunner.jupyter.static_view import picture


class Shown(Protocol):
    """What the output of a cell tells of a run, from its start on."""

    def follow(self, running: ExecutingProcess) -> None:
        """Show a run that has just been started."""
        ...

    def wait(self, running: ExecutingProcess) -> bool:
        """Wait for its end; return whether it has ended."""
        ...

    def left_running(self, running: ExecutingProcess) -> None:
        """Tell that it runs on while the cell ends."""
        ...

    def ended(self, running: ExecutingProcess) -> None:
        """Show how it has ended."""
        ...

    def withdraw(self) -> None:
        """Show nothing: nothing was started."""
        ...


def shown(shell: Any, config: FlowRun, launch: Launch) -> Shown:
    """Return what shows the run of this cell, in this front end."""
    where = front_end(shell)
    if launch.options.panel and where == "notebook":
        from nbrunner.jupyter.panels.run_panel import PanelShown

        return PanelShown(config, launch)
    return PlainShown(config, launch.options.on_interrupt, where == "headless")


def show_run(shell: Any, config: FlowRun, running: ExecutingProcess) -> None:
    """Show a run that was started before: its panel, or its picture."""
    if config.panel and front_end(shell) == "notebook":
        from nbrunner.jupyter.panels.run_panel import show_panel

        show_panel(running, config)
    else:
        display(picture(running, config.saved_log_lines), raw=True)


def name_of(running: ExecutingProcess) -> str:
    """Return what a run is called in text."""
    return running.pathspec or running.directory.name


class PlainShown:
    """Prints the run's lines as they come, and at its end how it ended."""

    def __init__(self, config: FlowRun, on_interrupt: str, headless: bool) -> None:
        self._on_interrupt = on_interrupt
        self._headless = headless
        self._log_lines = config.saved_log_lines
        self._left = config.plain_lines if headless and config.plain_lines else sys.maxsize
        self._unshown = 0
        self._picture: DisplayHandle | None = None

    def follow(self, running: ExecutingProcess) -> None:
        pass

    def wait(self, running: ExecutingProcess) -> bool:
        try:
            return wait_for(running, Detach(), self._on_interrupt, self._line)
        except KeyboardInterrupt:
            print(f"{name_of(running)}: {running.status}")  # noqa: T201
            raise

    def _line(self, stream: str, line: str) -> str | None:
        """Return what to print of a line; a saved notebook has no room for millions."""
        if self._left == 0:
            self._unshown += 1
            return None
        self._left -= 1
        return f"{line}\n"

    def left_running(self, running: ExecutingProcess) -> None:
        print(f"{name_of(running)} runs in the background: `running` follows it")  # noqa: T201

    def ended(self, running: ExecutingProcess) -> None:
        if self._unshown:
            print(f"... {self._unshown:,} lines more: running.stdout")  # noqa: T201
        if self._headless:
            display(picture(running, log_lines=0), raw=True)
        else:
            print(picture(running, log_lines=0)["text/plain"])  # noqa: T201

    def withdraw(self) -> None:
        pass
