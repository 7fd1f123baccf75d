"""The modules that the warm interpreter shares with its forks, and what these renew."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from support.both_ways import both_ways, warmly
from support.offspring import lives
from support.scripts import run_script
from support.waiting import until

from nbrunner import Runner

pytestmark = [pytest.mark.slow, pytest.mark.once]

BASE = """\
import json
from nbrunner.launch.warm.probe.draws import KNOWN
from nbrunner.launch.warm.probe.import_probe import observe
from nbrunner.launch.metaflow_seam import PRELOADED
observed = observe(PRELOADED)
print(observed.error, json.dumps([str(each) for each in observed.draws if each not in KNOWN]))
print(len(observed.draws))
"""


def test_all_that_metaflow_draws_is_known(tmp_path):
    """A8: every draw of ``import metaflow`` is renewed in a fork, or known to be harmless.

    If this fails after an update of Metaflow: renew the new draw in ``after_fork.py``, list it
    in ``draws.py``, and raise NEWEST in ``metaflow_versions.py``.
    """
    unknown, count = run_script(tmp_path, BASE)
    assert unknown.strip() == "[]"
    assert int(count) >= 5  # the probe works


# The source of a module: a part of the reason against its preload, or None.
MODULES = {
    "import random\nrng = random.Random()": None,
    "import random\nrng = random.Random(42)": None,
    "import random\nrng = random.Random(); rng.seed(1)": None,
    "import random\nrng = random.SystemRandom()": None,
    "import random\nrng = random.Random()\nid = rng.random()": "uses random numbers",
    "import random, copy\nrng = copy.copy(random.Random())": "uses random numbers",
    "import random\nid = random.random()": "uses or seeds shared random numbers",
    "import random\nrandom.seed(1)": "uses or seeds shared random numbers",
    "import random\nid = random.Random().random()": "seeds random.Random() without a fixed seed",
    "import random\nid = random.SystemRandom().random()": "calls os.urandom()",
    "import numpy as np\nrng = np.random.default_rng()": None,
    "import numpy as np\nrng = np.random.default_rng(42)": None,
    "import numpy as np\nrng = np.random.RandomState()": None,
    "import numpy as np\nrng = np.random.default_rng()\nid = rng.random()": "uses random numbers",
    "import numpy as np\nrng = np.random.default_rng().spawn(1)": "uses random numbers",
    "import numpy as np\nseeds = np.random.SeedSequence()": "calls os.urandom()",
    "import numpy as np\nnp.random.seed(0)": "numpy.random._pickle calls os.urandom()",
    "import numpy as np\nid = np.random.rand()": "uses random numbers",
    "import os\nkey = os.urandom(8)": "calls os.urandom()",
    "from os import urandom\nkey = urandom(8)": "calls os.urandom()",
    "import secrets\nkey = secrets.token_hex()": "calls os.urandom()",
    "import uuid\nid = uuid.uuid4()": "calls os.urandom()",
    "import uuid\nid = uuid.uuid1()": "calls uuid.generate_time_safe()",
    "import ssl\nkey = ssl.RAND_bytes(8)": "calls ssl.RAND_bytes()",
    "key = open('/dev/urandom', 'rb').read(8)": "opens /dev/urandom",
    "import time\nstart = time.time()": "calls time.time()",
    "from time import monotonic as clock\nstart = clock()": "calls time.monotonic()",
    "import time\nstart = time.perf_counter_ns()": "calls time.perf_counter_ns()",
    "import time\nstamp = time.strftime('%Y')": "calls time.strftime()",
    "import time\nzero = time.strftime('%Y', time.gmtime(0))": None,
    "import datetime\nstart = datetime.datetime.now()": "calls datetime.now()",
    "from datetime import date\nday = date.today()": "calls date.today()",
    "import time\nclass Clock:\n    now = time.time\nClock().now": None,
    "import time\nclass Clock:\n    now = time.time\nstart = Clock().now()": "calls time.time()",
    "import os\npid = os.getpid()": "calls os.getpid()",
    "import os\nhere = os.getcwd()": "calls os.getcwd()",
    "import pathlib\nhere = pathlib.Path('data').absolute()": "calls os.getcwd()",
    "import pathlib\nthere = pathlib.Path('no-such-file').exists()": None,  # compared later
    "import pathlib\nthere = pathlib.Path('tmp').exists()": "looks for 'tmp' in the current",
    "import os\nnames = os.listdir()": "looks for './' in the current directory",
    "import sys\nname = sys.argv[0]": "reads sys.argv",
    "import sys\nmany = len(sys.argv) > 1": "reads sys.argv",
    "import sys\nkept = sys.argv": "reads sys.argv",
    "from sys import orig_argv\nname = orig_argv[-1]": "reads sys.argv",
    "import sys\nhere = sys.path[0]": "reads sys.path",
    "import sys\nfound = any(map(str.isalpha, sys.path))": "reads sys.path",
    "import pkgutil\nplugins = [each.name for each in pkgutil.iter_modules()]": "reads sys.path",
    "import sys\nsys.path.append('/last')": None,
    "import inspect\nscript = inspect.stack()[-1].filename": "inspects its callers",
    "import traceback\nwhere = traceback.extract_stack()": "inspects its callers",
    "import sys\nmodule = sys._getframe().f_globals": None,
    "import __main__\nfile = getattr(__main__, '__file__', None)": "reads __main__",
    "import threading\nt = threading.Thread(target=print); t.start(); t.join()": "starts a thread",
    "import subprocess\nsubprocess.run(['true'])": "starts a process",
    "import os\nos.system('true')": "starts a process",
    "import os\nos.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)": "starts a process",
    "file = open('/dev/null')": "keeps open: /dev/null",
    "import socket\nsock = socket.socket()": "keeps open: socket",
    "import asyncio\nloop = asyncio.new_event_loop()": "keeps open: ",
    "import sys, io\nsys.stdout = io.StringIO()": "replaces sys.stdin, sys.stdout",
    "import sys\nsys.path.insert(0, '/more')": "changes sys.path other than at its end",
    "import gc\ngc.disable()": "turns the garbage collector off",
    "import os\nos.chdir('/tmp')": "changes the current directory",
    "import os\ndel os.environ['PATH']": "unsets $PATH",
    "import signal\nsignal.signal(signal.SIGTERM, print)": "changes a signal handler",
    "import logging\nlogging.basicConfig(level=10)": "changes the root logger",
    "import logging\nlogging.getLogger('own').setLevel(10)": None,
    "import socket\nsocket.setdefaulttimeout(5)": "changes the default socket timeout",
    "import sys\nsys.setrecursionlimit(5000)": "changes the recursion limit",
    "import sys\nsys.excepthook = print": "changes sys.excepthook",
    "import builtins\nbuiltins.answer = 42": "changes names of builtins",
    "import builtins\nbuiltins.print = print.__call__": "changes names of builtins",
    "import sys\nsys.setprofile(None)\nimport time\nt = time.time()": "replaces sys.setprofile",
    "import sys\nsys.settrace(lambda *_: None)": "changes sys.settrace",
    "import os\nos.umask(0o27)": "changes the umask",
    "import locale\nlocale.setlocale(locale.LC_ALL, 'C')": "changes the locale",
    "import mmap\nmemory = mmap.mmap(-1, 4096)": "maps memory that forks would share",
    "import multiprocessing\nlock = multiprocessing.Lock()": "calls os.getpid()",
    "import threading\nlock = threading.Lock()": None,
    "import os\nos.register_at_fork(before=print)": "calls os.register_at_fork()",
    "import shutil\nfree = shutil.disk_usage('/').free": "calls os.statvfs()",
    "import signal\nsignal.alarm(100)": "calls signal.alarm()",
    "import tempfile\nfolder = tempfile.mkdtemp()": "makes a temporary directory",
    "open('/tmp/nbrunner-test-written', 'w').close()": "writes /tmp/nbrunner-test-written",
    "idle = open('/proc/stat').read()": "opens /proc/stat",
    "print('Hello from the community')": "it prints 'Hello from the community'",
    "import os\nos.write(2, b'\\xff\\n')": "it prints '\ufffd'",
    "import warnings\nwarnings.warn('old')": "UserWarning: old",
    # Like the flow file's own import, where a DeprecationWarning is shown.
    "import warnings\nwarnings.warn('old', DeprecationWarning, stacklevel=2)": "Warning: old",
    "import warnings\nwarnings.warn('old', DeprecationWarning)": None,
    "import warnings\nwarnings.warn('old', ImportWarning, stacklevel=2)": None,
    "import os\nos.environ['NEW_A'] = os.environ.get('NEW_A', '') + 'a'": "sets $NEW_A, which it",
    "import os\nos.environ['PATH'] += ':/more'": "sets $PATH, which it reads",
    "import os\nfound = dict(os.environ)\nos.environ['NEW_B'] = '1'": "sets $NEW_B, which it",
    "import os\nos.environ.setdefault('NEW_C', '1')": None,
    "import os\nos.environ['NEW_D'] = '1'": None,
    "import dataclasses, enum, re, logging\nlog = logging.getLogger('own')": None,
    "raise ValueError('on purpose')": "ValueError: on purpose",
    "import no_such_module_anywhere": "ModuleNotFoundError: No module named",
    "raise SystemExit(3)": "SystemExit: 3",
    "import os\nos._exit(7)": "it ended the process with code 7",
    "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)": "it ended the process with code -11",
}

OBSERVING = """\
import json, os, sys
from nbrunner.launch.warm.probe.import_probe import observe
from nbrunner.launch.warm.preload import why_not
from nbrunner.launch.warm.probe.process_facts import changes, look
sys.path[0] = sys.argv[1]
os.chdir("/")
found = []
before, modules = look(), set(sys.modules)
for name in json.loads(sys.argv[2]):
    found.append(why_not(observe([name])))
