"""What the flow's own cell has drawn by chance is the same in the flow and its tasks."""

from __future__ import annotations

import ast

import pytest
from support.notebooks import Notebook

from nbrunner.flow.capture.chance import draws

pytestmark = [pytest.mark.slow, pytest.mark.once]

IMPORTS = """\
import datetime, random, secrets, time, uuid
import datetime as dt
import numpy as np
from datetime import datetime as Moment
from random import shuffle, random as draw
from time import time as clock
from types import SimpleNamespace as NS
"""


def flow(value: str, before: str = "") -> str:
    return f"{before}\nclass F:\n    def value(self):\n        return {value}\n"


DRAWN = [
    "x = np.random.rand(3)",
    "x = [draw() for _ in range(3)]",
    "x = random.sample(range(1000), 5)",
    "x = str(uuid.uuid4())",
    "x = secrets.token_hex()",
    "x = time.time()",
    "x = clock()",
    "x = datetime.datetime.now()",
    "x = dt.date.today(), Moment.now()",
    "rng = np.random.default_rng()\nx = rng.random(3)",
    "rng = random.Random()\nx = rng.random()",
    "def make():\n    return NS(n=random.random())\nx = make()",
    "def inner():\n    return np.random.rand()\ndef make():\n    return NS(n=inner())\nx = make()",
    "x = list(range(100))\nshuffle(x)",
]


@pytest.mark.parametrize("text", DRAWN)
def test_what_was_drawn_is_not_drawn_again(text):
    """D: each task would have drawn something else."""
    notebook = Notebook(IMPORTS, flow("repr(x)", text))
    assert notebook.given() == notebook.namespace["F"]().value()


@pytest.mark.parametrize(
    "text",
    [
        "rng = np.random.default_rng(1)",
        "rng = random.Random(x=1)",
        "x = time.strftime('%Y', time.gmtime(0))",
        "x = datetime.datetime(2020, 1, 1)",
        "time.sleep(0)",
        "x = other.time()",
    ],
)
def test_what_a_second_execution_gives_again_is_no_chance(text):
    space = Notebook(IMPORTS).namespace
    assert not draws(ast.parse(text).body[0], space)
