"""Flows of notebooks that bind a builtin name, as in ``list = [1, 2]``."""

from __future__ import annotations

import builtins
import subprocess
import sys

import pytest
from support.notebooks import Notebook

from nbrunner.flow.capture import digest, unpack
from nbrunner.flow.capture.literals import plain_source
from nbrunner.flow.capture.scope import global_reads

USED = "\nclass F:\n    def value(self):\n        return repr(({names}))\n"

VALUES = [
    *([1], (1,), (), {1}, set(), frozenset({2}), {"a": [3j]}, float("inf"), -float("inf")),
    *(float("nan"), 10**1000, [[], ({4},)]),
]


@pytest.mark.parametrize("value", VALUES)
def test_a_plain_value_is_written_without_names(value):
    """D: the flow failed with "'int' object is not callable"."""
    space = {name: 3 for name in dir(builtins) if name.isidentifier() and name[0] != "_"}
    source = plain_source(value)
    assert repr(eval(source, space)) == repr(value)
    assert global_reads(compile(source, "", "eval")) <= {"__import__"}


@pytest.mark.parametrize(
    "function",
    [unpack._objects_of_notebook, digest._digest_of_object, digest._check_made_again],
)
def test_what_is_copied_into_flow_files_reads_no_name_of_the_notebook(function):
    """D: the notebook may have bound any name that the copied code reads."""
    assert global_reads(function.__code__) <= {"__name__", "_digest_of_object"}


def test_plain_values_beside_shadowed_names():
    """D: `list = [1, 2]` in a cell, a list in another."""
    names = "list, set, float, xs, ys, x"
    cell = "list = [1, 2]; set = 3; float = 4\nxs = {5, 6}; ys = [7]; x = 1e999"
    notebook = Notebook(cell, USED.format(names=names))
    assert notebook.given() == "([1, 2], 3, 4, {5, 6}, [7], inf)"


def test_pickled_objects_beside_shadowed_names():
    """D: the names that the loader uses."""
    cell = "vars = type = isinstance = setattr = globals = tuple = 3"
    made = "class C:\n    def f(self):\n        return vars, globals\nc = C()\nf = lambda: type"
    notebook = Notebook(cell, made, USED.format(names="c.f(), f(), isinstance, setattr, tuple"))
    assert notebook.given() == "((3, 3), 3, 3, 3, 3)"


def test_large_objects_beside_shadowed_names():
    """D: the names that the comparison of large objects uses."""
    cell = "type = isinstance = str = list = range = memoryview = 3"
    made = "import numpy as np\na = np.ones(300_000)\na[3] = 4\ndef g():\n    return a\n"
    notebook = Notebook(cell, made + USED.format(names="type, str, float(a.sum())"))
    assert notebook.given() == "(3, 3, 300003.0)"


def test_what_ipython_puts_among_pythons_own_names():
    """D: `open` travelled as a pickled function of IPython, and `display` did not."""
    script = """\
from IPython.core.interactiveshell import InteractiveShell
from nbrunner.flow.capture.flow_file import flow_file_text
shell = InteractiveShell.instance()
flow = '''class F:
    def value(self):
        return open, display
'''
shell.run_cell(flow, store_history=True).raise_error()
print(flow_file_text(shell.user_ns["F"], shell.user_ns)[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines()[1:] if line][:2]
    assert lines == [
        "from IPython.core.display_functions import display as display",
        "class F:",
    ]