print(json.dumps(found))
print(list(changes(before, look())), len(set(sys.modules) - modules))
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Return the reason for each module, and whether the calling process has changed."""
    folder = tmp_path_factory.mktemp("modules")
    names = [f"module_{number}" for number in range(len(MODULES))]
    for name, text in zip(names, MODULES, strict=True):
        (folder / f"{name}.py").write_text(text)
    found, changed = run_script(folder, OBSERVING, str(folder), json.dumps(names))
    return dict(zip(MODULES, json.loads(found), strict=True)), changed


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_may_do_while_it_is_imported(module, judged):
    """A1: a module with a draw that a fork cannot renew is refused, with the reason."""
    expected, found = MODULES[module], judged[0][module]
    if expected is None:
        assert found is None
    else:
        assert expected in str(found)


def test_looking_at_an_import_leaves_the_process_as_it_is(judged):
    assert judged[1] == "[] 0"


REPLACING = {
    "import json\njson.dumps = print": ["json.dumps"],
    "import ssl\nssl.SSLContext.wrap_socket = print": ["ssl.SSLContext.wrap_socket"],
    "import ssl\ndef f(*_): pass\nssl.SSLContext.wrap_socket = f": ["ssl.SSLContext.wrap_socket"],
    "import logging\nclass L(logging.Logger): pass\nlogging.setLoggerClass(L)": [
        "logging._loggerClass"
    ],
    "import os\ndef f(*_): pass\nos.stat = f": ["os.stat"],
    "import os, time\nn = os.stat('/'), time.gmtime(0)": [],
    "import typing_extensions": [],
}


def test_what_a_module_replaces(tmp_path):
    """A1: a flow that does not import the module must not see its replacements."""
    for number, text in enumerate(REPLACING):
        (tmp_path / f"module_{number}.py").write_text(text)
    answers = run_script(
        tmp_path,
        f"""
        import json, logging, os, ssl, time
        from nbrunner.launch.warm.probe.import_probe import observe
        for number in range({len(REPLACING)}):
            print(json.dumps(observe([f"module_{{number}}"]).replaced))
        """,
    )
    assert list(map(json.loads, answers)) == list(REPLACING.values())


LIBRARIES = ["faker", "fsspec", "pandas", "sklearn.ensemble", "scipy.stats", "psutil", "boto3"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_that_can_be_preloaded(library, tmp_path):
    (answer,) = run_script(
        tmp_path,
        f"""
        from nbrunner.launch.warm.probe.import_probe import observe
        from nbrunner.launch.warm.preload import why_not
        observed = observe([{library!r}])
        print(why_not(observed), observed.replaced)
        """,
    )
    assert answer == "None []"


def test_what_a_library_keeps_makes_it_refused(tmp_path):
    """A1: sympy draws the number of its first dummy symbol while it is imported."""
    (answer,) = run_script(
        tmp_path,
        """
        from nbrunner.launch.warm.probe.import_probe import observe
        from nbrunner.launch.warm.preload import why_not
        print(why_not(observe(["sympy"])))
        """,
    )
    assert "sympy.core.symbol seeds random.Random() without a fixed seed" in answer


# -- in runs -------------------------------------------------------------------------------

FOREACH = """\
from metaflow import FlowSpec, step
{imports}

