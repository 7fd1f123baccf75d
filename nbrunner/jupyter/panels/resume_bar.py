"""What one chooses before a past run is resumed: the step, and which flow goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets

from nbrunner.engine import client
from nbrunner.errors import said
from nbrunner.handles import ExecutingProcess, attach
from nbrunner.history import PastRun
from nbrunner.jupyter.kernel.feed import FEED
from nbrunner.jupyter.magic.launch import is_flow, name_of_flow
from nbrunner.jupyter.panels.panel import close_all
from nbrunner.record.schema import flow_of
from nbrunner.rerun import runner_of
from nbrunner.runner import Runner

_ENDED = {"failed": "failed", "stopped": "was stopped", "timed out": "timed out"}


class ResumeBar(ipywidgets.VBox):
    """Offers to resume a run.

    Parameters
    ----------
    run : PastRun
    flows : mapping of str to any
        Files and flows of the notebook, by what they are called.
    on_start : callable
        Called with the new run.
    """

    def __init__(
        self,
        run: PastRun,
        flows: Mapping[str, Any],
        on_start: Callable[[ExecutingProcess], None],
    ) -> None:
        self.run = run
        self._on_start = on_start
        self._recorded = attach(run.recorded) if run.recorded else None
        self._flows = _choices(run, flows, self._recorded)
        steps = _steps(run, self._recorded)
        by_itself = _where_it_ended(run, self._recorded, steps)
        self.step = ipywidgets.Dropdown(
            options=[(by_itself, ""), *((step, step) for step in steps)],
            description="From step",
            value="",
        )
        self.flow = ipywidgets.Dropdown(options=list(self._flows), description="With")
        self.button = ipywidgets.Button(
            description="Start", disabled=not self._flows, tooltip=f"resume {run.pathspec}"
        )
        self.message = ipywidgets.Label(
            f"Resume {run.pathspec}" if self._flows else "no flow file to resume with"
        )
        self.button.on_click(lambda _: FEED.start(self._start()))
        chosen = ipywidgets.HBox([self.step, self.flow, self.button])
        chosen.layout.flex_flow = "row wrap"
        chosen.layout.align_items = "center"
        super().__init__((self.message, chosen))
        self.add_class("nbr-resume")

    async def _start(self) -> None:
        """Start what was chosen; on the feed's loop."""
        if self.button.disabled:  # pressed again before anybody could see that it was
            return
        self.button.disabled = True
        arguments: dict[str, Any] = {"origin_run_id": self.run.pathspec.rpartition("/")[2]}
        if self.step.value:
            arguments["step_to_rerun"] = self.step.value
        try:
            handle = await self._runner().async_resume(**arguments)
            self.message.value = f"{handle.pathspec} resumes {self.run.pathspec}"
            self._on_start(handle)
        except Exception as error:
            self.message.value = said(error)
        finally:
            self.button.disabled = False

    def _runner(self) -> Runner:
        flow = self._flows[self.flow.value]
        if self._recorded is None:
            return Runner(flow, show_output=False)
        return runner_of(self._recorded, flow)

    def close(self) -> None:
        """Close all of it; the new run goes on."""
        close_all(self.children)
        super().close()


def _choices(
    run: PastRun, flows: Mapping[str, Any], recorded: ExecutingProcess | None
) -> dict[str, Any]:
    """Return the flows that this run can be resumed with: first those of the notebook."""
    name = run.pathspec.partition("/")[0]
    found = {
        label: flow
        for label, flow in flows.items()
        if not is_flow(flow) or name_of_flow(flow) == name
    }
    if recorded is not None:
        file = flow_of(recorded.record)["file"]
        if Path(file).is_file():
            found[_file_label(recorded.record, file)] = file
    return found


def _file_label(record: Mapping[str, Any], file: str) -> str:
    cell = flow_of(record)["cell"]
    return f"the flow as it was in {cell}" if cell else f"{file} as it is now"


def _steps(run: PastRun, recorded: ExecutingProcess | None) -> list[str]:
    if recorded is not None:
        return flow_of(recorded.record)["steps"]
    return client.step_names(run.pathspec)


def _where_it_ended(run: PastRun, recorded: ExecutingProcess | None, begun: Sequence[str]) -> str:
    """Return what is said of the steps that a resume begins with unless told otherwise."""
    steps = list(begun[-1:])
    if recorded is not None:
        counts = recorded.progress.steps.items()
        steps = [name for name, each in counts if each.failed or each.running]
    if run.status == "successful":
        steps = []
    named = f" ({', '.join(steps)})" if steps else ""
    return f"where it {_ENDED.get(run.status, 'ended')}{named}"
