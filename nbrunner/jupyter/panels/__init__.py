"""Panels: compositions of widgets that are shown below a cell."""

from nbrunner.jupyter.panels.board_panel import BoardPanel
from nbrunner.jupyter.panels.history_panel import HistoryPanel
from nbrunner.jupyter.panels.launch_panel import LaunchPanel
from nbrunner.jupyter.panels.run_panel import RunPanel

__all__ = ["BoardPanel", "HistoryPanel", "LaunchPanel", "RunPanel"]
