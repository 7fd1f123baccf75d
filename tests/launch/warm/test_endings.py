"""A warm program ends like a fresh interpreter: its objects are finalized in the same way."""

from __future__ import annotations

import pytest
from support.both_ways import listing, masked
from support.forked import ended_cold, ended_forked

pytestmark = [pytest.mark.slow, pytest.mark.once]

# Code that makes a writer of a file named "it", which is not closed, its file incomplete.
WRITERS = {
    "text": "w = open('it', 'w'); w.write('all')",
    "gzip": "import gzip; w = gzip.GzipFile('it', 'w', mtime=0); w.write(b'all' * 5)",
    "bz2": "import bz2; w = bz2.open('it', 'wt'); w.write('all' * 5)",
    "lzma": "import lzma; w = lzma.open('it', 'wt'); w.write('all' * 5)",
    "zip": "import zipfile; w = zipfile.ZipFile('it', 'w'); "
    "w.writestr(zipfile.ZipInfo('a'), 'all')",
    "csv": "import csv; f = open('it', 'w', newline=''); w = csv.writer(f); w.writerow([1, 2])",
    "shelve": "import shelve; w = shelve.open('it', writeback=True); w['a'] = []; w['a'] += [1]",
    "dbm": "import dbm.dumb; w = dbm.dumb.open('it'); w['a'] = 'all'",
    "sqlite": (
        "import sqlite3; w = sqlite3.connect('it'); w.execute('create table t (x)'); w.commit(); "
        "w.execute('insert into t values (1)')"
    ),
    "h5py": (
        "import h5py; w = h5py.File('it', 'w', track_order=False); "
        "w.create_dataset('x', data=[1, 2, 3], track_times=False)"
    ),
    "parquet": (
        "import pyarrow as pa, pyarrow.parquet as pq; t = pa.table({'x': [1, 2]}); "
        "w = pq.ParquetWriter('it', t.schema); w.write_table(t)"
    ),
    "a compressed stream of pyarrow": (
        "import pyarrow; w = pyarrow.output_stream('it', compression='gzip'); w.write(b'all' * 9)"
    ),
    "tempfile": (
        "import tempfile, os; w = tempfile.NamedTemporaryFile('w', dir='.', delete=False); "
        "w.write('all'); os.rename(w.name, 'it')"
    ),
    "a temporary folder": (
        "import tempfile; w = tempfile.TemporaryDirectory(dir='.'); open(w.name + '/x', 'w')"
    ),
    "a handler of logging": (
        "import logging, logging.handlers as h; w = h.MemoryHandler(9, target=logging.FileHandler("
        "'it')); w.emit(logging.makeLogRecord({'msg': 'all'}))"
    ),
    "a view of a mapped file": (
        "import mmap; f = open('it', 'wb+'); f.truncate(9); m = mmap.mmap(f.fileno(), 9); "
        "w = memoryview(m); w[:3] = b'all'"
    ),
    "an array of numpy over a mapped file": (
        "import numpy; w = numpy.memmap('it', mode='w+', shape=4); w[:] = 1"
    ),
}

# The imports of a flow determine which modules still exist when the last objects are deleted.
AS_A_FLOW = "import metaflow\n"

# Other references to `w`; the script itself always has one until then.
HOLDERS = {
    "the script": "",
    "sys": "import sys; sys.kept = w; del w",
    "builtins": "import builtins; builtins.kept = w; del w",
    "an installed library": "import string; string.Formatter.kept = w; del w",
    "a library's list": "import copyreg; copyreg.kept = [w]; del w",
    "a cycle": "c = [w]; c.append(c); del w, c",
    "a context": "import contextvars as v; v.ContextVar('v').set(w); del w",
    "a thread": "import threading as t; t.current_thread().kept = w; del w",
    "a daemon thread": (
        "import threading as t, time\n"
        "def hold(w):\n    time.sleep(60)\n"
        "t.Thread(target=hold, args=(w,), daemon=True).start(); del w"
    ),
    "a generator": "def g(w):\n    yield w\nkept = g(w); next(kept); del w",
}

OWN = "class Own:\n    def __init__(self, word): self.word = word\n"
NOISY = OWN + "    def __del__(self): print(PREFIX + self.word)\nPREFIX = 'gone: '\n"
QUIET_DEL = (
    "class Own:\n    def __del__(self, write=__import__('os').write): write(1, b'gone\\n')\n"
)

