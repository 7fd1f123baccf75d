"""Widget with the graph of a flow and the progress of each step."""

from __future__ import annotations

from dataclasses import asdict

from traitlets import Bunch, Dict, List, Unicode, validate

from nbrunner.engine.progress import Progress
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.record.schema import Flow
from nbrunner.text.printable import visible


class StepGraph(Widget, bundle="step_graph"):
    """The graph of a flow.

    Attributes
    ----------
    steps : list of dict
        ``name``, ``type``, ``next`` and ``doc`` of each step.
    progress : dict
        For each step, the number of its tasks that are pending, running, done, failed, cloned;
        ``stopped`` is the number of failed tasks that were stopped with the run.
    selected : str
        The selected step; empty for none.
    """

    steps = List(Dict()).tag(sync=True)
    progress = Dict().tag(sync=True)
    selected = Unicode().tag(sync=True)

    @validate("steps")
    def _visible_docs(self, proposal: Bunch) -> list[dict[str, object]]:
        return [{**step, "doc": visible(step.get("doc", ""))} for step in proposal["value"]]

    def show(self, progress: Progress, stopped: bool = False) -> None:
        """Show the progress of the steps.

        Parameters
        ----------
        progress : Progress
            Number of tasks of each step by state.
        stopped : bool
            True if the run was stopped: failed tasks are then shown as stopped.
        """
        self.progress = {
            name: {**asdict(counts), "stopped": counts.failed if stopped else 0}
            for name, counts in progress.steps.items()
        }


def steps_of(flow: Flow) -> list[dict[str, object]]:
    """Return the steps of a run's record in the format of the graph."""
    types, docs = flow["types"], flow["docs"]
    return [
        {
            "name": name,
            "type": types.get(name, ""),
            "next": list(behind),
            "doc": docs.get(name, ""),
        }
        for name, behind in flow["following"].items()
    ]
