"""The imports at the top of a flow file are executed once, without other visible effects."""

from __future__ import annotations

import ast
import json

import pytest
from support.both_ways import both_ways, warmly
from support.scripts import run_script
from support.waiting import until

from nbrunner import Runner
from nbrunner.launch.warm.launcher import LAUNCHER, WARM_VARIABLE
from nbrunner.launch.warm.learned import installed_at, top_of

METAFLOW = "from metaflow import FlowSpec, step\n"

TOPS = {
    "import numpy\n": ["numpy"],
    "import numpy as np, pandas as pd\nimport sklearn.svm\n": ["numpy", "pandas", "sklearn.svm"],
    "from sklearn import svm, __version__\n": ["sklearn:svm,__version__"],
    "from sklearn.svm import SVC as S\nfrom sklearn import *\n": ["sklearn.svm:SVC", "sklearn:*"],
    "'What it is.'\nfrom __future__ import annotations\nN = 3\nimport numpy\n": ["numpy"],
    "import os, sys\nfrom dataclasses import dataclass\nimport numpy\n": ["numpy"],
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\nimport numpy\n": [
        "numpy"
    ],
    "def helper(a=1):\n    import pandas\nimport numpy\n": ["numpy"],
    "__import__('sys').path[1:1] = ['/a']; __import__('metaflow')\nimport numpy\n": ["numpy"],
    # Up to the first statement that may change the result of the next import.
    "import numpy\nimport os\nos.environ['A'] = '1'\nimport pandas\n": ["numpy"],
    "import numpy\nimport mine\nimport pandas\n": ["numpy"],
    "import metaflow, mine\nimport pandas\n": [],
    "import mine, pandas\n": [],
    "from . import mine\nimport pandas\n": [],
    "import warnings\nwarnings.simplefilter('error')\nimport pandas\n": [],
    "import sys\nsys.path.insert(0, 'lib')\nimport pandas\n": [],
    "try:\n    import numpy\nexcept ImportError:\n    numpy = None\nimport pandas\n": [],
    "import os\nif os.environ.get('A'):\n    import numpy\nimport pandas\n": [],
    "class F(FlowSpec):\n    pass\nimport pandas\n": [],
    "import atexit\n@atexit.register\ndef f(): pass\nimport pandas\n": [],
    "import sys\n@sys.addaudithook\ndef f(): pass\nimport pandas\n": [],
    "import os\ndef f(a: os.nice(1)): pass\nimport pandas\n": [],
    "import os\ndef f() -> (n := 1): pass\nimport pandas\n": [],
    "import os\na: os.nice(1)\nimport pandas\n": [],
    "from functools import cache\nfrom numpy import cache\n@cache\ndef f(): pass\n"
    "import pandas\n": ["numpy:cache"],
    "from functools import cache\nfrom numpy import *\n@cache\ndef f(): pass\nimport pandas\n": [
        "numpy:*"
    ],
    "this is no Python": [],
}


@pytest.mark.parametrize("text", TOPS)
def test_what_counts_as_imported_at_the_top(text):
    def find(name):
        return [] if name == "mine" else installed_at(name)

    for source in (METAFLOW + text, text):
        if "__future__" in text and source != text:
            continue
        assert list(top_of(source.encode(), find).imports) == TOPS[text]


def test_which_modules_are_installed():
    assert installed_at("numpy") and installed_at("psutil")
    for name in ("metaflow", "json", "sys", "no_such_module", "conftest"):
        assert not installed_at(name)


