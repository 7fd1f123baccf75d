"""Flow classes of cells -> flow files, without a kernel: what the file has when it is read.

`tests/kernel/test_nbrunner.py` runs such flows.
"""

from __future__ import annotations

import itertools
import linecache
import textwrap

import pytest

from nbrunner.errors import BadValueError
from nbrunner.flow.cells import flow_file_text

_NUMBERS = itertools.count(1)


class Notebook:
    """Cells executed one after the other, as a kernel does, in one namespace."""

    def __init__(self, *cells: str) -> None:
        self.namespace: dict[str, object] = {"__name__": "__main__"}
        for cell in cells:
            self.execute(cell)

    def execute(self, cell: str) -> None:
        text = textwrap.dedent(cell).lstrip("\n")
        name = f"<cell {next(_NUMBERS)}>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        exec(compile(text, name, "exec"), self.namespace)

    def text(self, name: str = "F") -> str:
        """Return the text of the flow file."""
        return flow_file_text(self.namespace[name], self.namespace)[0]

    def given(self, name: str = "F") -> object:
        """Return what the class's function gives in the flow file."""
        module: dict[str, object] = {"__name__": "flow"}
        exec(compile(self.text(name), "<flow file>", "exec"), module)
        return module[name]().value()


FLOW = """
class F:
    def value(self):
        return {value}
"""


def flow(value: str) -> str:
    return FLOW.format(value=value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("collections.namedtuple('Point', 'x y')(1, 2)", "Point"),
        ("collections.defaultdict(list)", "defaultdict"),
        ("enum.IntEnum('Colour', 'RED')(1)", "Colour"),
    ],
)
def test_a_value_of_a_derived_type_does_not_travel_as_another(value, kind):
    notebook = Notebook(f"import collections, enum\nthing = {value}", flow("thing"))
    with pytest.raises(BadValueError, match=rf"F uses 'thing' from another cell, a {kind}"):
        notebook.text()


def test_a_number_of_numpy_travels():
    notebook = Notebook("import numpy\nrate = numpy.float64(0.5)", flow("rate"))
    assert notebook.given() == 0.5
    assert "numpy" not in notebook.text()
