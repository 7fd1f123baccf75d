"""Random numbers of the flow's own cell are the same in the flow and its tasks."""

from __future__ import annotations

import ast

import pytest
from support.notebooks import Notebook

from nbrunner.flow.capture.chance import draws

pytestmark = [pytest.mark.slow, pytest.mark.once]

IMPORTS = """\
import datetime, os, random, secrets, tempfile, time, uuid
import datetime as dt
import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.model_selection import train_test_split
table = pd.DataFrame({"a": range(1000)})
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
    "x = time.perf_counter()",
    "x = pd.Timestamp.now()",
    "x = pd.to_datetime('now')",
    "x = [pd.Timestamp('today')]",
    "x = np.datetime64('now', 'us')",
    "x = tempfile.mkdtemp()\nos.rmdir(x)",
    "x = tempfile.mktemp()",
    "x = os.urandom(8)",
    "x = id(object())",
    "SEED = None\nx = np.random.default_rng(SEED).random()",
    "x = table.sample(3).index.tolist()",
    "x = norm.rvs(size=3)",
    "x = train_test_split(list(range(1000)))",
    "x = train_test_split(list(range(1000)), random_state=None)",
]


@pytest.mark.parametrize("text", DRAWN)
def test_what_was_drawn_is_not_drawn_again(text):
    """D: otherwise each task would draw another number."""
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
        "x = time.strftime('%Y', moment), time.localtime(0)",
        "x = tempfile.gettempdir()",
        "SEED = 3\nx = np.random.default_rng(SEED).random()",
        "x = table.sample(3, random_state=1)",
        "x = train_test_split([1, 2, 3], random_state=1)",
        "x = pd.Timestamp('2020-01-01')",
        "x = sorted(table.columns)",
    ],
)
def test_what_a_second_execution_gives_again_is_no_chance(text):
    space = Notebook(IMPORTS).namespace
    assert not any(draws(each, space) for each in ast.parse(text).body)


@pytest.mark.parametrize(
    "text",
    ["x = time.strftime('%H%M%S')", "x = time.localtime()", "x = time.gmtime().tm_sec"],
)
def test_a_time_that_is_not_given_is_read_from_the_clock(text):
    """D: each run and task had a different `stamp` than the notebook."""
    assert draws(ast.parse(text).body[0], Notebook(IMPORTS).namespace)


def test_what_was_typed_is_not_asked_for_again(monkeypatch):
    """D: a task has no user to answer."""
    answers = iter(["7"])
    monkeypatch.setattr("builtins.input", lambda prompt="": next(answers))
    assert Notebook(flow("n", "n = int(input('n? '))")).given() == 7
