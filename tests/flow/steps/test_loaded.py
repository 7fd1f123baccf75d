"""A flow file -> cells -> a flow file with the same syntax tree."""

from __future__ import annotations

import ast
from pathlib import Path

import metaflow
import pytest
from support.step_cells import Cells

from nbrunner.engine.client import is_metaflow_name
from nbrunner.errors import BadRequest
from nbrunner.flow.steps.assembly import class_text
from nbrunner.flow.steps.exported import exported
from nbrunner.flow.steps.loaded import cells_of_file

TUTORIALS = sorted((Path(metaflow.__file__).parent / "tutorials").glob("*/*.py"))
OURS = sorted(Path(__file__).parents[3].glob("notebooks/flows/*.py"))
MAIN = "\n\nif __name__ == '__main__':\n    F()\n"


def file(members: str, above: str = "from metaflow import *\n", base: str = "FlowSpec") -> str:
    return f"{above}\nclass F({base}):\n{members}{MAIN}"


END = "\n    @step\n    def end(self):\n        pass\n"
START = "    @step\n    def start(self):\n        self.next(self.end)\n"
CASES = {
    "switch and recursion": file(
        "    @step\n    def start(self):\n        self.way = 'a'\n        self.next(self.a)\n\n"
        "    @step\n    def a(self):\n"
        "        self.next({'a': self.a, 'b': self.end}, condition='way')\n" + END
    ),
    "nested foreach": file(
        "    @step\n    def start(self):\n        self.xs = [1]\n"
        "        self.next(self.a, foreach='xs')\n\n    @step\n    def a(self):\n"
        "        self.ys = [1]\n        self.next(self.b, foreach='ys')\n\n"
        "    @step\n    def b(self):\n        self.next(self.j)\n\n"
        "    @step\n    def j(self, inputs):\n        self.next(self.k)\n\n"
        "    @step\n    def k(self, inputs):\n        self.next(self.end)\n" + END
    ),
    "strings at the left": file(
        "    @step\n    def start(self):\n        self.q = '''\nselect\n  *\n'''\n"
        '        self.f = f"""\n{self.q}\n"""\n        self.next(self.end)\n' + END
    ),
    "decorators": file(
        "    @card(type='html', options={'a': \"it's\"})\n    @retry(times=2)\n"
        + START
        + "\n    # why\n    @retry\n    # and\n    @step\n    def end(self):\n        pass\n",
        "from metaflow import *\n\n\n# of the flow\n@project(name='a')\n"
        "@schedule(\n    daily=True\n)",
    ),
    "step is not the last decorator": file(
        START.replace("@step\n", "@step\n    @retry\n") + END.replace("@step", "@metaflow.step"),
        "import metaflow\nfrom metaflow import *\n",
    ),
    "members between steps and below": file(
        "    n = Parameter('n')\n    '''Text.'''\n\n"
        + START
        + "\n    def helper(self):\n        '''Doc.\n\n        More.\n        '''\n"
        "        return 1\n\n    @property\n    def p(self):\n        return self.helper()\n"
        + END
        + "\n    def last(self):\n        return 2\n"
    ),
    "module with everything": file(
        START + END,
        '"""Doc of the file."""\nfrom __future__ import annotations\n'
        "from metaflow import step, FlowSpec\nimport os, sys\n"
        "try:\n    import nothing\nexcept ImportError:\n    nothing = None\n\n"
        "def unused():\n    return os\n\nX: int = 1\n",
    ),
    "docstrings": file(
        "    '''The flow.\n\n    More.\n      Deep.\n    '''\n\n    @step\n    def start(self):\n"
        "        '''The step.\n\n        More.\n        '''\n\n        def inner():\n"
        "            '''Inner.\n\n            More.\n            '''\n\n"
        "        self.next(self.end)\n" + END
    ),
    "only a docstring": file(
        "    @step\n    def start(self):\n        self.next(self.end)\n\n"
        "    @step\n    def end(self):\n        '''Ends.'''\n"
    ),
    "one-line step": file(START + "\n    @step\n    def end(self): pass\n"),
    "annotations": file(START.replace("(self)", "(self) -> None") + END),
    "head of several lines": file(
        START + END, base="\n    FlowSpec,\n    metaclass=type(FlowSpec)\n"
    ),
    "comments": file(
        "    # first\n\n"
        + START.replace("self.next", "# inside\n        self.next")
        + "        # below\n\n    # above the end\n"
        + END.lstrip("\n")
        + "        # the end\n"
    ),
    "no blank lines": file(START + END.lstrip("\n")),
    "base of its own": file(START + END, "from mine import Base, step\n", "Base"),
}


def again(text: str) -> str:
    cells = Cells(*cells_of_file(text, "a.py"))
    flow = class_text(cells.flow, cells.steps)
    return exported(cells.flow.name, flow, [], is_metaflow_name)


def same(one: str, other: str) -> bool:
    return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))


@pytest.mark.parametrize("path", [*TUTORIALS, *OURS], ids=lambda each: each.parent.name + each.stem)
def test_files_come_back_the_same(path):
    text = path.read_text(encoding="utf-8")
    assert same(again(text), text)
    assert again(again(text)) == again(text)


@pytest.mark.parametrize("text", CASES.values(), ids=CASES)
def test_each_form_comes_back_the_same(text):
    assert same(again(text), text)
    comments = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
    assert all(each in again(text) for each in comments)


def test_the_cells_of_a_tutorial():
    cells = cells_of_file(TUTORIALS[-1].read_text(), "hello-cloud.py")
    assert cells[0].startswith("%%flow HelloCloudFlow\nfrom metaflow import FlowSpec, step, kube")
    assert [each.partition("\n")[0] for each in cells[1:]] == [
        *("%%step start", '%%step hello -d "kubernetes(cpu=1, memory=500)" -d retry'),
        "%%step end",
    ]
    assert cells[1].endswith("\n\nself.next(self.hello)")
    assert '\n"""\nThe \'start\' step is a regular step' in cells[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (", "a.py: '(' was never closed"),
        ("x = 1", "a.py: expected a file with one flow; it defines no class with steps"),
        (file(START + END) + "print(1)\n", "line 13: code below the class has no place in cells"),
        (file(END + START), "a.py cannot be split into cells that give the same file: start has"),
        (file(START + END).replace("(FlowSpec)", ""), "F has no base class"),
        (
            file(START.replace("self.next", "'''Doc.\n  More.'''\n        self.next") + END),
            "docstrings have to be indented as far",
        ),
    ],
)
def test_what_cells_cannot_have_is_told(text, message):
    with pytest.raises(BadRequest) as raised:
        cells_of_file(text, "a.py")
    assert message in str(raised.value)
