"""The steps of a warm run end like those of a cold one: complete files, the same logs."""

from __future__ import annotations

import pytest
from support.both_ways import both_ways

pytestmark = [pytest.mark.slow, pytest.mark.once]

FLOW = """\
import gzip, os, string, sys, threading
from metaflow import FlowSpec, step
{top}
class EndingFlow(FlowSpec):

    @step
    def start(self):
        {start}
        self.next(self.end)

    @step
    def end(self):
        {end}

if __name__ == '__main__':
    EndingFlow()
"""

BESIDE = """\
PREFIX = 'rows: '

class Rows:
    def __init__(self):
        self.rows = [1]
        self.file = open('rows.txt', 'w')

    def __del__(self):
        self.file.write(PREFIX + repr(self.rows))

kept = Rows()
"""

# name: (module level, body of start, body of end, the expected log, if that is certain)
CASES = {
    "A2: stdout is a compressed file": (
        "",
        "sys.stdout = gzip.open('out.gz', 'wt'); print('hello ' * 5)",
        "print(gzip.open('out.gz', 'rt').read())",
        "hello hello hello hello hello",
    ),
    "A2: a compressed file is held by the flow": (
        "",
        "global kept; kept = gzip.open('out.gz', 'wt'); kept.write('all ' * 5)",
        "print(os.path.getsize('out.gz'))",
        "",
    ),
    "A2: a file is held by an installed library": (
        "",
        "string.kept = open('out.txt', 'w'); string.kept.write('by string')",
        "print(open('out.txt').read())",
        "by string",
    ),
    "A3: a destructor of a module beside the flow": (
        "",
        "import beside",
        "print(open('rows.txt').read())",
        "rows: [1]",
    ),
    "A3: a destructor of the flow file": (
        "WORD = 'gone'\nclass Last:\n    def __del__(self, write=os.write):\n"
        "        write(1, WORD.encode())\nkept = Last()\n",
        "pass",
        "pass",
        "gone",
    ),
    "A3: a destructor that finds no builtins any more": (
        "class Last:\n    def __del__(self):\n        open('last.txt', 'w').write('gone')\n"
        "kept = Last()\n",
        "pass",
        "print(os.path.exists('last.txt'))",
        "",
    ),
    "A4: a daemon thread calls the flow file": (
        "ONE = 1\nbegun = threading.Event()\ndef add(x):\n    return x + ONE\n"
        "def loop():\n    while True:\n        add(1); begun.set()\n",
        "threading.Thread(target=loop, daemon=True).start(); begun.wait()",
        "print('quiet')",
        "quiet",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_step_ends_the_same(case, write_flow, monkeypatch):
    """A2, A3, A4: the objects of a step are finalized as in a fresh interpreter."""
    top, start, end, told = CASES[case]
    flow = write_flow("endingflow.py", FLOW.format(top=top, start=start, end=end))
    write_flow("beside.py", BESIDE)
    cold, warm = both_ways(flow, monkeypatch)
    assert told in cold.stdout
    assert (warm.status, warm.returncode) == (cold.status, cold.returncode) == ("successful", 0)
    assert sorted(warm.stdout.splitlines()) == sorted(cold.stdout.splitlines())
    assert warm.stderr == cold.stderr
