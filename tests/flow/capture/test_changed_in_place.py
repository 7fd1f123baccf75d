"""Objects and classes that were changed after they were made, as a flow sees them."""

from __future__ import annotations

import pytest
from support.notebooks import Notebook

from nbrunner.errors import BadValueError

pytestmark = [pytest.mark.slow, pytest.mark.once]

IMPORTS = """\
import abc, collections, copy, enum, itertools, random, threading
import numpy as np
from dataclasses import dataclass, field
from types import SimpleNamespace as NS
"""
MODEL = """\
class Model:
    def __init__(self):
        self.w = []
    def fit(self, x):
        self.w.append(x)
        return self
    def inc(self):
        self.w.append(0)
        return len(self.w)
def train(model):
    model.w.append(1)
model = Model()
"""
BOUND_LATER = "t = n = k = r = None"
REGISTER = """\
REG = {}
def register(f):
    REG[f.__name__] = f
    return f
@register
def one():
    return 1
"""


def flow(value: str, before: str = "") -> str:
    return f"{before}\nclass F:\n    def value(self):\n        return {value}\n"


def assert_same(*cells: str) -> None:
    notebook = Notebook(IMPORTS, *cells)
    given = repr(notebook.given())
    assert given == repr(notebook.namespace["F"]().value())


@pytest.mark.parametrize(
    ("made", "change", "value"),
    [
        (MODEL, "hist = model.fit(2)", "model.w"),
        (MODEL, "train(model)", "model.w"),
        (MODEL, "n = model.inc()", "model.w"),
        (MODEL, "m = model.inc()\nn = model.inc()", "n"),
        (MODEL, "m = model.inc()\nn = model.inc()\nk = n + 1", "k"),
        (MODEL, "m = model.inc()\nns = [NS(x=model.inc())]\nr = NS(y=ns[0].x)", "r"),
        (MODEL, "[model.fit(each) for each in 'ab']", "model.w"),
        (MODEL, "if model.inc():\n    pass", "model.w"),
        (MODEL, "other = model\nother.w = 5", "model.w"),
        (MODEL, "def go():\n    train(model)\ngo()", "model.w"),
        (MODEL, "class T:\n    def go(self):\n        train(model)\nT().go()", "model.w"),
        (MODEL, "class T:\n    def go(self):\n        train(model)\nt = T()\nt.go()", "model.w"),
        (MODEL, "for each in [model]:\n    each.w = 3", "model.w"),
        (MODEL, "setattr(model, 'w', 2)", "model.w"),
        (MODEL, "vars(model)['y'] = 3", "model.y"),
        ("od = collections.OrderedDict(a=1, b=2)", "b = od.pop('a')", "od"),
        ("ar = np.arange(3)", "v = ar[1:]\nv[0] = 100", "ar.tolist()"),
        ("ar = np.arange(9)", "np.random.default_rng(1).shuffle(ar)", "ar.tolist()"),
        ("ar = np.zeros((2, 2))", "for row in ar:\n    row += 1", "ar.tolist()"),
        ("dq = collections.deque([1, 2])", "first = dq.popleft()", "dq"),
        ("rng = random.Random(1)", "_ = rng.random()", "rng.random()"),
        ("rng = random.Random(1)", "_ = rng.random()\nt = NS(x=rng.random())", "t"),
        ("it = itertools.count()", "next(it)", "copy.copy(it)"),
        (REGISTER, "", "[f() for f in REG.values()]"),
        ("k = 0\ndef up():\n    global k\n    k += 1\n    return k", "a = up()\nb = up()", "b"),
    ],
)
@pytest.mark.parametrize("split", ["one cell", "flow first"])
def test_an_object_is_what_its_notebook_has_made_of_it(made, change, value, split):
    """D: an object travels in its current state, whatever statement changed it."""
    if split == "one cell":
        assert_same(flow(value, f"{made}\n{change}"))
    elif value.startswith(made.partition(" ")[0]) or made in (MODEL, REGISTER):
        assert_same(flow(value, f"{made}\n{BOUND_LATER}"), change)


@pytest.mark.parametrize("change", ["keep(thing)", "other = thing\nother.x = 1", "keep(x=thing.x)"])
def test_an_object_that_may_have_changed_and_cannot_be_pickled_is_refused(change):
    """D: an object is not made again if other statements may have changed it."""
    text = f"def keep(thing=0, x=0):\n    pass\nthing = NS(lock=threading.Lock(), x=0)\n{change}"
    with pytest.raises(BadValueError, match=r"F uses 'thing', a SimpleNamespace, .* line "):
        Notebook(IMPORTS, flow("thing.x", text)).text()


@pytest.mark.parametrize("read", ["print(thing)", "thing", "thing.x", "n = len(thing.rows)"])
def test_an_object_that_is_only_looked_at_is_made_again(read):
    """D: printing an object does not change it."""
    text = f"thing = NS(lock=threading.Lock(), x=[], rows=[])\n{read}"
    assert Notebook(IMPORTS, flow("thing.x", text)).given() == []


