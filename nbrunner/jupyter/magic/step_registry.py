"""The flows of several cells of a notebook, by name, and the latest one."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from nbrunner.errors import BadValueError
from nbrunner.flow.steps.cells import StepCell, step_cell
from nbrunner.flow.steps.flow_cells import flow_cell
from nbrunner.flow.steps.step_flow import StepFlow
from nbrunner.flow.steps.words import flow_words, one_of, step_words
from nbrunner.jupyter.magic.tokenizer import continued

#: The flow of steps without a ``%%flow`` cell.
DEFAULT_NAME = "NotebookFlow"


class StepFlows:
    """The flows that ``%%flow`` and ``%%step`` cells define.

    Parameters
    ----------
    namespace : mutable mapping
        The notebook's names; each flow is bound to its own.
    """

    def __init__(self, namespace: MutableMapping[str, Any]) -> None:
        self._namespace = namespace
        self._flows: dict[str, StepFlow] = {}
        self._latest = DEFAULT_NAME

    @property
    def names(self) -> list[str]:
        """The names of the flows, in the order of their first cells."""
        return list(self._flows)

    def define_flow(self, line: str, text: str, cell: str) -> StepFlow:
        """Define all but the steps of a flow; the next steps belong to it.

        Parameters
        ----------
        line, text : str
            What follows ``%%flow``, and the lines below.
        cell : str
            Name of the cell in tracebacks.

        Raises
        ------
        BadRequest
            The cell is wrong; nothing is changed.
        """
        line, text = continued(line, text)
        words = flow_words(line)
        defined = flow_cell(words, text, cell)
        flow = self._flows.get(words.name) or StepFlow(words.name)
        flow.define(defined)
        self._latest = words.name
        self._take(flow)
        return flow

    def define_step(self, line: str, text: str, cell: str) -> tuple[StepFlow, StepCell]:
        """Define a step of a flow; see `define_flow`."""
        line, text = continued(line, text)
        words = step_words(line)
        flow = self._of(words.flow)
        step = step_cell(words, text, cell)
        flow.add(step)
        self._take(flow)
        return flow, step

    def _of(self, name: str) -> StepFlow:
        """Return the flow that a step belongs to; without a name, the latest one."""
        if not name:
            return self._flows.get(self._latest) or StepFlow(self._latest)
        if name not in self._flows:
            raise BadValueError(
                f"%%step --flow: {one_of(name, self._flows, 'flow')}; a cell with %%flow {name} "
                "defines it"
            )
        return self._flows[name]

    def named(self, name: str = "") -> StepFlow:
        """Return a flow that exists; without a name, the latest one.

        Raises
        ------
        BadValueError
            There is none.
        """
        name = name or self._latest
        if name not in self._flows:
            known = f"; flows of several cells are {', '.join(self._flows)}" if self._flows else ""
            raise BadValueError(f"no %%flow or %%step cell has defined {name!r}{known}")
        return self._flows[name]

    def _take(self, flow: StepFlow) -> None:
        """Keep a flow, and bind its name in the notebook."""
        self._flows[flow.flow_name] = flow
        self._namespace[flow.flow_name] = flow
