"""A flow observes the same, and has the same result, whether started cold or warm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support import probe
from support.both_ways import both_ways, listing, warmly, without_ours

pytestmark = [pytest.mark.slow, pytest.mark.once]

PROBEFLOW = """\
import sys
from metaflow import FlowSpec, step
import probe

STEPS = ('start', 'work', 'join', 'end')
WHO = next((f'{name} before' for name in STEPS if name in sys.argv), 'run')
INDEX = sys.argv[sys.argv.index('--split-index') + 1] if '--split-index' in sys.argv else ''
probe.note(WHO + INDEX)

class ProbeFlow(FlowSpec):
    'As it sees itself.'

    @step
    def start(self):
        probe.note('start')
        self.items = [1, 2]
        self.next(self.work, foreach='items')

    @step
    def work(self):
        probe.note(f'work {self.index}')
        self.next(self.join)

    @step
    def join(self, inputs):
        probe.note('join')
        self.next(self.end)

    @step
    def end(self):
        probe.note('end')

if __name__ == '__main__':
    ProbeFlow()
"""

PLACES = ["run", "start before", "start", "work before0", "work 0", "work 1", "join", "end"]

# name: variables to set, None to remove. FOLDER is the flow's.
SURROUNDINGS: dict[str, dict[str, str | None]] = {
    "as it is": {},
    "no locale": {"LANG": None, "LC_ALL": None, "LC_CTYPE": None},
    "many switches": {
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONHASHSEED": "5",
        "PYTHONIOENCODING": "latin-1:replace",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": "FOLDER",
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "default::ImportWarning",
        "TZ": "Asia/Kolkata",
    },
}


@pytest.fixture(scope="module", params=SURROUNDINGS)
def probed(request, tmp_path_factory):
    """Return the outcomes of a cold and a warm run that have recorded their observations."""
    folder = tmp_path_factory.mktemp("probed")
    state = tmp_path_factory.mktemp("probed-state")
    shutil.copy(probe.__file__, folder)
    flow = folder / "probeflow.py"
    flow.write_text(PROBEFLOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBRUNNER_STATE_DIR", str(state))
        patch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(state / "metaflow"))
        patch.setenv("METAFLOW_USER", "tester")
        for name, value in SURROUNDINGS[request.param].items():
            if value is None:
                patch.delenv(name, raising=False)
            else:
                patch.setenv(name, value.replace("FOLDER", str(folder)))
        outcomes = both_ways(flow, patch)
        for each in outcomes:
            assert each.status == "successful", each.stdout + each.stderr
        from nbrunner.launch.warm.launcher import LAUNCHER

        LAUNCHER.close()
    return outcomes


def noted(outcome, place):
    file = Path(outcome.running.directory.path, "facts", f"{place}.json")
    return json.loads(outcome.masked(file.read_text()))


@pytest.mark.parametrize("place", PLACES)
def test_it_sees_the_same(probed, place):
    cold, warm = (noted(each, place) for each in probed)
    assert set(cold.pop("modules")) <= set(warm.pop("modules"))  # none is missing
    warm = without_ours(warm)
    if place == "run":  # the socket to the fork server; no child has it
        sockets = [fd for fd, kind in warm["descriptors"].items() if kind == "socket"]
        assert len(sockets) == 1
        del warm["descriptors"][sockets[0]]
    assert {key: [cold[key], warm[key]] for key in cold if cold[key] != warm[key]} == {}


HEAD = "import os, sys, signal, threading, time\nfrom metaflow import FlowSpec, step\n"
FLOW = """\
{top}
class CaseFlow(FlowSpec):

    @step
    def start(self):
        {start}
        self.next(self.end)

    @step
    def end(self):
        {end}

if __name__ == '__main__':
    CaseFlow()
