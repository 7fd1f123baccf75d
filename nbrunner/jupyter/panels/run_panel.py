"""RunPanel: a live view of one run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from concurrent.futures import Future

from traitlets import dlink, link

from nbrunner.engine.progress import Progress
from nbrunner.errors import said
from nbrunner.handles import ExecutingProcess, ExecutingTask
from nbrunner.jupyter.html.line_names import as_written
from nbrunner.jupyter.html.run import parameters_of, picture
from nbrunner.jupyter.kernel.cell_panels import PANELS
from nbrunner.jupyter.kernel.config import FlowRun
from nbrunner.jupyter.kernel.feed import FEED
from nbrunner.jupyter.kernel.front_end import no_cells_context
from nbrunner.jupyter.kernel.protocols import Shell
from nbrunner.jupyter.kernel.serial_executors import Aside
from nbrunner.jupyter.magic.equivalent_code import code_of
from nbrunner.jupyter.magic.launch import Detach, Launch, wait_for
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
from nbrunner.jupyter.widgets.run_table import Action, action
from nbrunner.jupyter.widgets.step_graph import steps_of
from nbrunner.launch.stop_ladder import StopReport
from nbrunner.logs.index import MergedLog
from nbrunner.record import run_directory
from nbrunner.record.schema import flow_of
from nbrunner.rerun import runner_of
from nbrunner.status import LABELS, STOPPED, UNSUCCESSFUL, how_it_failed, what_lives

_SHOWN_LAST_SECONDS = 10.0

# Shown while a run is being stopped, by the last signal sent.
_RUNGS = {"SIGINT": "asked to stop", "SIGTERM": "terminating", "SIGKILL": "killed"}
_RUNG_SECONDS = 0.1


class RunPanel(Panel):
    """One run: state, steps, failure and log, with buttons to stop and resume it.

    Parameters
    ----------
    running : ExecutingRun or ExecutingTask
        The run.
    code : dict of str to str, optional
        ``magic`` and ``python`` code that starts the same run.
    detach : Detach, optional
        Ends the wait of a cell without stopping its run.
    saved_log_lines : int
        Number of last log lines in the static HTML of a saved notebook.
    """

    def __init__(
        self,
        running: ExecutingProcess,
        code: dict[str, str] | None = None,
        detach: Detach | None = None,
        saved_log_lines: int = 100,
    ) -> None:
        self.running = running
        self._detach = detach
        self._saved_log_lines = saved_log_lines
        self._is_busy = False  # the action of a button is in progress
        self._error = ""
        flow = flow_of(running.record)
        name = _name_of(running)
        self._log = MergedLog(running.directory.log("stdout"), running.directory.log("stderr"))
        self.header = RunHeader(
            on_action=self._act,
            label=f"Run {name}",
            title=name,
            status=self._label(),
            parameters=_parameters(running, Progress()),
            tags=[str(tag) for tag in running.parameters.get("tags") or ()],
            code=code or code_of(running),
        )
        self.graph = StepGraph(steps=steps_of(flow))
        self.failure = FailureBox()
        self.log_view = LogView(
            self._log,
            FEED.submit,
            file_name=_file_name(name),
            rename=as_written(running),
            steps=flow["steps"],
        )
        # Selecting a step filters the log, and vice versa.
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
            origin={"kind": "run", "run": running.directory.name, "name": name},
        )
        self._shown: Future[None] = FEED.follow(running, self)

    # -- updates, in the feed's thread ---------------------------------------------------

    def show(self, over: bool) -> bool:
        """Show the current state of the run; see `nbrunner.jupyter.kernel.feed.Shows`."""
        running = self.running
        status = running.status
        header = self.header
        with header.hold_sync():
            header.title = name = _name_of(running)
            header.label = f"Run {name}"
            self.log_view.file_name = _file_name(name)
            header.status = self._label()
            header.elapsed = running.elapsed_seconds
            header.actions = self._actions(status)
            header.warning = self._error
            if over:
                header.detail = self._how_it_ended(status)
        progress = running.progress
        header.parameters = _parameters(running, progress)
        self.graph.show(progress, status in STOPPED)
        for part in self._folded:
            part.show(over)
        more = self.log_view.refresh(over)
        self.live = not over
        if over and not more:
            self.failure.show(running.failure)
            self._log.close()
            self.refresh_picture()
        return more

    def _label(self) -> str:
        """Return the label of the badge."""
        running = self.running
        status = running.status
        if status == "running" and running.pathspec is None:
            return "starting"
        return LABELS[status]

    def _how_it_ended(self, status: str) -> str:
        if status == "lost":
            return what_lives(len(self.running.watched.processes()))
        return how_it_failed(status, self.running.returncode)

    def _actions(self, status: str) -> list[Action]:
        found = []
        is_busy = self._is_busy
        if status == "running":
            if self._detach is not None and not self._detach.is_asked() and not is_busy:
                found.append(action("background", "Continue in background"))
            found.append(action("stop", "Stop", disabled=is_busy))
            return found
        if status == "lost" and self.running.watched.lives_on():
            # Its exit code is unknown, and its tasks may still be running.
            found.append(action("stop", "Stop", disabled=is_busy))
        if status in UNSUCCESSFUL and _can_be_resumed(self.running):
            found.append(action("resume", "Resume", is_busy, _resumed_with(self.running)))
        return found

    def own_picture(self) -> dict[str, str]:
        """Return the current state of the run as a MIME bundle."""
        return picture(self.running, self._saved_log_lines)

    # -- actions ---------------------------------------------------------------------------

    def wait_until_shown(self) -> None:
        """Wait until the end of the run is shown."""
        with contextlib.suppress(TimeoutError):
            self._shown.result(_SHOWN_LAST_SECONDS)

    def close(self) -> None:
        """Close the panel and its widgets; the run continues."""
        FEED.leave(self)
        super().close()

    def _act(self, name: str) -> None:
        """Start the action of a button and return at once; called in any thread."""
        if name == "background" and self._detach is not None:
            self._detach.ask()
        elif name == "stop" and not self._is_busy:
            self._begin(self._stop())
        elif name == "resume" and not self._is_busy and self.running.status != "running":
            self._begin(self._resume())
        FEED.submit(self._show_actions)

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        self._is_busy = True
        FEED.start(self._done(work))

    async def _done(self, work: Coroutine[object, object, None]) -> None:
        """Run the action of a button; in any case, enable the buttons again."""
        error: Exception | None = None
        try:
            await work
        except Exception as raised:
            error = raised
        finally:
            self._is_busy = False
            self._tell(error)

    def _show_actions(self) -> None:
        self.header.actions = self._actions(self.running.status)

    async def _stop(self) -> None:
        stopping = asyncio.ensure_future(self.running.async_stop())
        await asyncio.gather(stopping, self._tell_how_far(stopping))

    async def _tell_how_far(self, stopping: asyncio.Future[StopReport]) -> None:
        """Show the last signal sent until the run has stopped."""
        while not stopping.done():
            told = self.running.directory.read(run_directory.STOPPING)
            self.header.detail = _RUNGS[((told and told["signals"]) or ["SIGINT"])[-1]]
            await asyncio.wait([stopping], timeout=_RUNG_SECONDS)

    async def _resume(self) -> None:
        """Resume the run, and show the new run below."""
        origin = self.running.attributes["run_id"]
        handle = await runner_of(self.running).async_resume(origin_run_id=origin)
        self.show_below(RunPanel(handle, saved_log_lines=self._saved_log_lines), first=False)

    def _tell(self, error: Exception | None) -> None:
        self._error = "" if error is None else said(error)
        status = self.running.status
        with self.header.hold_sync():
            if status != "running":  # the feed may have stopped updating the panel
                self.header.detail = self._how_it_ended(status)
            self.header.warning = self._error
            self.header.actions = self._actions(status)


def _name_of(running: ExecutingProcess) -> str:
    """Return the name of a run: its flow until it has an id."""
    flow = flow_of(running.record)["name"]
    return running.pathspec or flow or running.directory.name


def _file_name(name: str) -> str:
    return f"{name.replace('/', '-')}.log"


def _can_be_resumed(running: ExecutingProcess) -> bool:
    return running.pathspec is not None and not isinstance(running, ExecutingTask)


def _resumed_with(running: ExecutingProcess) -> str:
    """Return the tooltip of the Resume button, which ignores later edits of the cell."""
    cell = flow_of(running.record)["cell"]
    if not cell:
        return "Continues after the last finished task, with the flow file as it is now."
    is_of_steps = cell.startswith("Cells ")
    how = (
        f"use %flowrun {flow_of(running.record)['name']}"
        if is_of_steps
        else "run it with %%flowrun"
    )
    return (
        f"Continues after the last finished task, with the flow as it was in {cell}. "
        f"To use the edited cell, {how} resume."
    )


def _parameters(running: ExecutingProcess, progress: Progress) -> list[list[str]]:
    return [list(each) for each in parameters_of(running, progress)]


class PanelShown:
    """The output of a cell as a panel; see `nbrunner.jupyter.output.Shown`."""

    tells_why = True

    def __init__(self, shell: Shell, config: FlowRun, launch: Launch) -> None:
        self._shell = shell
        self._config = config
        self._launch = launch
        self._detach = Detach() if launch.options.block else None
        self._panel: RunPanel | None = None

    def follow(self, running: ExecutingProcess) -> None:
        """Display the panel and update it until the run has ended."""
        self._panel = no_cells_context().run(
            RunPanel,
            running,
            code={"magic": self._launch.line, "python": self._launch.python},
            detach=self._detach,
            saved_log_lines=self._config.saved_log_lines,
        )
        PANELS.add(self._shell, self._panel)
        self._panel._ipython_display_()

    def wait(self, running: ExecutingProcess) -> bool:
        """Wait for the run; return True if it has ended, False if the cell was detached."""
        assert self._detach is not None
        return wait_for(running, self._detach, self._launch.options.on_interrupt)

    def left_running(self, running: ExecutingProcess) -> None:
        """Do nothing: the panel shows that the run continues."""
        pass

    def ended(self, running: ExecutingProcess) -> None:
        """Wait until the end of the run is shown."""
        if self._panel is not None:
            self._panel.wait_until_shown()

    def withdraw(self) -> None:
        """Close the panel if it was displayed."""
        if self._panel is not None:
            self._panel.withdraw()
