"""Widgets, one kind per file, which can be used on their own in any ipywidgets layout."""

from nbrunner.jupyter.widgets.artifacts import Artifacts
from nbrunner.jupyter.widgets.cards import Cards
from nbrunner.jupyter.widgets.failure_box import FailureBox
from nbrunner.jupyter.widgets.launch_form import LaunchForm
from nbrunner.jupyter.widgets.log_view import LogView
from nbrunner.jupyter.widgets.run_header import RunHeader
from nbrunner.jupyter.widgets.run_table import RunTable
from nbrunner.jupyter.widgets.status_badge import StatusBadge
from nbrunner.jupyter.widgets.step_graph import StepGraph
from nbrunner.jupyter.widgets.timeline import Timeline

__all__ = [
    "Artifacts",
    "Cards",
    "FailureBox",
    "LaunchForm",
    "LogView",
    "RunHeader",
    "RunTable",
    "StatusBadge",
    "StepGraph",
    "Timeline",
]