@pytest.mark.parametrize(
    ("made", "change", "value"),
    [
        ("class C:\n    subs = []", "C.subs.append('x')", "C.subs"),
        ("class C:\n    opts = {'a': 1}", "C.opts.update(b=2)", "C.opts"),
        ("class C:\n    opts = dict(a=1)", "C.opts.update(b=2)", "C.opts"),
        ("class B:\n    pass\nclass C(B):\n    n = 1", "setattr(C, 'n', 2)", "C.n"),
        ("k = 2\nclass C:\n    n = k * 2", "setattr(C, 'n', 2)", "C.n"),
        (
            "class C:\n    n = []\n    @classmethod\n    def fill(cls):\n        cls.n.append(1)",
            "C.fill()",
            "C.n",
        ),
        (
            "class C:\n    def add(self, x, acc=[]):\n        acc.append(x)\n        return acc[:]",
            "C().add(1)",
            "len(C().add(2)) > 1",
        ),
        ("@dataclass\nclass C:\n    lr: float = 0.1", "setattr(C, 'lr', .5)", "C.lr"),
        (
            "@dataclass\nclass C:\n    x: list = field(default_factory=list)",
            "setattr(C, 'y', 1)",
            "C.y",
        ),
        ("class E(enum.Enum):\n    A = [1]", "E.A.value.append(2)", "E.A.value"),
        ("class E(enum.Enum):\n    A = 1", "setattr(E.A, 'w', 2)", "E.A.w"),
        ("class C(abc.ABC):\n    pass", "C.register(int)", "isinstance(1, C)"),
        (
            "class C:\n    @property\n    def p(self):\n        return 1",
            "setattr(C, 'p', 2)",
            "C().p",
        ),
        (
            "class C:\n    @staticmethod\n    def p():\n        return 1",
            "setattr(C, 'p', staticmethod(lambda: 2))",
            "C.p()",
        ),
    ],
)
@pytest.mark.parametrize("split", ["one cell", "two cells", "flow first"])
def test_a_class_is_what_its_notebook_has_made_of_it(made, change, value, split):
    """D: a class travels as source only if the source makes the current class."""
    cells = {
        "one cell": [flow(value, f"{made}\n{change}")],
        "two cells": [f"{made}\n{change}", flow(value)],
        "flow first": [flow(value, made), change],
    }
    assert_same(*cells[split])


REGISTRY = """\
class Base:
    subs = []
    def __init_subclass__(cls):
        Base.subs.append(cls.__name__)
class A(Base):
    pass
"""


@pytest.mark.parametrize("cells", [[flow("Base.subs", REGISTRY)], [REGISTRY, flow("Base.subs")]])
def test_a_class_that_its_subclasses_filled(cells):
    """D: the attributes that __init_subclass__ has set travel with a class."""
    assert_same(*cells)


@pytest.mark.parametrize(
    "change",
    [
        "F.K = 5",
        "setattr(F, 'K', 5)",
        "F.L.append(2)",
        "F.value = lambda self: 3",
        "setattr(F, 'value', lambda self: 3)",
        "setattr(F, 'new', 3)",
        "G = F\nG.K = 5",
        "def value(self):\n    return 3\nF.value = value",
        "def value(self):\n    return 3\nsetattr(F, 'value', value)",
    ],
)
@pytest.mark.parametrize("is_own_cell", [True, False])
def test_a_flow_class_that_was_changed_is_refused(change, is_own_cell):
    """D: later changes of a flow class cannot travel, so they are an error."""
    text = (
        "class F:\n    K = 1\n    L = []\n    def value(self):\n        return (self.K, self.L)\n"
    )
    notebook = Notebook(*([text + change] if is_own_cell else [text, change]))
    with pytest.raises(BadValueError, match=r"^F was changed .* execute the cell of F again"):
        notebook.text()


@pytest.mark.parametrize(
    ("before", "value"),
    [
        ("k = 10\nfs = [lambda x: x + k]\nk = 20", "fs[0](1)"),
        ("k = [1]\nfs = [lambda x: (x, k)]\nk = [2]", "fs[0](1)"),
        ("k = NS(a=1)\nfs = NS(f=lambda: k.a, g=k.a)\nk = NS(a=2)", "(fs.f(), fs.g)"),
        ("k = 10\nfs = NS(f=lambda: k, k=k)\nk = 20", "(fs.f(), fs.k, k)"),
    ],
)
def test_a_lambda_sees_what_a_name_was_bound_to_last(before, value):
    """D: a function reads a global name when it is called, not when it is made."""
    assert_same(flow(value, before))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("np.array([.25, .5]).mean()", "best.round(1)"),
        ("np.float32(0.1)", "best"),
        ("np.int8(3)", "(best, best.dtype)"),
        ("np.bool_(True)", "(best, best.dtype)"),
        ("np.str_('a')", "type(best)"),
        ("np.complex64(1 + 2j)", "best"),
        ("np.float64('nan')", "best"),
        ("np.void(b'ab')", "best"),
        ("np.datetime64('2020-01-01')", "best"),
        ("[np.float64(1), {'a': np.int64(2)}]", "best"),
    ],
)
@pytest.mark.parametrize("is_own_cell", [True, False])
def test_a_scalar_of_numpy_stays_one(value, told, is_own_cell):
    """D: a scalar of numpy has its own methods and arithmetic, in the flow too."""
    made = f"best = {value}"
    assert_same(*([flow(told, made)] if is_own_cell else [made, flow(told)]))