# name: (script, module next to it)
ENDINGS = {
    **{f"{name}, held by the script": (text, "") for name, text in WRITERS.items()},
    **{
        f"gzip, held by {name}": (f"{AS_A_FLOW}{WRITERS['gzip']}\n{text}", "")
        for name, text in HOLDERS.items()
    },
    "A2: stdout replaced by a compressed file": (
        "import gzip, io, sys; sys.stdout = io.TextIOWrapper(gzip.GzipFile('it', 'w', mtime=0))\n"
        "print('hello ' * 5)",
        "",
    ),
    "stderr replaced by a buffered file": (
        "import sys; sys.stderr = open('it', 'w'); print(1, file=sys.stderr)",
        "",
    ),
    "stdout replaced by an own class": (
        "import sys\nclass Own:\n    text = ''\n    def write(self, text): self.text += text\n"
        "    def flush(self): open('it', 'a').write(self.text); self.text = ''\n"
        "sys.stdout = Own(); print('all')",
        "",
    ),
    "stdout that cannot be flushed": (
        "import sys\nclass Own:\n    def write(self, text): pass\n"
        "    def flush(self): raise OSError('full')\nsys.stdout = Own()",
        "",
    ),
    "stdout made to buffer": (
        "import sys; sys.stdout.reconfigure(write_through=False); print('all', end='')",
        "",
    ),
    "stdout wrapped": (
        "import sys, io; sys.stdout = io.TextIOWrapper(sys.stdout.buffer, "
        "write_through=False); print('all')",
        "",
    ),
    "stdout detached": ("import sys; kept = sys.stdout.detach(); kept.write(b'raw')", ""),
    "A3: a destructor beside the script finds its globals": (
        "import beside; print('end')",
        "PREFIX = 'rows: '\nclass Rows:\n    def __init__(self): self.rows = [1]\n"
        "    def __del__(self): open('it', 'w').write(PREFIX + repr(self.rows))\nkept = Rows()\n",
    ),
    "destructors beside the script find each other": (
        "import beside",
        NOISY + "first = Own('1')\nsecond = Own('2')\nsecond.other = first\n",
    ),
    "a destructor beside the script calls a function": (
        "import beside",
        "import json\nKEY = 'k'\ndef tell(x): print(json.dumps({KEY: x}))\n"
        "class Own:\n    def __del__(self): tell(1)\n_kept = Own()\n",
    ),
    "a destructor of the script": (NOISY + "kept = Own('1'); _other = Own('2')", ""),
    "a destructor of the script after sys.exit": (
        NOISY + "kept = Own('1'); _other = Own('2')\nimport sys; sys.exit(5)",
        "",
    ),
    "a destructor of the script after an exception": (
        NOISY + "def fail():\n    inner = Own('inner'); 1 / 0\nkept = Own('1')\nfail()",
        "",
    ),
    "a destructor in a cycle": (NOISY + "a = Own('1'); a.a = a; del a", ""),
    "a destructor held by a library": (NOISY + "import string; string.kept = Own('1')", ""),
    "a destructor held by sys": (NOISY + "import sys; sys.kept = Own('1')", ""),
    "a destructor without a place for the collector": (
        "import string\nclass Own:\n    __slots__ = ()\n    def __del__(self, "
        "w=__import__('os').write): w(1, b'gone')\n"
        "string.kept = Own()",
        "",
    ),
    "a destructor that fails": ("class Own:\n    def __del__(self): 1 / 0\nkept = Own()", ""),
    "a metaclass with a destructor": (
        "class Meta(type):\n    def __del__(cls, w=__import__('os').write): w(1, b'gone')\n"
        "class Own(metaclass=Meta): pass",
        "",
    ),
    "weakref.finalize": (
        "import weakref\nclass Own: pass\nkept = Own(); weakref.finalize(kept, print, 'gone')",
        "",
    ),
    "weakref.finalize, not at exit": (
        "import weakref, os\nclass Own: pass\nkept = Own()\n"
        "weakref.finalize(kept, os.write, 1, b'gone').atexit = False",
        "",
    ),
    "the callback of a weak reference": (
        "import weakref, os\nclass Own: pass\nkept = Own(); kept.own = kept\n"
        "ref = weakref.ref(kept, lambda _, w=os.write: w(1, b'gone'))",
        "",
    ),
    "exit functions": (
        "import atexit; atexit.register(print, 'last')\n"
        "@atexit.register\ndef later(): global w; w = open('it', 'w'); w.write('all')",
        "",
    ),
    "exit functions that fail, and exit": (
        "import atexit, sys; atexit.register(sys.exit, 3); atexit.register(lambda: 1 / 0)",
        "",
    ),
    "exit functions that were cleared": (
        f"import atexit; atexit._clear()\n{QUIET_DEL}kept = [Own()]\nkept.append(kept)",
        "",
    ),
    "exit functions that were run before": (
        "import atexit; atexit.register(print, 'now'); atexit._run_exitfuncs()\n"
        f"{WRITERS['gzip']}\nc = [w]; c.append(c)",
        "",
    ),
    "os._exit in an exit function": ("import atexit, os; atexit.register(os._exit, 6)", ""),
    "an exception in a thread that is waited for": (
        "import threading, time\ndef fail():\n    time.sleep(0.1); raise ValueError('late')\n"
        "threading.Thread(target=fail).start()",
        "",
    ),
    "a context variable": (
        NOISY + "import contextvars; contextvars.ContextVar('v').set(Own('1'))",
        "",
    ),
    "an asynchronous generator": (
        "import asyncio\nasync def g():\n    try:\n        yield "
        "1\n    finally:\n        print('closed')\n"
        "async def main():\n    global kept\n    kept = g(); print(await "
        "anext(kept))\nasyncio.run(main())",
        "",
    ),
    "an asynchronous generator without a loop": (
        "async def g():\n    try:\n        yield 1\n    finally:\n        print('closed')\n"
        "kept = g()\ntry:\n    kept.asend(None).send(None)\nexcept StopIteration:\n    pass",
        "",
    ),
    "a coroutine that was not awaited": ("async def c(): pass\nkept = c()", ""),
    "a suspended generator": (
        "def g():\n    try:\n        yield\n    finally:\n        "
        "print('closed')\nkept = g(); next(kept)",
        "",
    ),
    "a suspended generator and sys.exit": (
        "def g():\n    with open('it', 'w') as w:\n        w.write('all'); "
        "yield\nkept = g(); next(kept); raise SystemExit",
        "",
    ),
    "a context manager left open": (
        "import contextlib\n@contextlib.contextmanager\ndef m():\n    yield\n    "
        "print('left')\nkept = m(); kept.__enter__()",
        "",
    ),
    "a process that was not waited for": (
        "import subprocess; kept = subprocess.Popen(['sleep', '0'])",
        "",
    ),
    "a callback of the collector": (
        "import gc, os; gc.callbacks.append(lambda p, i, w=os.write: w(1, p.encode()[:0] + b''))\n"
        + QUIET_DEL
        + "kept = Own()",
        "",
    ),
    "warnings of unclosed files": (
        "import warnings; warnings.simplefilter('always'); kept = open('it', 'w')",
        "",
    ),
    "a buffer of C": (
        "import ctypes; libc = ctypes.CDLL(None); libc.fopen.restype = ctypes.c_void_p\n"
        "libc.fputs(b'by C', ctypes.c_void_p(libc.fopen(b'it', b'w')))",
        "",
    ),
    "exit code": ("import sys; sys.exit(3)", ""),
    "exit code above a byte": ("import sys; sys.exit(258)", ""),
    "exit code below zero": ("import sys; sys.exit(-1)", ""),
    "exit code of a truth": ("import sys; sys.exit(True)", ""),
    "exit code beyond a number of C": ("import sys; sys.exit(2**32 + 7)", ""),
    "exit text": ("import sys; sys.exit('said at the end')", ""),
    "exit with an object": ("import sys; sys.exit([1, 'two'])", ""),
    "hard exit": (f"{WRITERS['gzip']}\nimport os; os._exit(4)", ""),
    "exception": ("def deep():\n    raise ValueError('on purpose')\ndeep()", ""),
    "exception with a cause": (
        "try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError('x') from e",
        "",
    ),
    "syntax error": ("print(1)\ndef (:", ""),
    "exception shown by the script": (
        "import sys\ndef hook(kind, error, trace): print('hook', kind, "
        "sys.excepthook is hook, sys.last_value is error, "
        "trace.tb_frame.f_code.co_name, trace.tb_next)\nsys.excepthook = hook\n1 / 0",
        "",
    ),
    "exception seen by an exit function": (
        "import atexit, sys, traceback\natexit.register(lambda: "
        "print(repr(sys.last_value), '__file__' in globals()))\n1 / 0",
        "",
    ),
    "interrupt": (f"{WRITERS['gzip']}\nraise KeyboardInterrupt", ""),
    "a fork that ends": (
        "import os, sys; pid = os.fork(); pid and os.waitpid(pid, 0); print('both'); sys.exit(2)",
        "",
    ),
    "A4: a daemon thread that calls the script": (
        "import threading, time\ndef f(x): return x + ONE\nONE = 1\nstarted = threading.Event()\n"
        "def loop():\n    x = 0\n    while True:\n        x = f(x); started.set()\n"
        "for _ in range(3): threading.Thread(target=loop, daemon=True).start()\nstarted.wait()",
        "",
    ),
    "a daemon thread that calls a module beside": (
        "import threading, beside\nthreading.Thread(target=beside.loop, "
        "daemon=True).start()\nbeside.started.wait()",
        "import threading, math\nstarted = threading.Event()\ndef f(x): return math.sqrt(x)\n"
        "def loop():\n    while True:\n        f(2); started.set()\n",
    ),
    "a daemon thread and a destructor": (
        NOISY + "import threading, time\nstarted = threading.Event()\n"
        "def loop():\n    while True:\n        started.set(); time.sleep(0.001)\n"
        "threading.Thread(target=loop, daemon=True).start()\nstarted.wait(); kept = Own('1')",
        "",
    ),
    "a thread without an object": (
        "import _thread, time\nlock = _thread.allocate_lock(); lock.acquire()\n"
        "def loop():\n    lock.release()\n    while True: str(ONE)\nONE = 1\n"
        "_thread.start_new_thread(loop, ()); lock.acquire()",
        "",
    ),
}


