"""A flow sees the same, and comes to the same, whether it was started cold or warm."""

from __future__ import annotations

import json

import pytest
from support.both_ways import both_ways, masked

# name: an expression, evaluated by the run process and by a task.
PROBES = {
    "argv": "sys.argv",
    "orig_argv": "sys.orig_argv",
    "main": "[__name__, __file__, __spec__, __cached__, __doc__, __package__]",
    "loader": "[type(__loader__).__name__, __loader__.name, __loader__.path]",
    "names in main": "sorted(vars(sys.modules['__main__']))",
    "names in builtins": "sorted(vars(__import__('builtins')))",
    "path": "sys.path",
    "cwd": "os.getcwd()",
    "environ": "dict(os.environ)",
    "order of environ": "list(os.environ)",
    "environ of children": "subprocess.check_output(['env', '-0']).decode().split(chr(0))",
    "stdin": "stream(sys.stdin)",
    "stdout": "stream(sys.stdout)",
    "stderr": "stream(sys.stderr)",
    "originals": "[getattr(sys, n) is getattr(sys, f'__{n}__') for n in ('stdin', 'stdout')]",
    "what stdin is": "os.readlink('/proc/self/fd/0').split(':')[0]",
    "descriptors": "sorted(map(int, os.listdir('/proc/self/fd')))",
    "descriptors of children": "subprocess.check_output(['ls', '/proc/self/fd']).split()",
    "locale": "[locale.setlocale(locale.LC_ALL), locale.getpreferredencoding(False)]",
    "encodings": "[sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()]",
    "umask": "[os.umask(0o22) for _ in range(2)][0]",
    "limits": "[resource.getrlimit(n) for n in range(10)]",
    "nice": "os.nice(0)",
    "affinity": "sorted(os.sched_getaffinity(0))",
    "user": "[os.getresuid(), os.getresgid(), os.getgroups()]",
    "flags": "[sys.flags, sys.warnoptions, sys._xoptions, sys.dont_write_bytecode]",
    "warnings": "warnings.filters",
    "gc": "[gc.isenabled(), gc.get_threshold(), gc.get_debug()]",
    "signals": "{n: str(signal.getsignal(n)) for n in range(1, 32) if n not in (9, 19)}",
    "signal mask": "signal.pthread_sigmask(signal.SIG_BLOCK, [])",
    "wakeup": "signal.set_wakeup_fd(-1)",
    "alarm": "signal.getitimer(signal.ITIMER_REAL)",
    "threads": "[t.name for t in threading.enumerate()]",
    "main thread": "[threading.current_thread() is threading.main_thread(), "
    "threading.main_thread().native_id == os.getpid(), "
    "threading.main_thread().ident == threading.get_ident()]",
    "group": "[os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()]",
    "logging": "[logging.root.handlers, logging.root.level, logging.raiseExceptions]",
    "hooks": "[sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__, "
    "threading.excepthook is threading.__excepthook__, sys.gettrace(), sys.getprofile()]",
    "limits of python": "[sys.getrecursionlimit(), sys.getswitchinterval()]",
    "interpreter": "[sys.executable, sys.prefix, sys.base_prefix, sys.version, sys.platform]",
    "names of programs": "[multiprocessing.current_process().name, "
    "multiprocessing.get_start_method(), multiprocessing.parent_process()]",
    "temporary files": "tempfile.gettempdir()",
    "time zone": "[time.tzname, time.timezone]",
    "exit functions": "atexit._ncallbacks()",
    "loops": "[type(asyncio.get_event_loop_policy()).__name__, asyncio._get_running_loop()]",
    "stack": "[f.f_code.co_name for f, _ in traceback.walk_stack(None)][-1]",
    "zombies": "subprocess.run(['true']).returncode",
}

PROBEFLOW = """\
import asyncio, atexit, gc, json, locale, logging, multiprocessing, os, resource, signal
import subprocess, sys, tempfile, threading, time, traceback, warnings
from metaflow import FlowSpec, step

PROBES = {probes!r}

def stream(file):
    return [
        file.fileno(), file.name, file.mode, file.encoding, file.errors, file.newlines,
        file.line_buffering, file.write_through, file.isatty(), file.closed,
        type(file.buffer).__name__, file.buffer.name, file.buffer.mode,
    ]

def found():
    answers = {{}}
    for name, expression in PROBES.items():
        try:
            answers[name] = repr(eval(expression))
        except Exception as error:
            answers[name] = repr(error)
    answers["modules"] = sorted(sys.modules)
    return answers

class ProbeFlow(FlowSpec):

    @step
    def start(self):
        self.found = found()
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    if 'step' not in sys.argv:
        with open('run.json', 'w') as file:
            json.dump(found(), file)
    ProbeFlow()
"""


@pytest.fixture(scope="module")
def probed(tmp_path_factory):
    """{process: (cold, warm)}, each a dict of what every probe found."""
    folder = tmp_path_factory.mktemp("probed")
    state = tmp_path_factory.mktemp("probed-state")
    flow = folder / "probeflow.py"
    flow.write_text(PROBEFLOW.format(probes=PROBES))
    (folder / "numpy").mkdir()  # stands for nothing: it has no __init__.py
    found = {"run": [], "task": []}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBRUNNER_STATE_DIR", str(state))
        patch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", str(state / "metaflow"))
        patch.setenv("METAFLOW_USER", "tester")
        for each in both_ways(flow, patch):
            assert each.status == "successful", each.stderr
            found["task"].append(each.running.run["start"].task.data.found)
            run = json.loads((folder / "run.json").read_text())
            found["run"].append(run)
        from nbrunner.launch.warm import LAUNCHER

        LAUNCHER.close()
    return found


def test_the_run_process_of_both_was_asked(probed):
    cold, warm = probed["run"]
    assert cold["argv"] != warm["argv"]  # each has a directory of its own


@pytest.mark.parametrize("process", ["run", "task"])
@pytest.mark.parametrize("probe", PROBES)
def test_it_sees_the_same(probed, process, probe):
    cold, warm = (masked(each[probe]) for each in probed[process])
    assert warm == cold
    assert "Error" not in cold, cold


@pytest.mark.parametrize("process", ["run", "task"])
def test_no_module_is_missing(probed, process):
    cold, warm = (set(each["modules"]) for each in probed[process])
    # Imported by the start of any interpreter, before and for the script.
    assert cold - warm <= {"sitecustomize", "usercustomize"}


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
        "print(list(ProcessPoolExecutor(2).map(square, range(5))))",
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
    "reading stdin": ("", "print(repr(sys.stdin.read()))", "pass"),
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


def said(lines: list[str]) -> list[str]:
    """Return the lines in an order that does not hang on which pipe was read first."""
    return sorted(lines)


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
    from nbrunner.launch.warm import LAUNCHER

    # With numpy in the warm interpreter, where all forks begin with one state.
    monkeypatch.setattr(LAUNCHER, "preload", ("numpy", "random"))
    flow = write_flow("randomflow.py", REPEATING)
    drawn = []
    for _ in range(2):
        _cold, warm = both_ways(flow, monkeypatch)
        drawn += warm.running.run.data.drawn
    for column in zip(*drawn, strict=True):
        assert len(set(column)) == len(drawn) == 8
