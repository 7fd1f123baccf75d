"""Which edits of a flow file can change its description, and which cannot."""

from __future__ import annotations

import pytest

from nbrunner import describe
from nbrunner.flow.skeleton import skeleton

FLOW = '''\
from metaflow import FlowSpec, Parameter, retry, step
import metaflow

def default():
    return 3

class F(FlowSpec):
    alpha = Parameter("alpha", default=default())

    @retry(times=2)
    @step
    def start(self):
        """Begin."""
        x = 1
        self.next(self.end)

    @metaflow.step
    def end(self):
        print(1)
        print("done")
'''


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = sum(range(100))"),
        ("x = 1", "x = 1\n        y = x + 1"),
        ("        print(1)\n", ""),
        ('print("done")', 'x = "done"'),
        ("import metaflow\n", "import metaflow  # as it is\n\n\n"),
    ],
)
def test_the_body_of_a_step_does_not_count(before, after):
    assert skeleton(FLOW.replace(before, after).encode()) == skeleton(FLOW.encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return 3", "return 4"),
        ("times=2", "times=3"),
        ('"""Begin."""', '"""Start."""'),
        ("self.next(self.end)", "self.next(self.end, foreach='xs')"),
        ('Parameter("alpha"', 'Parameter("beta"'),
        ("import metaflow\n", "import metaflow, os\n"),
        ("def start(self)", "def start(self, inputs)"),
    ],
)
def test_all_else_counts(before, after):
    assert before in FLOW
    assert skeleton(FLOW.replace(before, after).encode()) != skeleton(FLOW.encode())


@pytest.mark.parametrize(
    "decorator", ["@mine", "@mine.step", "@mine(1)", "@(lambda f: f)", "@metaflow_x.retry"]
)
def test_a_step_with_a_decorator_of_the_users_counts_whole(decorator):
    flow = FLOW.replace("@retry(times=2)", decorator)
    assert skeleton(flow.replace("x = 1", "x = 2").encode()) != skeleton(flow.encode())


def test_a_name_bound_again_is_not_metaflows():
    flow = "def retry(**_):\n    return lambda f: f\n" + FLOW
    assert skeleton(flow.replace("x = 1", "x = 2").encode()) != skeleton(flow.encode())


HELPERS = """
def outer(x):
    return inner(x)

def inner(x):
    return x + 1

class F2(FlowSpec):
    def method(self, n):
        return n * 2

    @step
    def start(self):
        print(outer(self.method(1)))
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [("x + 1", "x + 2"), ("return inner(x)", "return inner(x) + 1"), ("n * 2", "n * 3")],
)
def test_the_body_of_a_function_that_steps_alone_call_does_not_count(before, after):
    flow = FLOW + HELPERS
    assert skeleton(flow.replace(before, after).encode()) == skeleton(flow.encode())


@pytest.mark.parametrize(
    "mention",
    [
        "y = outer(3)",
        "g = getattr(F2, 'method')",
        "@outer\nclass G:\n    pass",
        "names = globals()",
        "class Sub(F2):\n    z = F2.method",
        "def decorated(f=outer):\n    pass",
    ],
)
def test_the_body_of_a_function_counts_that_may_be_called_on_import(mention):
    flow = FLOW + HELPERS + mention + "\n"
    edited = flow.replace("x + 1", "x + 2").replace("n * 2", "n * 3")
    assert skeleton(edited.encode()) != skeleton(flow.encode())


@pytest.mark.parametrize(
    "function",
    ["def __init_subclass__(cls):\n        edit", "@property\n    def p(self):\n        edit"],
)
def test_what_python_or_a_decorator_calls_counts(function):
    flow = FLOW + f"\nclass F3(FlowSpec):\n    {function}\n"
    assert skeleton(flow.replace("edit", "edited").encode()) != skeleton(flow.encode())
    other = FLOW + "\nclass Callback(dict):\n    def pre_mutate(self):\n        edit\n"
    assert skeleton(other.replace("edit", "edited").encode()) != skeleton(other.encode())


def test_what_is_not_python_counts_as_it_is():
    assert skeleton(b"def (") == b"def ("


def test_an_edited_step_does_not_import_the_flow_again(write_flow):
    counting = (
        "from pathlib import Path\n"
        "with Path(__file__).with_suffix('.imports').open('a') as imports:\n"
        "    imports.write('x')\n"
    )
    file = write_flow("counted.py", counting + FLOW)
    first = describe(file)
    file.write_text(counting + FLOW.replace("x = 1", "x = 2"))
    assert describe(file) == first
    assert file.with_suffix(".imports").read_text() == "x"
    file.write_text(counting + FLOW.replace("return 3", "return 5"))
    assert describe(file).parameters[0].default == 5
    assert file.with_suffix(".imports").read_text() == "xx"