NESTED = """\
class Mo:
    class Kind(enum.Enum):
        A = 1
    class Deep:
        class Inner:
            pass
"""


@pytest.mark.parametrize(
    ("made", "value"),
    [
        ("k = Mo.Kind.A", "(k is Mo.Kind.A, isinstance(k, Mo.Kind))"),
        ("k = [Mo.Deep.Inner()]", "isinstance(k[0], Mo.Deep.Inner)"),
        ("k = {Mo.Kind.A: 1}", "k[Mo.Kind.A]"),
        ("k = Mo.Deep.Inner", "k is Mo.Deep.Inner"),
    ],
)
def test_an_object_of_a_nested_class_is_of_that_class(made, value):
    """D: the class of an object stays identical to the nested class that the flow uses."""
    assert_same(NESTED, made, flow(value))
    assert_same(f"{NESTED}\n{made}", flow(value))
    assert_same(flow(value, f"{NESTED}\n{made}"))


FILLED = """\
NAMES = []
COUNT = 0
def note(name):
    global COUNT
    COUNT += 1
    NAMES.append(name)
    return name
"""


@pytest.mark.parametrize(
    ("made", "value"),
    [
        (
            "class Meta(type):\n    def __new__(cls, *args):\n        note(args[0])\n"
            "        return super().__new__(cls, *args)\nclass A(metaclass=Meta):\n    pass",
            "A.__name__",
        ),
        (
            "class Base:\n    def __init_subclass__(cls):\n        note(cls.__name__)\n"
            "class A(Base):\n    pass",
            "A.__name__",
        ),
        ("class A:\n    name = note('A')", "A.name"),
    ],
)
@pytest.mark.parametrize("is_own_cell", [True, False])
def test_what_executing_a_class_changes_is_not_changed_twice(made, value, is_own_cell):
    """D: a list that a metaclass fills has the same items in the flow and in the notebook."""
    value = f"({value}, NAMES, COUNT)"
    if is_own_cell:
        assert_same(flow(value, FILLED + made))
    else:
        assert_same(FILLED + made, flow(value))


@pytest.mark.parametrize(
    ("made", "call", "value"),
    [
        (
            "import contextvars\nv = contextvars.ContextVar('v', default=0)",
            "_ = v.set(1)",
            "v.get()",
        ),
        ("v = threading.Event()", "v.set()", "v.is_set()"),
        ("v = NS(lock=threading.Lock(), rows=[])", "v.rows.append(1)", "v.rows"),
    ],
)
def test_a_call_on_an_object_that_cannot_be_pickled_is_told(made, call, value):
    """D: such an object is made again; a warning names the call that is not repeated."""
    notebook = Notebook(IMPORTS, flow(value, made), call)
    if call.startswith("_"):  # what a call returns is kept: the object counts as changed
        with pytest.raises(BadValueError, match="line 1 of Cell In"):
            notebook.text()
        return
    told = r"^F makes 'v' again, without line 1 of Cell In\[\d+\], which may have changed it"
    with pytest.warns(UserWarning, match=told):
        notebook.text()


SHARED = [
    ("t = (rows, rows)", "t[1]"),
    ("p = functools.partial(len, rows)", "p.args[0]"),
    ("def f(r=rows):\n    return r", "f()"),
    ("f = lambda *, r=rows: r", "f()"),
    ("f = (lambda r: lambda: r)(rows)", "f()"),
    ("a = NS(b=NS(c={'k': [rows]}))", "a.b.c['k'][0]"),
    ("class A:\n    pass\na = A()\na.b = A()\na.b.rows = rows", "a.b.rows"),
    ("d = collections.deque([rows])", "d[0]"),
    ("class A:\n    r = rows", "A.r"),
]


@pytest.mark.parametrize(("holder", "held"), SHARED)
@pytest.mark.parametrize("split", ["one cell", "two cells", "flow between"])
def test_what_is_one_list_in_the_notebook_is_one_in_the_flow(holder, held, split):
    """D: names and objects that share a list, at any depth, also share it in the flow."""
    made, later = f"import functools\nrows = [1]\n{holder}", "rows.append(2)"
    value = f"({held}, rows, {held} is rows)"
    cells = {
        "one cell": [flow(value, f"{made}\n{later}")],
        "two cells": [made, later, flow(value)],
        "flow between": [made, flow(value), later],
    }
    assert_same(*cells[split])
