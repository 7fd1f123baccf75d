"""Flow classes of cells -> flow files, without a kernel: the values in the imported file.

`tests/kernel/test_nbrunner.py` runs such flows.
"""

from __future__ import annotations

import linecache

import pytest
from support.notebooks import Notebook

from nbrunner.errors import BadValueError

FLOW = """
class F:
    def value(self):
        return {value}
"""


def flow(value: str) -> str:
    return FLOW.format(value=value)


@pytest.mark.parametrize(
    "value",
    [
        "collections.namedtuple('Point', 'x y')(1, 2)",
        "collections.defaultdict(list)",
        "enum.IntEnum('Colour', 'RED')(1)",
        "fractions.Fraction(1, 2)",
    ],
)
def test_a_value_of_a_derived_type_does_not_travel_as_another(value):
    notebook = Notebook(f"import collections, enum, fractions\nthing = {value}", flow("thing"))
    given, thing = notebook.given(), notebook.namespace["thing"]
    assert (type(given).__name__, repr(given)) == (type(thing).__name__, repr(thing))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("threading.Lock()", "a lock, which cannot travel with a flow: TypeError: cannot pickle"),
        ("(each for each in 'a')", "a generator"),
        ("open(os.devnull)", "a TextIOWrapper"),
        ("bytearray(2_000_000)", "a bytearray, .*: it is larger than 1 MB"),
        ("(lambda lock: lambda: lock)(threading.Lock())", "a function"),
        ("functools.partial(print, threading.Lock())", "a partial"),
        ("[{}, (each for each in 'a')]", "a list"),
        ("memoryview(b'a')", "a memoryview"),
        ("type('Meta', (type,), {'__new__': lambda *a: type.__new__(*a)})('C', (), {})", "a Meta"),
    ],
)
def test_what_cannot_travel_is_named(value, why):
    imports = "import functools, os, threading\n"
    notebook = Notebook(imports + f"thing = {value}", flow("thing"))
    with pytest.raises(BadValueError, match=f"F uses 'thing', {why}"):
        notebook.text()
    if hasattr(notebook.namespace["thing"], "close"):
        notebook.namespace["thing"].close()


def test_what_the_notebook_has_deleted_is_named():
    notebook = Notebook("def helper():\n    pass\n" + flow("helper()"), "del helper")
    with pytest.raises(BadValueError, match="F uses 'helper', which its cell assigns but"):
        notebook.text()


def test_a_number_of_numpy_travels():
    notebook = Notebook("import numpy\nrate = numpy.float64(0.5)", flow("rate"))
    assert repr(notebook.given()) == "np.float64(0.5)"
    assert "__import__('numpy').float64(0.5)" in notebook.text()


@pytest.mark.parametrize(
    ("above", "value", "expected"),
    [
        ("config = {}\nconfig['lr'] = 0.1", "config", {"lr": 0.1}),
        ("config = {'a': 1, 'b': 2}\ndel config['a']", "config", {"b": 2}),
        ("names = []\nnames.append('a')", "names", ["a"]),
        ("names = []\nnames += ['a']", "names", ["a"]),
        ("names = []\nfor name in 'ab':\n    names.append(name)", "names", ["a", "b"]),
        ("names = list('ab')\nif names:\n    names.reverse()", "names", ["b", "a"]),
        ("names = list('ab')\nlast = names.pop()", "names", ["a"]),
        ("names = ['b', 'a']\nother = names\nother.sort()", "names", ["a", "b"]),
        ("import random\nnames = list('aa')\nrandom.shuffle(names)", "names", ["a", "a"]),
        ("names = []\ndef add(name):\n    names.append(name)\nadd('a')", "names", ["a"]),
        ("names = ()\nnames += (1,)", "names", (1,)),
        ("names = []\ncount = len(names)\nnames.append(1)", "(names, count)", ([1], 0)),
        ("a, names = int('1'), []\nnames.append(a)", "(a, names)", (1, [1])),
        ("n = ['a']\nx = [n for n in map(str, n)]\nn.append('b')", "(x, n)", (["a"], ["a", "b"])),
        (
            "total, names = 0, []\nfor n in range(3):\n    total += n\n    names.append(n)",
            "(total, names)",
            (3, [0, 1, 2]),
        ),
    ],
)
def test_what_the_cell_changes_in_place_travels_as_it_stands(above, value, expected):
    assert Notebook(above + flow(value)).given() == expected


def test_what_a_later_cell_changes_travels_as_it_stands():
    notebook = Notebook("config = {'lr': 0.1}\nlevel = 1" + flow("(config, level)"))
    notebook.execute("config['lr'] = 0.2\nlevel = 2")
    assert notebook.given() == ({"lr": 0.2}, 2)


def test_a_list_that_a_function_of_an_earlier_cell_uses():
    notebook = Notebook(
        "names = []\nnames.append('a')\ndef all_names():\n    return names", flow("all_names()")
    )
    assert notebook.given() == ["a"]


def test_the_default_of_a_parameter_is_what_the_list_was_changed_to():
    text = "names = []\nnames.append('a')\nclass F:\n    first = names[0]\n"
    assert Notebook(text + "    def value(self):\n        return self.first\n").given() == "a"


def test_nothing_is_done_again_for_a_plain_value(capsys):
    notebook = Notebook(
        "names = []\nfor name in 'ab':\n    names.append(name)\n    print(name)" + flow("names")
    )
    capsys.readouterr()
    assert notebook.given() == ["a", "b"]
    assert capsys.readouterr().out == ""