# What pyarrow's objects, which the collector does not see, hold back.
HELD_BY_ARROW = {
    "a buffered stream": "w = pa.BufferedOutputStream(pa.OSFile('it', 'w'), 4096)",
    "a buffered stream over a file of Python": (
        "w = pa.BufferedOutputStream(pa.PythonFile(open('it', 'wb')), 4096)"
    ),
    "a compressed stream": "w = pa.CompressedOutputStream(pa.OSFile('it', 'w'), 'gzip')",
    "a buffer of another pool": (
        "w = pa.BufferedOutputStream(pa.OSFile('it', 'w'), 99, pa.system_memory_pool())"
    ),
    "a file of Python": "w = pa.PythonFile(open('it', 'wb'), 'w')",
    "a file": "w = pa.OSFile('it', 'w')",
    "a mapped file": "w = pa.create_memory_map('it', 27)",
}
OF_ARROW = {
    **{name: ending for name, ending in ENDINGS.items() if "pyarrow" in ending[0]},
    **{
        name: (f"import pyarrow as pa; {text}; w.write(b'all' * 9)", "")
        for name, text in HELD_BY_ARROW.items()
    },
    "a batch writer": (
        "import pyarrow as pa; t = pa.table({'x': [1, 2]}); "
        "w = pa.ipc.new_file(pa.BufferedOutputStream(pa.OSFile('it', 'w'), 4096), t.schema); "
        "w.write_table(t); del t",
        "",
    ),
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Return, for each name, the ends of a cold and a forked script, and their files."""
    return both_endings(ENDINGS, tmp_path_factory.mktemp("endings"))


@pytest.fixture(scope="module")
def ended_of_arrow(tmp_path_factory):
    """Return the same of scripts that use pyarrow, forked with pandas preloaded."""
    return both_endings(OF_ARROW, tmp_path_factory.mktemp("arrow"), "pandas")


def both_endings(endings, folder, preloaded=""):
    found, forked = {}, []
    for index, (name, (text, beside)) in enumerate(endings.items()):
        place = folder / str(index)
        for cwd in (place, place / "cold", place / "warm"):
            cwd.mkdir()
        (place / "script.py").write_text(text + "\n")
        (place / "beside.py").write_text(beside)
        cold = ended_cold(place / "script.py", place / "cold")
        found[name] = [cold, listing(place / "cold")]
        forked.append((place / "script.py", place / "warm"))
    warm = ended_forked(forked, folder / "notes", preloaded)
    for each, outcome, (_script, cwd) in zip(found.values(), warm, forked, strict=True):
        each += [outcome, listing(cwd)]
    return found


@pytest.mark.parametrize("name", ENDINGS)
def test_it_ends_the_same(ended, name):
    """A2, A3, A4: files are complete, destructors have globals, daemon threads are silent."""
    check_ending(*ended[name])


@pytest.mark.parametrize("name", OF_ARROW)
def test_it_ends_the_same_with_pandas_preloaded(ended_of_arrow, name):
    check_ending(*ended_of_arrow[name])


def check_ending(cold, cold_files, warm, warm_files):
    assert warm.returncode == cold.returncode
    assert masked(warm.stdout) == masked(cold.stdout)
    assert masked(warm.stderr) == masked(cold.stderr)
    assert warm_files == cold_files


# Scripts that leave nothing that must be finalized.
NOTHING_LEFT = {
    "nothing": "",
    "classes, data and cycles": (
        "import collections, dataclasses, enum, functools, json, re\n"
        "@dataclasses.dataclass\nclass Point:\n    x: list\n"
        "class Colour(enum.Enum):\n    RED = 1\n"
        "kept = [Point([i]) for i in range(999)]; kept.append(kept)\n"
        "class Table(dict): pass\nt = Table(collections.Counter('aab'), d=collections.deque([1]))"
    ),
    "files that were closed": (
        "import gzip, tempfile\nwith gzip.open('it', 'wt') as w: w.write('all')\n"
        "kept = open('it', 'rb'); other = open('it'); gone = open('it', 'a'); gone.close()\n"
        "t = tempfile.TemporaryFile(); t.close()"
    ),
    "a log, a pool of threads and a loop": (
        "import asyncio, concurrent.futures, logging\nlogging.basicConfig(filename='log')\n"
        "logging.warning('x')\npool = concurrent.futures.ThreadPoolExecutor(2)\n"
        "print(pool.submit(int, '3').result()); pool.shutdown()\n"
        "print(asyncio.run(asyncio.sleep(0, 1)))"
    ),
    "generators that have ended or not begun": (
        "def g():\n    yield 1\nended, fresh = g(), g()\nprint(list(ended))"
    ),
    "a command": "import subprocess; kept = subprocess.Popen(['true']); kept.wait()",
    "numpy": "import numpy; kept = numpy.random.default_rng(1).normal(size=9); print(kept.sum())",
    "sys.exit": "import sys; sys.exit(0)",
    "an exit code": "import sys; sys.exit(3)",
}


# The same, once pandas is preloaded: a fork that imports it has threads of a library for itself.
NOTHING_LEFT_WITH_PANDAS = {
    "pandas, which imports pyarrow": (
        "import pandas; print(pandas.DataFrame({'x': [1.5, 2]}).sum())"
    ),
    "pyarrow, with arrays that are gone": (
        "import pyarrow as pa; print(pa.table({'x': ['a', 'b']}).num_rows)"
    ),
    "an exit code": "import sys; sys.exit(3)",
}


@pytest.mark.parametrize("preloaded", ["", "numpy", "pandas"])
def test_a_fork_with_nothing_left_ends_at_once(preloaded, tmp_path):
    endings = NOTHING_LEFT_WITH_PANDAS if preloaded == "pandas" else NOTHING_LEFT
    scripts = []
    for index, text in enumerate(endings.values()):
        (tmp_path / str(index)).mkdir()
        script = tmp_path / f"script{index}.py"
        script.write_text(text)
        scripts.append((script, tmp_path / str(index)))
    ended = ended_forked(scripts, tmp_path / "notes", preloaded)
    assert {name: each.stderr for name, each in zip(endings, ended, strict=True)} == (
        dict.fromkeys(endings, "")
    )
    assert {name: each.reason for name, each in zip(endings, ended, strict=True)} == (
        dict.fromkeys(endings)
    )
    assert [each.returncode for each in ended] == [0] * (len(ended) - 1) + [3]


def test_what_is_preloaded_may_have_to_be_finalized_in_every_fork(tmp_path, monkeypatch):
    (tmp_path / "preloadable.py").write_text(
        "import os\nclass Own:\n    def __del__(self, write=os.write): write(1, b'gone')\n"
        "kept = Own()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    script = tmp_path / "script.py"
    script.write_text("import preloadable")
    (forked,) = ended_forked([(script, tmp_path)], tmp_path / "notes", "preloadable")
    assert forked.stdout == ended_cold(script, tmp_path).stdout == "gone"
    assert forked.reason == "no answer"


def test_a_script_that_hides_its_objects_from_the_collector_loses_nothing(tmp_path):
    """Python 3.13 itself does not finalize what `gc.freeze` has hidden; a fork does."""
    script = tmp_path / "script.py"
    script.write_text(f"import gc\n{WRITERS['text']}\ngc.freeze()")
    (forked,) = ended_forked([(script, tmp_path)], tmp_path / "notes")
    assert (forked.reason, forked.stderr) == ("no answer", "")
    assert (tmp_path / "it").read_text() == "all"
