"""Cells of ``%%step`` and ``%%flow`` taken in as the magics do, without a kernel."""

from __future__ import annotations

import textwrap

from nbrunner.flow.steps.assembly import class_text, text_of
from nbrunner.flow.steps.cells import StepCell, check_artifacts, step_cell
from nbrunner.flow.steps.edges import check_added
from nbrunner.flow.steps.flow_cells import FlowCell, flow_cell
from nbrunner.flow.steps.layout import Row
from nbrunner.flow.steps.words import FlowWords, flow_words, step_words

#: A flow over several cells, with what it uses of other cells.
TRAIN = (
    "import math\nfactor = 2\nweights = {'a': [1, 2]}",
    "def load(count):\n    return list(range(count))",
    "class Model:\n    def __init__(self, depth):\n        self.score = math.sqrt(depth * factor)",
    "%%flow TrainFlow\n'''Train models.'''\ndepth = Parameter('depth', default=3)",
    "%%step start\nself.rows = load(self.depth)\nself.depths = [2, 8]",
    "%%step train --foreach depths -d 'retry(times=0)'\nself.score = Model(self.input).score",
    "%%step best --join\nself.top = max(each.score for each in inputs)\n"
    "self.merge_artifacts(inputs, include=['rows'])\nself.weights = weights",
    "%%step report\nprint('best', self.top, len(self.rows))",
)


class Cells:
    """The flow that cells define one after the other."""

    def __init__(self, *cells: str) -> None:
        self.flow: FlowCell = flow_cell(FlowWords("F"), "", "")
        self.steps: dict[str, StepCell] = {}
        self._number = 0
        for cell in cells:
            self.execute(cell)

    def execute(self, cell: str) -> None:
        self._number += 1
        first, _, text = textwrap.dedent(cell).lstrip("\n").partition("\n")
        magic, _, line = first.partition(" ")
        name = f"Cell In[{self._number}]"
        if magic == "%%flow":
            self.flow = flow_cell(flow_words(line), text, name)
            return
        assert magic == "%%step"
        step = step_cell(step_words(line), text, name)
        self.steps[step.name] = step
        check_artifacts(self.steps)
        check_added(self.flow.name, self.steps, step.name)

    @property
    def rows(self) -> tuple[Row, ...]:
        return class_text(self.flow, self.steps).rows

    @property
    def text(self) -> str:
        return text_of(self.rows)

    def leads(self) -> dict[str, str]:
        """Return the self.next of each step, as its text has it."""
        found, name = {}, ""
        for row in self.rows:
            line = row.text.strip()
            if line.startswith("def "):
                name = line[4:].partition("(")[0]
            elif line.startswith("self.next("):
                found[name] = line.removeprefix("self.next").replace("self.", "")[1:-1]
        return found