def test_what_is_computed_is_computed_where_the_flow_runs(monkeypatch):
    """Otherwise a secret would be stored, and Runner(env=...) would have no effect."""
    monkeypatch.setenv("TOKEN", "of the notebook")
    notebook = Notebook(
        "import os\ntoken = os.environ['TOKEN']\nheaders = {'token': token}\n"
        + flow("(token, headers)")
    )
    assert "of the notebook" not in notebook.text()
    monkeypatch.setenv("TOKEN", "of the run")
    assert notebook.given() == ("of the run", {"token": "of the run"})


OBJECT = "import types\nthing = types.SimpleNamespace(items=[])\n"


@pytest.mark.parametrize(
    "change",
    [
        "thing.items = [1]",
        "thing.items.append(1)",
        "thing.items[:] = [1]",
        "for n in (1,):\n    thing.items.append(n)",
        "n = 1\nif n:\n    thing.items += [n]",
        "rows = []\nrows.append(1)\nthing.items = rows",
        "thing.__init__(items=[1])",
        "try:\n    thing.items = [1]\nexcept AttributeError:\n    pass",
    ],
)
def test_an_object_is_made_again_by_all_that_its_cell_does_to_it(change):
    assert Notebook(OBJECT + change + flow("thing.items")).given() == [1]


def test_a_list_is_as_it_stands_though_an_object_was_made_of_it_before():
    text = "rows = [1]\nthing = types.SimpleNamespace(items=tuple(rows))\nrows.append(2)"
    assert Notebook("import types\n" + text + flow("(thing.items, rows)")).given() == (
        (1,),
        [1, 2],
    )


def test_what_changes_nothing_stays_in_the_notebook():
    text = Notebook(OBJECT + "print(thing)\nlen(thing.items)\nthing" + flow("thing.items")).text()
    assert "print" not in text and "len" not in text


STARTS = """
def start(flow):
    pass
def begin():
    start(F)
starter = begin
"""


@pytest.mark.parametrize("start", ["start(F)", "begin()", "starter()"])
def test_a_statement_that_changes_an_object_and_starts_the_flow_is_an_error(start):
    change = f"for n in (1, 2):\n    thing.items = [n]\n    {start}\n"
    notebook = Notebook(OBJECT + flow("thing.items") + STARTS + change)
    with pytest.raises(BadValueError, match=r"F uses 'thing', a SimpleNamespace, .* line 13 "):
        notebook.text()


@pytest.mark.parametrize("start", ["start(F)", "begin()", "starter()"])
def test_a_method_called_where_the_flow_is_started_stays_in_the_notebook(start):
    change = f"for n in (1, 2):\n    log.info(n)\n    {start}\n"
    text = "import logging\nlog = logging.getLogger()" + flow("log.name") + STARTS + change
    assert Notebook(text).given() == "root"


def test_a_plain_value_that_a_loop_binds_which_starts_the_flow():
    notebook = Notebook(flow("n") + STARTS + "for n in (1, 2):\n    start(F)\n")
    assert "start(F)" not in notebook.text()
    assert notebook.given() == 2


def test_a_plain_value_that_only_a_notebook_can_make():
    notebook = Notebook("n = int('1')" + flow("n") + "if False:\n    n = get_ipython()\n")
    notebook.execute("n = 2")
    assert notebook.given() == 2


def test_an_object_that_is_changed_in_the_block_that_has_the_class():
    block = flow("thing.items") + "thing.items = [1]\nF.known = True"
    text = OBJECT + "if True:" + block.replace("\n", "\n    ")
    assert Notebook(text).given() == [1]


NAMESAKES = """
def train(data):
    return data * 2

lr = 0.1

class F:
    lr = [lr, {'rate': lr}]
    total = sum(lr[:1])

    def train(self):
        return train(self.lr[0])

    def sum(self):
        return sum([self.train(), 1])

    def value(self):
        return self.lr, self.total, self.train(), self.sum()
"""


@pytest.mark.parametrize("cells", [[NAMESAKES], NAMESAKES.split("\nclass ")])
def test_a_helper_of_the_name_of_a_method_or_of_an_attribute_travels(cells):
    notebook = Notebook(*cells[:-1], "class " * (len(cells) > 1) + cells[-1])
    assert notebook.given() == ([0.1, {"rate": 0.1}], 0.1, 0.2, 1.2)


def test_what_a_class_has_bound_itself_does_not_travel():
    notebook = Notebook(
        "limit = object()  # no plain value",
        """
        class F:
            limit = 3
            double = limit * 2

            def value(self):
                return self.double
        """,
    )
    assert notebook.given() == 6


@pytest.mark.parametrize(
    "statement",
    [
        "async for each in lines():\n    last = each",
        "async with lines() as last:\n    pass",
        "last = [each async for each in lines()][-1]",
        "last = await lines()",
    ],
)
def test_what_is_awaited_in_a_cell_travels_as_the_value_that_it_gave(statement):
    """Such a cell is executed by the notebook's loop; the test sets its value instead."""
    # The same lines below it, as the code objects have their numbers.
    notebook = Notebook("last = ''" + "\n" * statement.count("\n") + flow("last"))
    name = notebook.namespace["F"].value.__code__.co_filename
    text = statement + flow("last")
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    notebook.namespace["last"] = "given"
    assert notebook.given() == "given"
