"""A flow equals what its class statement would make now, or it is refused."""

from __future__ import annotations

import pytest
from support.notebooks import Notebook

from nbrunner.errors import BadValueError

pytestmark = [pytest.mark.slow, pytest.mark.once]

METAFLOW = "from metaflow import FlowSpec, Parameter, retry, step\n"
STEPS = "    @step\n    def start(self): self.next(self.end)\n    @step\n    def end(self): pass\n"


def flow(body: str, base: str = "object") -> str:
    return f"class F({base}):\n{body}    def value(self):\n        return self.got()\n"


def got(body: str, value: str) -> str:
    return flow(f"{body}    def got(self):\n        return {value}\n")


READ = [
    got("    K = N\n", "self.K"),
    got("    K = N * 2 + 1\n", "self.K"),
    got("    K = [N]\n", "self.K"),
    got("    K = str(N)\n", "self.K"),
    got("    if N == 1:\n        K = 1\n    else:\n        K = 2\n", "self.K"),
    got("    K = lambda self, n=N: n\n", "self.K()"),
    flow("    def got(self, n=N):\n        return n\n"),
    flow("    @(lambda f, n=N: lambda self: n)\n    def got(self):\n        pass\n"),
    flow("    def got(self):\n        return self.tag\n", "Base, tag=N"),
    flow("    def got(self):\n        return self.tag\n", "Tagged[N]"),
]
BASES = """\
class Base:
    def __init_subclass__(cls, tag=0):
        cls.tag = tag
class Tagged:
    def __class_getitem__(cls, item):
        return type('Made', (), {'tag': item})
"""


@pytest.mark.parametrize("text", READ)
@pytest.mark.parametrize("split", ["another cell", "own cell", "later in its cell"])
def test_what_a_flow_was_made_with_is_never_another_value(text, split):
    """D4: a name that the class statement read is bound again, and the error names it."""
    notebook = Notebook(
        *{
            "another cell": [BASES + "N = 1", text, "N = 2"],
            "own cell": [BASES, f"N = 1\n{text}", "N = 2"],
            "later in its cell": [BASES, f"N = 1\n{text}\nN = 2"],
        }[split]
    )
    told = r"^F was made with an older 'N' than the notebook may have now; execute the cell of F"
    with pytest.raises(BadValueError, match=told):
        notebook.text()
    notebook.execute(text)
    assert notebook.given() == notebook.namespace["F"]().value()


@pytest.mark.parametrize("text", [*READ[:3], flow("    def got(self):\n        return N\n")])
def test_a_flow_whose_values_are_bound_again_to_the_same_travels(text):
    """A cell that is executed again, unchanged, changes nothing."""
    notebook = Notebook("N = 1", text, "N = 1")
    assert notebook.given() == notebook.namespace["F"]().value()


def test_a_name_that_only_steps_read_is_taken_as_it_is_now():
    notebook = Notebook("N = 1", flow("    def got(self):\n        return N\n"), "N = 2")
    assert notebook.given() == 2


@pytest.mark.parametrize(
    "text",
    [
        flow("    def got(self):\n        return 1\n", "M"),
        flow("    def got(self):\n        return 1\n", "m.M"),
        "@deco\n" + flow("    def got(self):\n        return 1\n"),
        got("    K = N\n", "self.K"),
    ],
)
def test_a_name_that_a_flow_was_made_with_and_that_was_deleted_is_named(text):
    first = "import types\nN = 1\nclass M:\n    pass\nm = types.SimpleNamespace(M=M)\n"
    notebook = Notebook(first + "def deco(kind):\n    return kind", text, "del M, m, deco, N")
    told = r"^F was made with '(M|m|deco|N)', which the notebook no longer has; execute"
    with pytest.raises(BadValueError, match=told):
        notebook.text()


def metaflow(body: str, base: str = "FlowSpec") -> str:
    return f"class F({base}):\n{body}{STEPS}"


@pytest.mark.parametrize(
    "body",
    [
        "    p = Parameter('p', default=N)\n",
        "    p = Parameter('p', default=N, help='about ' + WORD)\n",
        "    @retry(times=N)\n    @step\n    def more(self): pass\n",
    ],
)
def test_parameters_and_decorators_are_compared_by_their_arguments(body):
    """D: the arguments of Parameter(default=N) and @retry(times=N) are compared."""
    first = f"{METAFLOW}N = 1\nWORD = 'w'"
    notebook = Notebook(first, metaflow(body), first)
    assert "class F" in notebook.text()
    notebook.execute("N = 2")
    with pytest.raises(BadValueError, match="F was made with an older 'N'"):
        notebook.text()


@pytest.mark.parametrize("later", ["exec('M = 3')", "globals()['M'] = 3", "from metaflow import *"])
def test_what_metaflow_gives_is_not_taken_for_bound_anew(later):
    """A cell that may bind any name does not make metaflow's `step` count as changed."""
    notebook = Notebook(METAFLOW, metaflow(""), later)
    assert "class F" in notebook.text()


MIXIN = "class Mixin:\n    rate = 1\n    def help(self, n=1):\n        return 'old'\n"
CHANGED = [
    MIXIN.replace("'old'", "'new'"),
    MIXIN.replace("rate = 1", "rate = 2"),
    MIXIN.replace("n=1", "n=2"),
    MIXIN + "    more = 1\n",
]


@pytest.mark.parametrize("changed", CHANGED)
@pytest.mark.parametrize("base", ["Mixin", "Other, Mixin"])
def test_a_base_that_was_defined_otherwise_since_is_named(changed, base):
    """A flow still derives from the old class, not from the new one of the same name."""
    text = flow("    def got(self):\n        return self.help()\n", base)
    notebook = Notebook("class Other:\n    pass", MIXIN, text, MIXIN)
    assert notebook.given() == "old"
    notebook.execute(changed)
    with pytest.raises(BadValueError, match=r"^F derives from an older 'Mixin' than"):
        notebook.text()


@pytest.mark.parametrize("changed", CHANGED)
@pytest.mark.parametrize("at", ["base", "base of the base"])
def test_a_flow_above_that_is_out_of_date_is_named(changed, at):
    """The error names the flow whose base was redefined, not an object that cannot travel."""
    cells = [METAFLOW, MIXIN, f"class Mid(FlowSpec, Mixin):\n{STEPS}"]
    if at == "base of the base":
        cells.append("class Two(Mid):\n    pass")
    base = "Mid" if at == "base" else "Two"
    notebook = Notebook(*cells, f"class F({base}):\n    pass", MIXIN)
    assert "class Mid" in notebook.text()
    notebook.execute(changed)
    told = (
        r"^Mid derives from an older 'Mixin' than the notebook has now; execute the cell of Mid "
        r"again, then that of (Two|F), which derives from it"
    )
    with pytest.raises(BadValueError, match=told):
        notebook.text()