PACKAGES = {
    "att/__init__.py": "from att.other import name",
    "att/other.py": "def name(): pass",
    "att/name.py": "",
    "att/below.py": "",
    "lazy/__init__.py": "def __getattr__(name):\n    import lazy.hidden\n    return lazy.hidden",
    "lazy/hidden.py": "",
    "star/__init__.py": "__all__ = ['sub']",
    "star/sub.py": "",
    "early.py": "import os\nfound = os.environ.get('NEW_X')",
    "late.py": "import os\nos.environ['NEW_X'] = '1'",
    "default.py": "import os\nos.environ.setdefault('NEW_Y', '1')",
}
LEARNING = """
import json, os, sys
from nbrunner.launch import metaflow_seam
from nbrunner.launch.warm.eligibility import Imported
from nbrunner.launch.warm.learned import modules_of
from nbrunner.launch.warm.preload import preload
metaflow_seam.PRELOADED = ("colorsys",)
sys.path.insert(0, sys.argv[1])
for imports in json.loads(sys.argv[2]):
    if os.fork() == 0:
        imported = Imported()
        preload([], imported, lambda: None, imports)
        names = [name for name in sys.modules if name.partition(".")[0] + ".py" in sys.argv[3]]
        print(json.dumps([sorted(names), modules_of(imported.learned), imported.not_preloaded]))
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""
LEARNED = {
    ("att:name",): ["att", "att.other"],  # the function: no submodule is imported
    ("att:below,name",): ["att", "att.below", "att.other"],
    ("att.name",): ["att", "att.name", "att.other"],
    ("lazy",): ["lazy"],
    ("lazy:anything",): ["lazy", "lazy.hidden"],
    ("star:*",): ["star", "star.sub"],
    ("early", "default"): ["default", "early"],
    ("late", "early"): ["early", "late"],
    ("early", "late"): ["early"],  # in a task, "early" finds the variable that "late" sets
}


def test_imports_are_done_as_the_flow_does_them(tmp_path):
    """A9: exactly the modules that the flow's own statement imports."""
    site = tmp_path / "site-packages"
    for name, text in PACKAGES.items():
        (site / name).parent.mkdir(exist_ok=True, parents=True)
        (site / name).write_text(text)
    tops = " ".join({f"{name.split('/')[0].removesuffix('.py')}.py" for name in PACKAGES})
    answers = run_script(tmp_path, LEARNING, str(site), json.dumps(list(LEARNED)), tops)
    for (imports, loaded), answer in zip(LEARNED.items(), answers, strict=True):
        names, told, refused = json.loads(answer)
        assert names == loaded, imports
        assert set(told) <= set(loaded)
        assert refused == ({"late": LATE} if imports == ("early", "late") else {})


ABOVE = """
import json, os, sys
from nbrunner.launch import metaflow_seam
from nbrunner.launch.warm.eligibility import Imported
from nbrunner.launch.warm.preload import preload
sys.path.insert(0, sys.argv[1])
metaflow_seam.PRELOADED = ("early",)
for imports in json.loads(sys.argv[2]):
    if os.fork() == 0:
        imported = Imported()
        preload([], imported, lambda: None, imports)
        print([imported.learned, sorted(imported.left_alone | imported.replacing)])
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


def test_what_modules_above_metaflow_change_is_found_out(tmp_path):
    """A9: also of those that cannot be shared; those that replace functions are noted."""
    site = tmp_path / "site-packages"
    texts = {
        "early": PACKAGES["early.py"],
        "late": PACKAGES["late.py"],
        "drawing": "import time\nnow = time.time()",
        "printing": "print('hello')",
        "patching": "import json\njson.dumps = lambda *args: ''",
        "moving": "import sys\nsys.path.insert(0, '/elsewhere')",
    }
    site.mkdir()
    for name, text in texts.items():
        (site / f"{name}.py").write_text(text)
    expected = {
        ("drawing", "printing"): [[], ["drawing", "printing"]],
        ("drawing", "late"): [[], []],
        ("late",): [[], []],
        ("moving",): [[], []],
        ("patching",): [["patching"], ["patching"]],
        ("drawing", "patching"): [[], []],
    }
    answers = run_script(tmp_path, ABOVE, str(site), json.dumps(list(expected)))
    assert list(map(ast.literal_eval, answers)) == list(expected.values())


LATE = "it sets $NEW_X, which an earlier import reads"


# -- in runs -------------------------------------------------------------------------------

FLOW = """\
{imports}

class LearningFlow(FlowSpec):

    @step
    def start(self):
        self.facts = {expression}
        self.next(self.end)

    @step
    def end(self):
        self.facts = self.facts, {expression}

if __name__ == '__main__':
    LearningFlow()
