"""Widgets, one kind a file: usable by themselves in any layout of ipywidgets."""

from nbrunner.jupyter.widgets.failure_box import FailureBox
from nbrunner.jupyter.widgets.log_view import LogView
from nbrunner.jupyter.widgets.run_header import RunHeader
from nbrunner.jupyter.widgets.status_badge import StatusBadge
from nbrunner.jupyter.widgets.step_graph import StepGraph

__all__ = ["FailureBox", "LogView", "RunHeader", "StatusBadge", "StepGraph"]
