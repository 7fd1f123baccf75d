"""What a class statement has computed is the same in the flow, which executes it again."""

from __future__ import annotations

import pytest
from support.notebooks import Notebook

from nbrunner.errors import BadValueError

pytestmark = [pytest.mark.slow, pytest.mark.once]

IMPORTS = """\
import dataclasses, enum, itertools, random, threading, time, uuid
from typing import NamedTuple
counter = itertools.count()
rows = [1, 2, 3]
number = 0
def add(some):
    some.append(4)
def draw():
    return random.random()
def count():
    global number
    number += 1
    return number
"""


def flow(value: str, before: str = "", body: str = "") -> str:
    return f"{before}\nclass F:\n{body}    def value(self):\n        return {value}\n"


CLASSES = {
    "class C:\n    x = random.random()": "C.x",
    "class C:\n    x = draw()": "C.x",
    "class C:\n    x = [draw() for _ in rows]": "C.x",
    "class C:\n    x = [*map(lambda _: draw(), rows)], sorted(rows, key=lambda _: 1)": "C.x",
    "def key(_):\n    return random.random()\nclass C:\n    x = [*map(key, rows)]": "C.x",
    "class C:\n    class D:\n        x = uuid.uuid4().hex": "C.D.x",
    "class C:\n    def f(self, x=random.random()):\n        return x": "C().f()",
    "class C:\n    def f(self, *, x=next(counter)):\n        return x": "C().f()",
    "class C(enum.Enum):\n    A = random.random()": "C.A.value",
    "class C(NamedTuple):\n    x: float = random.random()": "C().x",
    "@dataclasses.dataclass\nclass C:\n    x: float = time.time()": "C().x",
    "class C:\n    x = next(counter)": "C.x, next(counter)",
    "class C:\n    x = count()": "C.x, number",
    "class C:\n    x = rows.pop()": "C.x, rows",
    "class C:\n    x = len(rows)\nadd(rows)": "C.x, rows",
    "class C:\n    x = rows[0]\nrandom.Random(1).shuffle(rows)": "C.x, rows",
    "class C:\n    x = sum(each for each in rows)\nadd(rows)": "C.x, rows",
}


@pytest.mark.parametrize("at_home", [False, True])
@pytest.mark.parametrize("define", CLASSES)
def test_the_values_of_a_class(define, at_home):
    """D6: by chance, from a counter, and from a list that was changed since."""
    value = CLASSES[define]
    cells = [flow(value, define)] if at_home else [define, flow(value)]
    notebook = Notebook(IMPORTS, *cells)
    given = notebook.given()
    assert given == notebook.namespace["F"]().value()


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("x = random.random()", "self.x"),
        ("x = random.random()\n    y = 2 * x", "self.y / self.x"),
        ("x = next(counter)", "self.x"),
        ("x = rows.pop()", "self.x, rows"),
        ("x = len(rows)", "self.x"),
        ("def helper(self, x=next(counter)):\n        return x", "self.helper()"),
        ("def helper(self, *, x=random.random()):\n        return x", "self.helper()"),
    ],
)
def test_the_values_of_a_flow(body, value):
    """D6: the flow's own statement is executed by each process; its values are the notebook's."""
    notebook = Notebook(IMPORTS, flow(value, body=f"    {body}\n"), "add(rows)")
    given = notebook.given()
    assert given == notebook.namespace["F"]().value()


@pytest.mark.parametrize(
    "define",
    [
        "class C:\n    lock = threading.Lock()\n    x = random.random()",
        "class C:\n    lock = threading.Lock()\n    x = rows.pop()",
        "def C(lock=threading.Lock(), x=random.random()):\n    return x",
        "class B:\n    def __init_subclass__(cls, x):\n        cls.x = x\n"
        "class C(B, x=next(counter)):\n    pass",
    ],
)
def test_what_can_neither_be_pickled_nor_computed_again(define):
    """D6: an error names it."""
    for cells in ([define, flow("C.x")], [flow("C.x", define)]):
        with pytest.raises(BadValueError, match="F uses 'C'"):
            Notebook(IMPORTS, *cells).text()


@pytest.mark.parametrize(
    "define",
    [
        "class C:\n    def f(self):\n        return random.random()",
        "class C:\n    x = field = 3\n    y = len(rows), rows[0], f'{rows}'",
        "class C:\n    make = lambda self: random.random()",
        "@dataclasses.dataclass\nclass C:\n    x: list = dataclasses.field(default_factory=list)",
        "class C:\n    lock = threading.Lock()",
        "class C:\n    x = max(rows) + sum(sorted(rows))",
    ],
)
def test_what_computes_the_same_travels_as_source(define):
    """D6: a method that draws is executed by the flow, and not as the class is made."""
    name = "class C"
    text = Notebook(IMPORTS, define, flow("C")).text()
    assert any(line.startswith((name, "@dataclasses")) for line in text.splitlines())
    assert "_loaded_objects" not in text
