"""Cells -> the text of the class, and the origin of each line."""

from __future__ import annotations

import ast

import pytest
from support.step_cells import Cells

from nbrunner.flow.steps.assembly import composed, origins_of
from nbrunner.flow.steps.flow_cells import flow_cell
from nbrunner.flow.steps.layout import Row
from nbrunner.flow.steps.words import FlowWords
from nbrunner.text.line_origins import Origin, origin_of

TRAIN = (
    """
    %%flow TrainFlow --project churn -d "schedule(daily=True)"
    '''Train models.

    With one depth each.
    '''
    # how deep
    depth = Parameter("depth", default=3)
    """,
    """
    %%step start
    self.depths = [1, self.depth]

    # two of them
    self.sql = '''
    select
      *
    '''
    """,
    """
    %%step train --foreach depths -d card -d "retry(times=2)"
    '''Fit.

    Once.
    '''
    self.score = 1 / self.input
    """,
    """
    %%step best --join
    self.top = max(each.score for each in inputs)
    """,
    """
    %%step report
    @step
    def report(self):
        print(self.top)
    """,
)
EXPECTED = """\
@project(name="churn")
@schedule(daily=True)
class TrainFlow(FlowSpec):
    \'\'\'Train models.

    With one depth each.
    \'\'\'
    # how deep
    depth = Parameter("depth", default=3)

    @step
    def start(self):
        self.depths = [1, self.depth]

        # two of them
        self.sql = \'\'\'
select
  *
\'\'\'
        self.next(self.train, foreach="depths")

    @card
    @retry(times=2)
    @step
    def train(self):
        \'\'\'Fit.

        Once.
        \'\'\'
        self.score = 1 / self.input
        self.next(self.best)

    @step
    def best(self, inputs):
        self.top = max(each.score for each in inputs)
        self.next(self.report)

    @step
    def report(self):
        print(self.top)
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_the_class_reads_like_that_of_a_flow_file():
    assert Cells(*TRAIN).text == EXPECTED


def test_each_line_has_its_place_in_its_cell():
    cells = Cells(*TRAIN)
    origins = origins_of(cells.rows, first=10)
    places = {
        row.text.strip(): origin_of(origins, number) for number, row in enumerate(cells.rows, 10)
    }
    assert places["# two of them"] == ("Cell In[2]", 4)
    assert places["self.score = 1 / self.input"] == ("Cell In[3]", 6)
    assert places["print(self.top)"] == ("Cell In[5]", 4)
    assert places["def best(self, inputs):"] == ("Cell In[4]", 1)
    assert places["self.next(self.best)"] is None
    assert places["@retry(times=2)"] is None


def test_only_the_text_of_a_cell_that_was_executed_again_changes():
    cells = Cells(*TRAIN)
    before = cells.text
    cells.execute("%%step best --join\nself.top = 0")
    line = "self.top = max(each.score for each in inputs)"
    assert cells.text == before.replace(line, "self.top = 0")


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("%%flow F\n@trigger(event='a')\n@retry\nx = 1", "@trigger(event='a')\n@retry\nclass F"),
        ("%%flow F\nimport os\n\nx = os.curdir", "class F(FlowSpec):\n    x = os.curdir\n"),
        ("%%flow F\n@property\ndef y(self):\n    return 1", "class F(FlowSpec):\n    @property\n"),
        ("%%flow F\n@a\nclass F(Base, metaclass=M):\n    x = 1\n", "@a\nclass F(Base, metaclass="),
        ("%%flow F\nclass F(Base):  # mine\n    pass\n", "class F(Base):  # mine\n    @step\n"),
        ("%%flow F\nclass F(\n    Base\n):\n    '''Doc.'''", "class F(\n    Base\n):\n    '''Doc"),
        ("%%flow F\nclass Inner:\n    pass", "class F(FlowSpec):\n    class Inner:\n        pass"),
    ],
)
def test_the_forms_of_a_flow_cell(cell, text):
    assert text in Cells(cell).text


def test_origins_of_a_file_within_a_file():
    rows = [Row("import a"), Row("x", "Cell In[1]", 2), Row("y", "Cell In[1]", 3), Row("z", "C", 9)]
    outer = [Origin(1, 4, "Cell In[0]", 1), Origin(11, 14, "<cells>", 1)]
    assert composed(outer, "<cells>", origins_of(rows)) == (
        Origin(1, 4, "Cell In[0]", 1),
        Origin(12, 13, "Cell In[1]", 2),
        Origin(14, 14, "C", 9),
    )


@pytest.mark.parametrize("project", ["my project", 'a"b', "a\\", "größer"])
def test_a_project_is_a_text_whatever_it_contains(project):
    head = flow_cell(FlowWords("F", project), "", "").head
    assert (
        ast.literal_eval(head[0].text.removeprefix("@project(name=").removesuffix(")")) == project
    )
