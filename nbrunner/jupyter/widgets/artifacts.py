"""Widget with the artifacts of a run's tasks: name, type and size, and values on demand."""

from __future__ import annotations

from traitlets import Dict, List, Unicode

from nbrunner.engine import client
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.kernel.serial_executors import Submit
from nbrunner.jupyter.widgets.run_data import DataRequest, HasResults, RunData
from nbrunner.jupyter.widgets.value_view import view_of

MAX_TASKS = 500

# Larger values are loaded only on request, as they take the kernel's memory and time.
_LARGE_BYTES = 200_000_000


class Artifacts(RunData, bundle="artifacts"):
    """The artifacts of one task of a run.

    Parameters
    ----------
    running : ExecutingRun or ExecutingTask
        The run.
    aside : callable, optional
        Calls a function in a thread for slow calls of Metaflow's Client.

    Attributes
    ----------
    steps, tasks : list of str
        Steps that have had tasks, and the tasks of the selected step.
    step, task : str
        The selection; empty for the last step with a finished task, and its first task.
    rows : list of dict
        ``name``, ``type`` and ``size`` (bytes, or None) of each artifact.
    """

    steps = List(Unicode()).tag(sync=True)
    tasks = List(Unicode()).tag(sync=True)
    step = Unicode().tag(sync=True)
    task = Unicode().tag(sync=True)
    rows = List(Dict()).tag(sync=True)

    def __init__(self, running: HasResults, aside: Submit | None = None, **traits: object) -> None:
        super().__init__(running, aside, **traits)
        self._shown = (self.step, self.task)
        self.observe(self._choose, ["step", "task"])

    def _choose(self, _change: object) -> None:
        if (self.step, self.task) != self._shown:
            self.reload()

    def _load(self) -> str:
        steps = self._steps()
        step = self.step if self.step in steps else self._latest(steps)
        tasks = self._task_ids(step, MAX_TASKS) if step else []
        task = self.task if self.task in tasks else (tasks[0] if tasks else "")
        # Set first, so that another task can be selected if this one cannot be read.
        rows = self.rows if (step, task) == self._shown else []
        self._fill(rows, steps=steps, tasks=tasks, step=step, task=task)
        found = client.artifacts_of(self._task(step, task)) if task else []
        self._fill([vars(artifact) for artifact in found or ()])
        return f"task {task} has not finished" if found is None else ""

    def _latest(self, steps: list[str]) -> str:
        """Return the last step with results, or else the last one that has started."""
        progress = self._running.progress.steps
        left = [name for name in steps if progress[name].done + progress[name].cloned]
        return (left or steps or [""])[-1]

    def _fill(self, rows: list[dict[str, object]], **choice: object) -> None:
        with self.hold_sync(), self.hold_trait_notifications():
            for name, value in choice.items():
                setattr(self, name, value)
            self._shown = (self.step, self.task)
            self.rows = rows

    def _answer(self, asked: DataRequest) -> None:
        """Send a value, or the code to load it if it is large and was not requested explicitly."""
        name, step, task = str(asked["name"]), self.step, self.task
        size = next((row["size"] for row in self.rows if row["name"] == name), None)
        about = {"kind": wire.VALUE, "id": asked.get("id"), "name": name}
        if size is not None and size > _LARGE_BYTES and not asked.get("large"):
            self.send({**about, "view": "large"})
            return
        found = view_of(self._task(step, task)[name].data)
        content: dict[str, object] = {
            "view": found.kind,
            "text": found.text,
            "cut": found.cut,
            "mime": found.mime,
        }
        content |= {"columns": found.columns, "rows": found.rows}
        self.send({**about, **content}, [found.data] if found.data else [])