"""


def of_flows():
    return [each for each in LAUNCHER._zygotes if each.imports_of_flow]


def learned(flow, monkeypatch):
    """Run a flow once, and wait until the interpreter for its imports is ready."""
    monkeypatch.setenv(WARM_VARIABLE, "1")
    running = run(flow)
    assert running.warm and running.preloaded == {}
    until(lambda: any(each.is_ready() for each in of_flows()), "the interpreter for the flow")


def run(flow):
    running = Runner(flow, pylint=False, show_output=False, env={WARM_VARIABLE: "hidden"}).run()
    assert running.status == "successful", running.stderr
    return running


SAME = {
    "pandas": (
        "import pandas as pd\n" + METAFLOW,
        "repr(pd.DataFrame({'a': [1, 2]}).describe())",
        ["pandas"],
    ),
    "filters after both imports": (
        METAFLOW + "import numpy\nimport warnings\nwarnings.simplefilter('error', UserWarning)",
        "[str(each) for each in __import__('warnings').filters]",
        ["numpy"],
    ),
    "variables that an import sets": (
        METAFLOW + "import sklearn.svm, os",
        "sorted(name for name in os.environ if name.startswith(('KMP', 'OMP', 'OPENBLAS')))",
        ["sklearn.svm"],
    ),
    "modules": (
        METAFLOW + "import psutil, sys",
        "[name in sys.modules for name in ('psutil', 'numpy', 'pandas', 'scipy')]",
        ["psutil"],
    ),
    "a setting between two imports": (
        METAFLOW + "import psutil, os\nos.environ['OPENBLAS_NUM_THREADS'] = '1'\n"
        "import numpy, threadpoolctl",
        "[each['num_threads'] for each in threadpoolctl.threadpool_info()]",
        ["psutil"],
    ),
}


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("case", SAME)
def test_a_flow_comes_to_the_same_with_its_imports_learned(case, write_flow, monkeypatch):
    """A9: the result is the same cold, and warm with the flow's imports executed once."""
    imports, expression, modules = SAME[case]
    flow = write_flow("learningflow.py", FLOW.format(imports=imports, expression=expression))
    learned(flow, monkeypatch)
    cold, warm = both_ways(flow, monkeypatch)
    assert warm.running.run.data.facts == cold.running.run.data.facts
    assert warm.running.preloaded == dict.fromkeys(modules, "imported by the flow")
    assert (warm.running.not_preloaded, cold.running.preloaded) == ({}, {})


@pytest.mark.slow
@pytest.mark.once
def test_what_is_learned_for_one_flow_is_not_in_another(write_flow, monkeypatch):
    flow = write_flow(
        "learningflow.py", FLOW.format(imports=METAFLOW + "import psutil", expression="0")
    )
    other = write_flow(
        "otherflow.py",
        FLOW.replace("LearningFlow", "OtherFlow").format(
            imports=METAFLOW + "import sys", expression="'psutil' in sys.modules"
        ),
    )
    learned(flow, monkeypatch)
    assert run(flow).preloaded == {"psutil": "imported by the flow"}
    warm = warmly(other, monkeypatch)
    assert warm.running.run.data.facts == (False, False)
    assert warm.running.preloaded == {}


@pytest.mark.slow
@pytest.mark.once
def test_a_module_that_is_refused_ends_what_is_learned(write_flow, monkeypatch):
    """A1: it may set what the next module reads, so that one is not shared either."""
    imports = METAFLOW + "import psutil, sympy, numpy"
    flow = write_flow("learningflow.py", FLOW.format(imports=imports, expression="0"))
    learned(flow, monkeypatch)
    running = run(flow)
    assert list(running.preloaded) == ["psutil"]
    assert "random.Random()" in running.not_preloaded["sympy"]
    assert running.not_preloaded["numpy"] == (
        "the flow imports it after sympy, which is not preloaded"
    )


@pytest.mark.slow
@pytest.mark.once
def test_one_line_turns_it_off(write_flow, monkeypatch):
    flow = write_flow(
        "learningflow.py", FLOW.format(imports=METAFLOW + "import psutil", expression="0")
    )
    monkeypatch.setenv(WARM_VARIABLE, "1")
    monkeypatch.setenv("NBRUNNER_LEARN", "0")
    assert run(flow).warm and not of_flows()
    monkeypatch.delenv("NBRUNNER_LEARN")
    monkeypatch.setattr(LAUNCHER, "learn_imports", False)
    assert run(flow).warm and not of_flows()


@pytest.mark.slow
@pytest.mark.once
def test_what_takes_more_memory_than_allowed_is_not_kept(write_flow, monkeypatch):
    flow = write_flow(
        "learningflow.py", FLOW.format(imports=METAFLOW + "import psutil", expression="0")
    )
    learned(flow, monkeypatch)
    monkeypatch.setattr(LAUNCHER, "learned_bytes", 1_000_000)
    assert run(flow).preloaded  # and then it is ended
    assert not of_flows()
    assert run(flow).warm and not of_flows()  # nor started again
