"""The choices before a past run is resumed: the step and the version of the flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from traitlets import Bool, List, Unicode

from nbrunner.engine import client
from nbrunner.errors import said
from nbrunner.handles import ExecutingProcess, attach
from nbrunner.history import PastRun
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.feed import FEED
from nbrunner.jupyter.magic.launch import is_flow, name_of_flow
from nbrunner.jupyter.widgets.base import Widget
from nbrunner.record.schema import Record, flow_of
from nbrunner.rerun import runner_of
from nbrunner.runner import Runner
from nbrunner.text.printable import visible

_ENDED = {"failed": "failed", "stopped": "was stopped", "timed out": "timed out"}


class ResumeBar(Widget, bundle="resume_bar"):
    """Controls to resume a run.

    Parameters
    ----------
    run : PastRun
        The run.
    flows : mapping of str to any
        Files and flows of the notebook by name.
    on_start : callable
        Called with the new run.

    Attributes
    ----------
    message : str
        What Start does; then the new run, or why there is none.
    steps : list of [label, name]
        Steps that the resume can begin with; the name is empty for the failed one.
    flows : list of str
        Names of the files and flows to resume with.
    step, flow : str
        What is chosen.
    busy : bool
        Whether the run is being started.
    """

    message = Unicode().tag(sync=True)
    pathspec = Unicode().tag(sync=True)
    steps = List(List(Unicode())).tag(sync=True)
    flows = List(Unicode()).tag(sync=True)
    step = Unicode().tag(sync=True)
    flow = Unicode().tag(sync=True)
    busy = Bool().tag(sync=True)

    def __init__(
        self,
        run: PastRun,
        flows: Mapping[str, object],
        on_start: Callable[[ExecutingProcess], None],
    ) -> None:
        self.run = run
        self._on_start = on_start
        self._recorded = attach(run.recorded) if run.recorded else None
        self._flows = _choices(run, flows, self._recorded)
        steps = _steps(run, self._recorded)
        by_itself = _where_it_ended(run, self._recorded, steps)
        super().__init__(
            message=f"Resume {run.pathspec}" if self._flows else "no flow file to resume with",
            pathspec=run.pathspec,
            steps=[[by_itself, ""], *([step, step] for step in steps)],
            flows=list(self._flows),
            flow=next(iter(self._flows), ""),
        )
        self.on_msg(self._message)

    def _message(self, _widget: object, content: dict[str, object], _buffers: object) -> None:
        if content.get("kind") == wire.ACTION:
            self.start()
            self._answer_action(content)

    def start(self) -> None:
        """Begin to start what was chosen; returns at once, in whichever thread it is."""
        FEED.start(self._start())

    async def _start(self) -> None:
        """Start the run with the selected step and flow, on the feed's loop."""
        if self.busy or not self._flows:  # pressed again before anybody could see that it was
            return
        self.busy = True
        arguments: dict[str, object] = {"origin_run_id": self.run.pathspec.rpartition("/")[2]}
        if self.step:
            arguments["step_to_rerun"] = self.step
        try:
            handle = await self._runner().async_resume(**arguments)
            self.message = f"{handle.pathspec} resumes {self.run.pathspec}"
            self._on_start(handle)
        except Exception as error:
            self.message = visible(said(error))
        finally:
            self.busy = False

    def _runner(self) -> Runner:
        flow = self._flows[self.flow]
        if self._recorded is None:
            return Runner(flow, show_output=False)
        return runner_of(self._recorded, flow)


def _choices(
    run: PastRun, flows: Mapping[str, object], recorded: ExecutingProcess | None
) -> dict[str, object]:
    """Return the flows that can resume this run; those of the notebook come first."""
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


def _file_label(record: Record, file: str) -> str:
    cell = flow_of(record)["cell"]
    return f"the flow as it was in {cell}" if cell else f"{file} as it is now"


def _steps(run: PastRun, recorded: ExecutingProcess | None) -> list[str]:
    if recorded is not None:
        return flow_of(recorded.record)["steps"]
    return client.step_names(run.pathspec)


def _where_it_ended(run: PastRun, recorded: ExecutingProcess | None, begun: Sequence[str]) -> str:
    """Return the label of the default step."""
    steps = list(begun[-1:])
    if recorded is not None:
        counts = recorded.progress.steps.items()
        steps = [name for name, each in counts if each.failed or each.running]
    if run.status == "successful":
        steps = []
    named = f" ({', '.join(steps)})" if steps else ""
    return f"where it {_ENDED.get(run.status, 'ended')}{named}"