"""

# name: (module level, body of start, body of end)
CASES = {
    "exit code": ("", "sys.exit(3)", "pass"),
    "exit text": ("", "sys.exit('said at the end')", "pass"),
    "exit 0": ("", "sys.exit(0)", "pass"),
    "hard exit": ("", "os._exit(4)", "pass"),
    "hard exit 0": ("", "os._exit(0)", "pass"),
    "exit 137": ("", "os._exit(137)", "pass"),
    "exception": ("", "raise ValueError('on purpose')", "pass"),
    "exception of a class of the flow": (
        "class Own(Exception):\n    pass\ndef deep():\n    raise Own('ü')\n",
        "deep()",
        "pass",
    ),
    "killed": ("", "os.kill(os.getpid(), signal.SIGKILL)", "pass"),
    "terminated": ("", "os.kill(os.getpid(), signal.SIGTERM)", "pass"),
    "segmentation fault": ("", "os.kill(os.getpid(), signal.SIGSEGV)", "pass"),
    "exit functions, last first": (
        "import atexit\n",
        "atexit.register(print, 'first'); atexit.register(print, 'second'); print('now')",
        "pass",
    ),
    "an exit function that fails": (
        "import atexit\ndef fail():\n    raise OSError('late')\n",
        "atexit.register(fail)",
        "pass",
    ),
    "a file that was not closed": (
        "",
        "self.file = 'kept.txt'; f = open('kept.txt', 'w'); f.write('all'); globals().update(f=f)",
        "print(open('kept.txt').read())",
    ),
    "files that others keep": (
        "import ctypes, string\n",
        "sys.kept = open('sys.txt', 'w'); sys.kept.write('by sys'); "
        "string.kept = open('string.bin', 'wb'); string.kept.write(b'by a library'); "
        "libc = ctypes.CDLL(None); libc.fopen.restype = ctypes.c_void_p; "
        "file = libc.fopen(b'c.txt', b'w'); libc.fputs(b'by C', ctypes.c_void_p(file))",
        "pass",
    ),
    "a file under a daemon thread": (
        "def write(file):\n    while True:\n        file.write('x' * 65536)\n",
        "reader, writer = os.pipe(); self.reader = 'blocked'; "
        "threading.Thread(target=write, args=(os.fdopen(writer, 'w'),), daemon=True).start(); "
        "time.sleep(0.05)",
        "pass",
    ),
    "objects let go at the end": (
        "class Last:\n    def __del__(self, write=os.write):\n        write(1, b'gone\\n')\n"
        "kept = Last()\n",
        "pass",
        "pass",
    ),
    "exit of the run process": (
        "if 'run' in sys.argv:\n    print('before'); sys.exit('no run today')\n",
        "pass",
        "pass",
    ),
    "exception of the run process": (
        "def deep():\n    raise ValueError('ü')\nif 'run' in sys.argv:\n    deep()\n",
        "pass",
        "pass",
    ),
    "interrupt of the run process": (
        "if 'run' in sys.argv:\n    raise KeyboardInterrupt\n",
        "pass",
        "pass",
    ),
    "kill of the run process": (
        "if 'run' in sys.argv:\n    os.kill(os.getpid(), signal.SIGKILL)\n",
        "pass",
        "pass",
    ),
    "exit functions of the run process": (
        "import atexit\nif 'run' in sys.argv:\n"
        "    for word in ('last', 'first'):\n        atexit.register(print, word)\n",
        "pass",
        "pass",
    ),
    "stdout closed": ("", "sys.stdout.close(); os.close(1)", "pass"),
    "deep recursion": (
        "def down(n):\n    return n and down(n - 1)\n",
        "print(down(900))",
        "pass",
    ),
    "a fork that goes on": (
        "",
        "pid = os.fork(); os.write(1, b'both\\n'); pid and os.waitpid(pid, 0); pid or os._exit(0)",
        "pass",
    ),
    "a thread that goes on": (
        "def later():\n    time.sleep(0.2)\n    print('later', flush=True)\n",
        "threading.Thread(target=later).start(); print('started')",
        "pass",
    ),
    "a daemon thread": (
        "def never():\n    time.sleep(60)\n",
        "threading.Thread(target=never, daemon=True).start(); print('started')",
        "pass",
    ),
    "a class of the flow as artifact": (
        "class Point:\n    def __init__(self, x):\n        self.x = x\n",
        "self.point = Point(3)",
        "print(self.point.x, type(self.point).__module__, type(self.point) is Point)",
    ),
    "another directory": (
        "",
        "os.makedirs('sub', exist_ok=True); os.chdir('sub'); print(os.getcwd())",
        "print(os.getcwd())",
    ),
    "a variable set in a step": (
        "",
        "os.environ['SET_HERE'] = '1'; os.umask(0o77)",
        "print(os.environ.get('SET_HERE'), oct(os.umask(0o22)))",
    ),
    "output of every kind": (
        "import subprocess\n",
        "print('no newline', end=''); sys.stdout.buffer.write(b'\\xff bytes\\n'); "
        "print('err', file=sys.stderr); os.write(1, b'raw\\n'); "
        "subprocess.run(['echo', 'child']); print('a\\rb')",
        "pass",
    ),
    "output of the run process": (
        "if 'step' not in sys.argv:\n    print('module level'); "
        "print('to stderr', file=sys.stderr); sys.stdout.write('rest')\n",
        "pass",
        "pass",
    ),
    "an interpreter of its own": (
        "import subprocess\n",
        "print(subprocess.check_output([sys.executable, '-c', "
        "'import sys, os; print(sys.argv, len(sys.modules) < 100, os.environ.get(\"X\"))']))",
        "pass",
    ),
    "processes by fork": (
        "import multiprocessing\ndef square(x):\n    return x * x\n",
        "print(multiprocessing.get_context('fork').Pool(2).map(square, range(5)))",
        "pass",
    ),
    "processes by spawn": (
        "import multiprocessing\ndef square(x):\n    return x * x\n",
        "print(multiprocessing.get_context('spawn').Pool(2).map(square, range(5)))",
        "pass",
    ),
    "processes by forkserver": (
        "import multiprocessing\ndef square(x):\n    return x * x\n",
        "print(multiprocessing.get_context('forkserver').Pool(2).map(square, range(5)))",
        "pass",
    ),
    "an executor of processes": (
        "from concurrent.futures import ProcessPoolExecutor\ndef square(x):\n    return x * x\n",
        "with ProcessPoolExecutor(2) as pool: print(list(pool.map(square, range(5))))",
        "pass",
    ),
    "asyncio": (
        "import asyncio\n",
        "print(asyncio.run(asyncio.wait_for(asyncio.sleep(0, 'slept'), 5)))",
        "pass",
    ),
    "warnings": (
        "import warnings\n",
        "warnings.warn('careful'); warnings.warn('old', DeprecationWarning)",
        "pass",
    ),
    "nothing on stdin, and no end of it": (
        "import select\n",
        "print(select.select([sys.stdin], [], [], 0.01)[0], sys.stdin.isatty())",
        "pass",
    ),
    "a broken import": ("", "import no_such_module", "pass"),
    "logging": (
        "import logging\n",
        "logging.basicConfig(format='%(levelname)s %(message)s'); logging.warning('logged')",
        "pass",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_it_comes_to_the_same(case, write_flow, monkeypatch):
    top, start, end = CASES[case]
    flow = write_flow("caseflow.py", FLOW.format(top=HEAD + top, start=start, end=end))
    cold, warm = both_ways(flow, monkeypatch)
    assert (warm.status, warm.returncode) == (cold.status, cold.returncode)
    assert said(warm.stdout) == said(cold.stdout)
    assert said(warm.stderr) == said(cold.stderr)
    assert listing(warm.cwd) == listing(cold.cwd)


def said(text: str) -> list[str]:
    """Return the lines in an order that does not depend on which pipe was read first."""
    return sorted(text.splitlines())


REPEATING = (
    HEAD
    + """\
import random, secrets, uuid
import numpy

class RandomFlow(FlowSpec):

    @step
    def start(self):
        self.items = list(range(4))
        self.next(self.draw, foreach='items')

    @step
    def draw(self):
        self.drawn = [
            random.random(), float(numpy.random.rand()), str(uuid.uuid4()), secrets.token_hex(8),
            random.SystemRandom().random(), float(numpy.random.default_rng().random()),
        ]
        self.next(self.join)

    @step
    def join(self, inputs):
        self.drawn = [each.drawn for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    RandomFlow()
"""
)


def test_random_numbers_repeat_neither_between_tasks_nor_between_runs(write_flow, monkeypatch):
    from nbrunner.launch.warm.launcher import LAUNCHER

    # With numpy in the warm interpreter, whose state all forks inherit.
    monkeypatch.setattr(LAUNCHER, "preload", ("numpy", "random"))
    flow = write_flow("randomflow.py", REPEATING)
    drawn = []
    for _ in range(2):
        drawn += warmly(flow, monkeypatch).running.run.data.drawn
    for column in zip(*drawn, strict=True):
        assert len(set(column)) == len(drawn) == 8
