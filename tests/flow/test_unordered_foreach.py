"""Warnings about a foreach over a set, whose order may differ between processes."""

from __future__ import annotations

import ast
import textwrap
import warnings

import pytest

from nbrunner import Runner
from nbrunner.flow.unordered_foreach import foreach_over_sets

FLOW = """\
from metaflow import FlowSpec, step

class SetFlow(FlowSpec):
{before}
    @step
    def start(self):
{body}
        self.next(self.work, foreach='items')

    @step
    def work(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    SetFlow()
"""


def flow(body: str, before: str = "") -> str:
    indented = textwrap.indent(body, " " * 8)
    return FLOW.format(body=indented, before=textwrap.indent(before, " " * 4))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("self.items = {'a', 'b'}", True),
        ("self.items = set(names)", True),
        ("self.items = frozenset(open('names'))", True),
        ("self.items = {name for name in names}", True),
        ("self.items: set[str] = set('abc')", True),
        ("self.items = {'a'} | more", True),
        ("self.items = more - set(done)", True),
        ("self.items = set(a).union(b)", True),
        ("names = set('abc')\nself.items = names", True),
        ("self.names = {'a'}\nself.items = self.names", True),
        ("if a:\n    self.items = {'a'}\nelse:\n    self.items = {'b'}", True),
        ("self.items = {'a'} if a else ['b']", True),
        ("self.items = list('abc')\nself.items = set(self.items)", True),
        ("self.items = ['a', 'b']", False),
        ("self.items = sorted({'a', 'b'})", False),
        ("self.items = {'a': 1}", False),
        ("self.items = set('abc')\nself.items = sorted(self.items)", False),
        ("self.items = {1, 2, 3}", False),
        ("self.items = set(range(9))", False),
        ("self.items = names - 1", False),
        ("self.other = {'a'}\nself.items = list(self.other)", False),
        ("pass", False),
    ],
)
def test_which_foreach_goes_over_a_set(body, found):
    """A11: the kind of a foreach's items is read from the flow's source, if it is visible there."""
    names = list(foreach_over_sets(ast.parse(flow(body)), "SetFlow"))
    assert names == ([("start", "items")] if found else [])


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("items = {'a', 'b'}", True),
        ("items = ['a']", False),
        ("def fill(self):\n    self.items = set('ab')", True),
    ],
)
def test_a_set_that_is_made_elsewhere_in_the_flow(before, found):
    assert bool(list(foreach_over_sets(ast.parse(flow("pass", before)), "SetFlow"))) == found


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["", "7"])
def test_a_run_of_such_a_flow_warns(seed, write_flow, monkeypatch):
    """A11: unless all processes have the same string hashes."""
    runner = Runner(
        write_flow("setflow.py", flow("self.items = set('ab')")),
        show_output=False,
        pylint=False,
        env={"PYTHONHASHSEED": seed} if seed else {},
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        running = runner.run()
    assert running.status == "successful"
    told = [str(each.message) for each in caught]
    if seed:
        assert told == []
    else:
        (text,) = told
        assert text.startswith("SetFlow.start: foreach='items' iterates over a set.")
        assert "self.items = sorted(...)" in text
