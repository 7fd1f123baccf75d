"""StoredPanel: a run without an nbrunner record, as stored by Metaflow."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

from traitlets import dlink, link

from nbrunner.errors import said
from nbrunner.followed_run import FollowedRun
from nbrunner.jupyter.html.run import parameters_of, picture
from nbrunner.jupyter.kernel.feed import FEED, PACE_SECONDS
from nbrunner.jupyter.kernel.serial_executors import Aside
from nbrunner.jupyter.panels.panel import Panel
from nbrunner.jupyter.widgets import (
    Artifacts,
    Cards,
    FailureBox,
    LogView,
    RunHeader,
    StepGraph,
    Timeline,
)
from nbrunner.jupyter.widgets.step_graph import steps_of
from nbrunner.logs.index import MergedLog
from nbrunner.record.schema import flow_of
from nbrunner.status import LABELS

_SAVED_LOG_LINES = 100
_TICK_SECONDS = 1.0  # for the elapsed time


class StoredPanel(Panel):
    """A run that nbrunner did not start: the parts of a RunPanel, without its buttons.

    What Metaflow stores is read in a thread, at the rate of `FollowedRun.refresh`, until the run
    has ended.

    Parameters
    ----------
    running : FollowedRun
        The run.
    """

    def __init__(self, running: FollowedRun) -> None:
        self.running = running
        flow = flow_of(running.record)
        name = running.pathspec
        self._log = MergedLog(running.directory.log("stdout"), running.directory.log("stderr"))
        self.header = RunHeader(
            label=f"Run {name}",
            title=name,
            status=LABELS[running.status],
            code={"magic": "", "python": f"run = metaflow.Run({name!r})"},
        )
        self.graph = StepGraph(steps=steps_of(flow))
        self.failure = FailureBox()
        self.log_view = LogView(
            self._log, FEED.submit, file_name=f"{name.replace('/', '-')}.log", steps=flow["steps"]
        )
        link((self.graph, "selected"), (self.log_view, "step"))
        aside = Aside()
        self.artifacts = Artifacts(running, aside)
        self.cards = Cards(running, aside)
        self.timeline = Timeline(running, FEED.submit)
        dlink((self.graph, "selected"), (self.artifacts, "step"))
        self._folded = (self.artifacts, self.cards, self.timeline)
        super().__init__(
            {
                "header": self.header,
                "graph": self.graph,
                "failure": self.failure,
                "log_view": self.log_view,
                "artifacts": self.artifacts,
                "cards": self.cards,
                "timeline": self.timeline,
            },
            origin={"kind": "stored", "run": name, "name": name},
        )
        self._shown: Future[None] = FEED.start(self._follow())

    async def _follow(self) -> None:
        pause = 0.0
        while True:
            try:
                pause = await asyncio.to_thread(self.running.refresh, write=False)
                self.header.warning = ""
            except Exception as error:  # of a metadata service or a datastore, say
                self.header.warning = f"Metaflow cannot be read at the moment: {said(error)}"
            over = self.running.is_over
            # As its lines are written, so that stdout and stderr keep their order.
            self.running.write_lines(between=self._log.refresh)
            while self.show(over):  # noqa: ASYNC110 (long logs are read in pieces)
                await asyncio.sleep(PACE_SECONDS)
            if over:
                return
            await asyncio.sleep(min(pause, _TICK_SECONDS))

    def show(self, over: bool) -> bool:
        """Show what was read last; see `nbrunner.jupyter.kernel.feed.Shows`."""
        running = self.running
        with self.header.hold_sync():
            self.header.status = LABELS[running.status]
            self.header.elapsed = running.elapsed_seconds
            self.header.detail = running.silence or "not started by nbrunner"
            self.header.parameters = [
                list(each) for each in parameters_of(running, running.progress)
            ]
            self.header.tags = [str(tag) for tag in running.parameters.get("tags", ())]
        flow = flow_of(running.record)  # stored a moment after the start
        self.graph.steps = steps_of(flow)
        self.log_view.steps = self.timeline.steps = flow["steps"]
        self.graph.show(running.progress)
        for part in self._folded:
            part.show(over)
        more = self.log_view.refresh(over)
        if over and not more:
            self.failure.show(running.failure)
            self._log.close()
            self.refresh_picture()
        return more

    def own_picture(self) -> dict[str, str]:
        """Return the current state of the run as a MIME bundle."""
        return picture(self.running, _SAVED_LOG_LINES)

    def close(self) -> None:
        """Close the panel and its widgets; the run continues."""
        self._shown.cancel()
        super().close()