class DrawFlow(FlowSpec):

    @step
    def start(self):
        self.items = [1, 2, 3]
        self.next(self.draw, foreach='items')

    @step
    def draw(self):
        self.drawn = {expression}
        self.next(self.join)

    @step
    def join(self, inputs):
        self.drawn = [each.drawn for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    DrawFlow()
"""


def drawn(write_flow, monkeypatch, preload, imports, expression, runs=2):
    """Return the draws of all tasks of all runs, and the handle of the last run."""
    monkeypatch.setenv("NBRUNNER_PRELOAD", preload)
    flow = write_flow("drawflow.py", FOREACH.format(imports=imports, expression=expression))
    found = []
    for _ in range(runs):
        outcome = warmly(flow, monkeypatch)
        found += outcome.running.run.data.drawn
    return found, outcome.running


def test_a_module_that_keeps_a_standard_stream(tmp_path, write_flow, monkeypatch):
    """A9: the stream object is also that of the fork."""
    text = "import logging, sys\nkept = sys.stdin, sys.stdout, logging.StreamHandler().stream\n"
    own_module(tmp_path, monkeypatch, text)
    monkeypatch.setenv("NBRUNNER_PRELOAD", "ours")
    expression = "[a is b for a, b in zip(ours.kept, (sys.stdin, sys.stdout, sys.stderr))]"
    found, running = drawn(write_flow, monkeypatch, "ours", "import ours, sys", expression, runs=1)
    assert found == [[True] * 3] * 3
    assert running.preloaded == {"ours": "preload"}


def own_module(tmp_path, monkeypatch, text):
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "ours.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "library"))


def test_names_of_faker_differ_between_tasks_and_runs(write_flow, monkeypatch):
    """A1: a generator of a preloaded library without a fixed seed is seeded in each fork."""
    names, running = drawn(
        write_flow, monkeypatch, "faker", "import faker, sys", "faker.Faker().name()"
    )
    assert len(set(names)) == len(names) == 6
    assert running.not_preloaded == {}


def test_numbers_of_a_module_of_ones_own_differ(write_flow, monkeypatch, tmp_path):
    """A1: the same for NumPy's generators, their children, and the seeds these come from."""
    own_module(
        tmp_path,
        monkeypatch,
        "import numpy, random\nrng = numpy.random.default_rng()\nfixed = random.Random(5)\n",
    )
    expression = (
        "[float(ours.rng.random()), float(ours.rng.spawn(1)[0].random()), "
        "float(numpy.random.rand()), str(ours.rng.bit_generator.seed_seq.entropy), "
        "str(numpy.random.get_bit_generator().seed_seq.entropy), ours.fixed.random()]"
    )
    found, running = drawn(write_flow, monkeypatch, "ours", "import numpy, ours", expression)
    assert running.not_preloaded == {}
    *differing, fixed = zip(*found, strict=True)
    for column in differing:
        assert len(set(column)) == len(column) == 6
    assert len(set(fixed)) == 1


def test_a_preloaded_module_may_be_imported_above_metaflow(write_flow, monkeypatch, tmp_path):
    """A1: an own module that the probe has accepted; a refused one makes the run cold."""
    own_module(tmp_path, monkeypatch, "VALUE = 3\n")
    above = "import psutil, sys, ours\n" + FOREACH.format(imports="", expression="ours.VALUE")
    flow = write_flow("drawflow.py", above)
    monkeypatch.setenv("NBRUNNER_PRELOAD", "ours")
    assert warmly(flow, monkeypatch).running.run.data.drawn == [3, 3, 3]
    (tmp_path / "library" / "ours.py").write_text("import os\nVALUE = os.getpid()\n")
    running = Runner(flow, show_output=False, pylint=False).run()
    assert running.cold_reason == "line 1 of the flow file runs before metaflow is imported there"


def test_an_id_made_while_a_module_is_imported_is_not_shared(write_flow, monkeypatch, tmp_path):
    """A1: such a module is not preloaded; the run's handle and record have the reason."""
    own_module(tmp_path, monkeypatch, "import uuid\nID = uuid.uuid4().hex\n")
    found, running = drawn(
        write_flow, monkeypatch, "ours colorsys no_such_module", "import ours", "ours.ID"
    )
    assert len(set(found)) == len(found) == 6
    assert running.warm
    assert running.not_preloaded == {
        "ours": "while it is imported, ours calls os.urandom()",
        "no_such_module": "ModuleNotFoundError: No module named 'no_such_module'",
    }


AGE = """\
import logging, os, time

def age_ms():
    started = open('/proc/self/stat').read().rpartition(')')[2].split()[19]
    seconds = int(started) / os.sysconf('SC_CLK_TCK')
    return (time.clock_gettime(time.CLOCK_BOOTTIME) - seconds) * 1000

def logged_ms():
    return logging.LogRecord('n', logging.INFO, 'p', 1, 'm', (), None).relativeCreated
"""


def test_clocks_start_with_the_task(write_flow, monkeypatch):
    """A8: ``%(relativeCreated)d`` counts from the start of the task, not of the interpreter."""
    found, _running = drawn(write_flow, monkeypatch, "", AGE, "[logged_ms(), age_ms()]", runs=1)
    for logged, age in found:
        assert 0 <= logged <= age + 20, found  # the kernel counts in hundredths of a second


def test_renewed_clocks(tmp_path):
    """A8: each clock that an import has started is started again."""
    lines = run_script(
        tmp_path,
        """
        import os, threading, time
        import logging, psutil, dateutil.parser._parser as parser
        import metaflow.metaflow_config_funcs
        from nbrunner.launch.warm.after_fork import start_afresh
        logging._startTime = type(logging._startTime)(1)
        parser.DEFAULTPARSER.info._year, parser.DEFAULTPARSER.info._century = 1999, 1900
        psutil._last_cpu_times = psutil._last_per_cpu_times_2 = {}
        start_afresh()
        print(logging.LogRecord("n", 10, "p", 1, "m", (), None).relativeCreated < 10_000)
        print(parser.parse("1/1/29").year)
        print(list(psutil._last_cpu_times) == [threading.main_thread().ident])
        print(len(psutil._last_per_cpu_times_2))
        """,
    )
    assert lines == ["True", "2029", "True", "1"]


def run_with(flow, env):
    running = Runner(flow, show_output=False, pylint=False, env=env).run(seconds=0)
    assert running.status == "successful"
    return running


def test_a_library_that_reads_the_whole_environment_stays_warm(write_flow, monkeypatch):
    """A9: fsspec depends on variables that begin with FSSPEC alone."""
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    monkeypatch.setenv("NBRUNNER_PRELOAD", "fsspec")
    flow = write_flow("slowflow")
    for number in range(3):
        running = run_with(flow, {"TOKEN": str(number)})
        assert running.warm, running.cold_reason
    assert running.not_preloaded == {}
    running = run_with(flow, {"FSSPEC_S3_KEY": "k"})  # it was not set before
    assert (running.warm, running.cold_reason) == (
        False,
        "imports read another value of $FSSPEC_S3_KEY",
    )


def test_a_module_that_keeps_the_whole_environment(write_flow, monkeypatch, tmp_path):
    """A9: if a module may use any variable, a change of any makes a start cold."""
    own_module(tmp_path, monkeypatch, "import os\nALL = dict(os.environ)\n")
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    monkeypatch.setenv("NBRUNNER_PRELOAD", "ours")
    flow = write_flow("slowflow")
    assert run_with(flow, {}).warm
    running = run_with(flow, {"NEW": "1"})
    assert (running.warm, running.cold_reason) == (False, "imports read another value of $NEW")


def test_a_file_in_the_directory_that_a_module_looks_for(write_flow, monkeypatch, tmp_path):
    """A1: a file missing in the warm interpreter's directory may exist in that of a run."""
    own_module(tmp_path, monkeypatch, "import os\nFOUND = os.path.exists('settings.ini')\n")
    found, _running = drawn(write_flow, monkeypatch, "ours", "import ours", "ours.FOUND", runs=1)
    assert found == [False] * 3
    (tmp_path / "settings.ini").touch()
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    running = Runner(tmp_path / "drawflow.py", pylint=False, show_output=False, cwd=tmp_path).run()
    assert running.run.data.drawn == [True] * 3
    assert not running.warm and "settings.ini" in running.cold_reason


def test_metaflow_of_another_release_is_looked_at(tmp_path):
    """A8: if a release has a new draw, all starts are cold for that reason."""
    lines = run_script(
        tmp_path,
        """
        from nbrunner.engine import metaflow_versions
        from nbrunner.launch import metaflow_seam
        from nbrunner.launch.warm import preload as preloading
        from nbrunner.launch.warm.eligibility import Imported
        metaflow_versions.OLDEST, metaflow_versions.NEWEST = "1", "2"
        for module in ("colorsys", "sympy"):
            imported = Imported()
            metaflow_seam.PRELOADED = (module,)
            preloading.preload([], imported, lambda: None)
            print(imported.refusal("/flow/flow.py", "/", {}) if imported.inexact else "exact")
        """,
    )
    assert lines[0] == "exact"
    assert lines[1].startswith("metaflow: while it is imported, ")


def test_the_scratch_process_ends_with_the_interpreter(tmp_path):
    code = (
        "import os, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from nbrunner.launch.warm.probe.import_probe import observe\n"
        "observe(['hanging'])\n"
    )
    (tmp_path / "hanging.py").write_text(
        "import os, time\nopen('/proc/self/stat')\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "time.sleep(3600)\n"
    )
    interpreter = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    try:
        told = tmp_path / "pid"
        pid = int(until(lambda: told.exists() and told.read_text(), "the import"))
    finally:
        interpreter.kill()
        interpreter.wait()
    until(lambda: not lives(pid), "the end of the scratch process")


THREADS = (
    "import os\n"
    "def count():\n"
    "    os.environ['OPENBLAS_NUM_THREADS'] = '1'\n"
    "    import numpy, threadpoolctl\n"
    "    return [each['num_threads'] for each in threadpoolctl.threadpool_info()]\n"
)
FILTERS = (
    "import warnings\n"
    "def filters():\n"
    "    warnings.simplefilter('error')\n"
    "    import numpy\n"
    "    return [str(each) for each in warnings.filters]\n"
)
SETTING = {
    # A setting that a preloaded module reads, and that a step changes before its own import.
    "a step": (
        "ours",
        "from os import environ",
        "(environ.update(LEVEL='3'), __import__('ours').LEVEL)[1]",
        "$LEVEL (line",
    ),
    "a module beside the flow": (
        "numpy",
        "import threads",
        "threads.count()",
        "$OPENBLAS_NUM_THREADS (line 3)",
    ),
    "filters": ("numpy", "import filters", "filters.filters()", "sets warnings filters (line 3)"),
}


@pytest.mark.parametrize("case", SETTING)
def test_what_a_step_sets_before_its_own_import(case, write_flow, monkeypatch, tmp_path):
    """A9: such a run is forked from an interpreter without the module, and has the reason."""
    preload, imports, expression, reason = SETTING[case]
    own_module(tmp_path, monkeypatch, "import os\nLEVEL = os.environ.get('LEVEL')\n")
    (tmp_path / "threads.py").write_text(THREADS)
    (tmp_path / "filters.py").write_text(FILTERS)
    monkeypatch.setenv("NBRUNNER_PRELOAD", preload)
    flow = write_flow("drawflow.py", FOREACH.format(imports=imports, expression=expression))
    cold, warm = both_ways(flow, monkeypatch)
    assert warm.running.run.data.drawn == cold.running.run.data.drawn
    assert list(warm.running.not_preloaded) == [preload]
    assert reason in warm.running.not_preloaded[preload]


BESIDE = {
    "import importlib.util as u\nF = u.find_spec('colorsys').origin": ("colorsys.py", "shadows"),
    "import importlib.util as u\nF = u.find_spec('absent') is None": ("absent.py", "shadows"),
    "import importlib.metadata as m\nF = m.version('pip')": ("pip-1.dist-info", "preloaded module"),
}


@pytest.mark.parametrize("module", BESIDE)
def test_what_a_module_would_find_beside_the_flow(module, write_flow, monkeypatch, tmp_path):
    """A1: a file next to the flow would be imported before the installed one."""
    own_module(tmp_path, monkeypatch, module)
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    monkeypatch.setenv("NBRUNNER_PRELOAD", "ours")
    flow = write_flow("slowflow")
    assert run_with(flow, {}).warm
    name, reason = BESIDE[module]
    (tmp_path / name).touch()
    running = run_with(flow, {})
    assert not running.warm and reason in running.cold_reason and name in running.cold_reason
