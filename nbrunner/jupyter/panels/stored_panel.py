"""StoredPanel: a run without an nbrunner record, as stored by Metaflow."""

from __future__ import annotations

from typing import cast

from traitlets import dlink

from nbrunner.engine import client
from nbrunner.engine.progress import Progress, StepProgress
from nbrunner.history import PastRun
from nbrunner.jupyter.html.run import table_picture
from nbrunner.jupyter.kernel.serial_executors import Aside
from nbrunner.jupyter.panels.panel import Panel
from nbrunner.jupyter.widgets import Artifacts, Cards, RunHeader, StepGraph
from nbrunner.record.schema import Attributes

_STATES = {"unfinished": "running"}


class StoredRun:
    """A past run in the form that the widgets for results use."""

    def __init__(self, run: PastRun) -> None:
        self.pathspec = run.pathspec
        self.attributes: Attributes = cast(Attributes, {})
        counts = client.task_counts(client.run_of(run.pathspec, None))
        self.progress = Progress(
            {
                name: StepProgress(done=done, running=unfinished, failed=failed)
                for name, (done, failed, unfinished) in counts.items()
            }
        )


class StoredPanel(Panel):
    """State, steps, artifacts and cards of a run; its logs are read from its tasks.

    Parameters
    ----------
    run : PastRun
        The run.
    """

    def __init__(self, run: PastRun) -> None:
        self.run = run
        stored = StoredRun(run)
        aside = Aside()
        code = f"metaflow.Run({run.pathspec!r})"
        self.header = RunHeader(
            label=f"Run {run.pathspec}",
            title=run.pathspec,
            status=_STATES.get(run.status, run.status),
            detail="unfinished" if run.status == "unfinished" else "",
            elapsed=run.seconds,
            parameters=[[name, str(value)] for name, value in run.parameters.items()],
            tags=list(run.tags),
            warning="not started by nbrunner; read the logs from its tasks: Task(...).stdout",
            code={"magic": "", "python": f"run = {code}"},
        )
        names = list(stored.progress.steps)
        self.graph = StepGraph(
            steps=[
                {"name": name, "type": "", "next": names[number + 1 : number + 2], "doc": ""}
                for number, name in enumerate(names)
            ]
        )
        self.graph.show(stored.progress)
        self.artifacts = Artifacts(stored, aside)
        self.cards = Cards(stored, aside)
        dlink((self.graph, "selected"), (self.artifacts, "step"))
        super().__init__(
            {
                "header": self.header,
                "graph": self.graph,
                "artifacts": self.artifacts,
                "cards": self.cards,
            },
        )

    def own_picture(self) -> dict[str, str]:
        """Return the stored facts about the run as a MIME bundle."""
        return table_picture(self.run.pathspec, ["status"], [[self.run.status]])
