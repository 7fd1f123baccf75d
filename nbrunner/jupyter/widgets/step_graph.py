"""The steps of a flow as a drawing, with what became of each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from traitlets import Dict, List, Unicode, validate

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
        For each step how many of its tasks are pending, running, done, failed, cloned; and
        how many of the failed were ended with the run, which was ``stopped``.
    selected : str
        The step that was clicked; empty for none.
    """

    steps = List(Dict()).tag(sync=True)
    progress = Dict().tag(sync=True)
    selected = Unicode().tag(sync=True)

    @validate("steps")
    def _visible_docs(self, proposal: Any) -> list[dict[str, Any]]:
        return [{**step, "doc": visible(step.get("doc", ""))} for step in proposal["value"]]

    def show(self, progress: Progress, stopped: bool = False) -> None:
        """Show what became of the steps so far.

        Parameters
        ----------
        progress : Progress
        stopped : bool
            Whether the run was stopped: what failed then was ended with it.
        """
        self.progress = {
            name: {**asdict(counts), "stopped": counts.failed if stopped else 0}
            for name, counts in progress.steps.items()
        }


def steps_of(flow: Flow) -> list[dict[str, Any]]:
    """Return the steps of a run's record as the graph takes them."""
    types, docs = flow["types"], flow["docs"]
    return [
        {"name": name, "type": types.get(name, ""), "next": list(behind)}
        | {"doc": docs.get(name, "")}
        for name, behind in flow["following"].items()
    ]
