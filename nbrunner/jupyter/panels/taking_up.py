"""Connects panels of a page whose kernel was restarted to the new kernel.

The page keeps its models when a kernel restarts, but their comms are dead. A panel of the page
opens a new one to the target below, with its old model id and its `origin`: the run, flow or
sweep that it shows. A page can do so once ``%load_ext nbrunner`` has registered the target.
"""

from __future__ import annotations

from collections.abc import Callable

from nbrunner.errors import BadValueError, said
from nbrunner.followed_run import FollowedRun
from nbrunner.handles import attach
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.front_end import no_cells_context
from nbrunner.jupyter.kernel.protocols import Comm, Message, Origin
from nbrunner.jupyter.panels.board_panel import BoardPanel
from nbrunner.jupyter.panels.history_panel import HistoryPanel
from nbrunner.jupyter.panels.launch_panel import LaunchPanel
from nbrunner.jupyter.panels.panel import Panel
from nbrunner.jupyter.panels.run_panel import RunPanel
from nbrunner.jupyter.panels.stored_panel import StoredPanel
from nbrunner.sweeps.api import attach_sweep

_MADE: dict[str, Callable[[Origin], Panel]] = {
    "run": lambda origin: RunPanel(attach(str(origin["run"]))),
    "stored": lambda origin: StoredPanel(FollowedRun(str(origin["run"]))),
    "runs": lambda origin: BoardPanel([attach(str(name)) for name in origin["runs"]]),
    "sweep": lambda origin: BoardPanel(attach_sweep(str(origin["sweep"]))),
    "history": lambda origin: HistoryPanel(str(origin["flow"])),
    "form": lambda origin: LaunchPanel(str(origin["flow"])),
}


def opened(real: Comm, message: Message) -> None:
    """Show the same again in the page; send it the reason if that fails."""
    origin = message["content"]["data"].get("origin", {})
    try:
        panel = no_cells_context().run(panel_of, origin)
    except Exception as error:  # for example, its record was deleted
        content = {"kind": wire.ERROR, "text": said(error)}
        no_cells_context().run(real.send, {"method": "custom", "content": content})
        return
    assert panel.comm is not None
    panel.comm.adopt(real)
    panel.send_whole({})


def panel_of(origin: Origin) -> Panel:
    """Return a panel that shows the same as a panel of another kernel.

    Raises
    ------
    BadValueError
        Only that kernel had the object, for example a flow of a cell.
    RunNotFoundError
        The run's record was deleted.
    """
    make = _MADE.get(str(origin.get("kind")))
    if make is None:
        raise BadValueError(
            "this panel showed a flow of a kernel that has ended; run its cell again"
        )
    return make(origin)
