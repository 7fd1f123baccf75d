"""Edits of a flow file that can change its description, and others."""

from __future__ import annotations

import pytest

from nbrunner import describe
from nbrunner.flow.describe.cache_key import literals, skeleton
from nbrunner.flow.source import FlowSource

pytestmark = pytest.mark.once

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


@pytest.mark.slow
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


COUNTED = (
    "from pathlib import Path\n"
    "with Path(__file__).with_suffix('.imports').open('a') as imports:\n"
    "    imports.write('x')\n"
)
PARAMETERS = (
    FLOW.replace("default=default()", "default=default(), help='of alpha'")
    + """

class G(FlowSpec):
    number = Parameter("number", default=3, help="how many")
    below = Parameter("below-zero", default=-1.5)
    flag = Parameter("flag", default=True)
    word = Parameter("word", default="a", help="one")
    typed = Parameter("typed", type=float, default=1)
    later = Parameter("later", default=lambda context: 1)
    double = Parameter("double", default=2)
    derived = double

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        print(self.number, self.below, self.word)
"""
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('default=3, help="how many"', 'default=17, help="so many"'),
        ("default=-1.5", "default=2.25"),
        ("default=True", "default=False"),
        ('default="a"', "default='it\\'s ü'"),
        ("type=float, default=1", "type=float, default=7"),
    ],
)
def test_an_edited_literal_is_read_in_the_file_and_is_what_the_import_tells(
    write_flow, private_state, before, after
):
    file = write_flow("counted.py", COUNTED + PARAMETERS.replace("class F(", "class Base("))
    flow = FlowSource(file, "G")
    first = describe(flow)
    file.write_text(file.read_text().replace(before, after), encoding="utf-8")
    edited = describe(flow)
    assert file.with_suffix(".imports").read_text() == "x"
    assert edited != first
    for each in private_state.glob("descriptions/*.json"):
        each.unlink()
    assert describe(flow) == edited
    assert file.with_suffix(".imports").read_text() == "xx"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("default=3", "default='3'"),
        ("default=3", "default=None"),
        ("default=3, ", ""),
        ('"number"', '"count"'),
        ("default=2", "default=4"),  # something else is made of it
        ("context: 1", "context: 2"),
        ("type=float", "type=int"),
    ],
)
def test_what_else_there_is_of_a_parameter_counts(before, after):
    assert before in PARAMETERS
    assert skeleton(PARAMETERS.replace(before, after).encode()) != skeleton(PARAMETERS.encode())


def test_one_name_in_two_flows_counts_whole():
    twice = PARAMETERS.replace('"word"', '"number"').encode()
    assert "number" not in literals(twice) and "number" in literals(PARAMETERS.encode())
    assert skeleton(twice.replace(b"default=3", b"default=4")) != skeleton(twice)


def test_integers_longer_than_python_spells_out_are_told_apart():
    """`ast.dump` raised a bare ValueError for an integer of more than 4,300 digits."""
    one, other = hex(10**5000), hex(10**5000 + 1)
    text = FLOW.replace("return 3", "return LONG").replace("import metaflow\n", "LONG = 0\n")
    texts = [text.replace("LONG = 0", f"LONG = {each}") for each in (one, other, repr(one))]
    assert len({skeleton(each.encode()) for each in texts}) == 3
    default = FLOW.replace("default=default()", f"default={one}")
    assert literals(default.encode()) == {"alpha": {}}
    assert skeleton(default.encode()) != skeleton(default.replace(one, other).encode())


@pytest.mark.slow
@pytest.mark.parametrize("digits", [4000, 50_000])
def test_a_flow_with_a_long_integer_is_described(digits, tmp_path):
    long = hex(10**digits)
    text = FLOW.replace("return 3", f"return {long}").replace("x = 1", f"x = ({long}).real")
    file = tmp_path / "flow.py"
    file.write_text(text + f"\nx = [1, 2]\nx[{long} & 1] = {{{long}}}\n")
    (alpha,) = describe(FlowSource(file, "F")).parameters
    assert alpha.name == "alpha"
