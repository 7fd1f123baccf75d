"""The flows of several cells of a notebook, by name, and the latest one."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from nbrunner.errors import BadValueError
from nbrunner.flow.steps.step_flow import StepFlow
from nbrunner.flow.steps.words import one_of

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

    def begin(self, name: str) -> StepFlow:
        """Return the flow with a name, which the next steps belong to; create it if necessary."""
        flow = self._flows.setdefault(name, StepFlow(name))
        self._latest = name
        self.take(flow)
        return flow

    def of(self, name: str) -> StepFlow:
        """Return the flow that a step belongs to; without a name, the latest one.

        Raises
        ------
        BadValueError
            No cell has defined a flow with this name.
        """
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

    def take(self, flow: StepFlow) -> None:
        """Keep a flow, and bind its name in the notebook."""
        self._flows[flow.flow_name] = flow
        self._namespace[flow.flow_name] = flow
