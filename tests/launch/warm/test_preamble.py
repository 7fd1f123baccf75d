"""The statements of a flow file before its import of metaflow decide if it can be forked."""

from __future__ import annotations

import json

import pytest
from support.both_ways import both_ways
from support.scripts import run_script

from nbrunner import Runner
from nbrunner.launch.warm.preamble import preamble

IMPORT = "from metaflow import FlowSpec, step\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "'What it is.'\nfrom __future__ import annotations\nimport os, sys\n",
        "import numpy as np\nN = 3\nNAMES: list = ['a', 'b']\n",
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass A:\n    n: int = 3\n",
        "import enum\nclass B(enum.Enum):\n    A = 1\n",
        "def helper(a, b=2, *, c=None):\n    import anything\n    return call()\n",
        "import typing\nif typing.TYPE_CHECKING:\n    import numpy\n",
        "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n",
        "__import__('sys').path[1:1] = ['/a', '/b']\n",
        "try:\n    import numpy, metaflow\nexcept ImportError:\n    raise\n",
        "try:\n    from metaflow import S3\nexcept ImportError:\n    S3 = print()\n",
        "import sys\nif sys.flags.debug:\n    import metaflow\nelse:\n    import metaflow\n",
        "import typing\nif typing.TYPE_CHECKING:\n    from metaflow import Run\n",
        "import metaflow\nimport os\nos.environ['A'] = '1'\n",
        "__import__('sys').path[1:1] = ['/a']; __import__('metaflow')\nimport a\na.b()\n",
        "this is no Python",
    ],
)
def test_what_cannot_change_the_import_of_metaflow(text):
    """A9: imports of installed modules, literals and definitions are harmless."""
    assert preamble((text + IMPORT).encode(), {"numpy"}.__contains__).reason is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import os\nos.environ['METAFLOW_DEFAULT_DATASTORE'] = 's3'\n", 2),
        ("import os\nos.environ.setdefault('A', 'b')\n", 2),
        ("import warnings\nwarnings.simplefilter('error')\n", 2),
        ("import sys\nsys.path.insert(0, 'lib')\n", 2),
        ("import settings\n", 1),
        ("from .settings import A\n", 1),
        ("from dotenv import load_dotenv\nload_dotenv()\n", 1),
        ("import os\nN = os.nice(3)\n", 2),
        ("import os\nif os.getenv('A'):\n    pass\n", 2),
        ("import numpy\n@numpy.vectorize\ndef f(): pass\n", 3),
        ("import os\ndef f(a=os.nice(1)): pass\n", 2),
        ("import os\nclass A:\n    os.umask(0)\n", 2),
        ("for i in range(3): pass\n", 1),
        ("with open('a'): pass\n", 1),
        ("import sys\nsys.modules['yaml'] = None\n", 2),
        # A block with an import of metaflow, which may come too late or never.
        ("import os\nif True:\n    os.umask(0)\n    import metaflow\n", 3),
        ("import os\ntry:\n    os.umask(0)\n    import metaflow\nfinally:\n    pass\n", 3),
        ("import os\nif False:\n    import metaflow\nos.umask(0)\n", 4),
        ("import os\nif True:\n    def f():\n        import metaflow\nos.umask(0)\n", 5),
        ("import os\nif os.umask(0):\n    import metaflow\n", 2),
        ("import os\nwith os.scandir():\n    import metaflow\n", 2),
        ("import os\nfor i in os.listdir():\n    import metaflow\n", 2),
        ("try:\n    import numpy\n    import metaflow\nexcept ImportError:\n    print()\n", 5),
        ("import settings, metaflow\n", 1),
    ],
)
def test_what_may_change_the_import_of_metaflow(text, line):
    """A9: any other statement is named by its line, and the run is started cold."""
    found = preamble((text + IMPORT).encode(), {"numpy"}.__contains__)
    assert found.line == line
    assert f"line {line} of the flow file" in found.reason


def test_the_modules_above_metaflow_are_judged_by_their_full_names():
    """A9: that a package is known says nothing about each of its submodules."""
    text = "import a.b, os.path\nfrom a.c import d\nfrom a import e\n" + IMPORT
    asked: list[str] = []

    def is_harmless(name: str) -> bool:
        asked.append(name)
        return True

    found = preamble(text.encode(), is_harmless)
    assert asked == ["a.b", "a.c", "a"]
    assert (found.others, found.of_python, found.line) == ({"a"}, {"os"}, None)


def test_the_folders_of_a_generated_file():
    path = "__import__('sys').path"
    text = f"{path}[1:1] = ['/a', '/b']; {path} += ['/c']\n" + IMPORT
    found = preamble(text.encode(), bool)
    assert (found.folders, found.reason) == (("/a", "/b", "/c"), None)


FLOW = """\
{above}
from metaflow import FlowSpec, step
{below}
class AboveFlow(FlowSpec):

    @step
    def start(self):
        import os, resource
        self.seen = {seen}
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    AboveFlow()
"""


def flow(write_flow, above="", below="", seen="None"):
    return write_flow("aboveflow.py", FLOW.format(above=above, below=below, seen=seen))


@pytest.mark.slow
@pytest.mark.once
def test_a_datastore_that_is_chosen_above_the_import(write_flow, monkeypatch, tmp_path):
    """A9: a METAFLOW_ variable that the flow file sets above the import takes effect."""
    elsewhere = tmp_path / "elsewhere"
    above = f"import os\nos.environ['METAFLOW_DATASTORE_SYSROOT_LOCAL'] = {str(elsewhere)!r}"
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    running = Runner(flow(write_flow, above), show_output=False, pylint=False).run()
    assert (running.status, running.warm) == ("successful", False)
    assert "line 2 of the flow file" in running.cold_reason
    assert (elsewhere / ".metaflow" / "AboveFlow").is_dir()


SITE = {
    "chosen.py": "import os\nos.environ['METAFLOW_DATASTORE_SYSROOT_LOCAL'] = {elsewhere!r}\n",
    "package/__init__.py": "import chosen\n",
    "patched.py": "import os\nfrom metaflow import metaflow_config\nimport json\n"
    "json.loads, was = lambda *args, **options: was(*args, **options), json.loads\n",
}


@pytest.fixture
def site(monkeypatch, tmp_path):
    """Return a folder with installed packages that change what Metaflow reads."""
    folder = tmp_path / "site-packages"
    for name, text in SITE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.format(elsewhere=str(tmp_path / "elsewhere")))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    return folder


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("above", ["import chosen", "from package import chosen as c"])
def test_a_datastore_that_an_installed_module_chooses(write_flow, site, tmp_path, above):
    """A9: an installed module above the import of metaflow may set what that reads."""
    running = Runner(flow(write_flow, above), show_output=False, pylint=False).run()
    assert (running.status, running.warm) == ("successful", False)
    assert "line 1 of the flow file" in running.cold_reason
    assert (tmp_path / "elsewhere" / ".metaflow" / "AboveFlow").is_dir()


@pytest.mark.slow
@pytest.mark.once
def test_a_module_of_the_users_that_has_the_name_of_a_harmless_one(write_flow, site, tmp_path):
    """A9: what is next to the flow comes first."""
    (tmp_path / "networkx.py").write_text("import chosen\n")
    running = Runner(flow(write_flow, "import networkx"), show_output=False, pylint=False).run()
    assert not running.warm
    assert "networkx.py shadows a module" in running.cold_reason
    assert (tmp_path / "elsewhere" / ".metaflow" / "AboveFlow").is_dir()


OBSERVING = """
import importlib.util, json, sys
from nbrunner.launch.warm.eligibility import HARMLESS_ABOVE_METAFLOW, IMPORTED
from nbrunner.launch.warm.preload import leaves_alone, preload
from nbrunner.launch.warm.probe.import_probe import observe
preload([], IMPORTED, lambda: None)
there = [each for each in sorted(HARMLESS_ABOVE_METAFLOW) if importlib.util.find_spec(each)]
print(json.dumps([there, leaves_alone(observe(there), IMPORTED)]))
for name in sys.argv[1:]:
    print(json.dumps(leaves_alone(observe([name]), IMPORTED)))
"""


@pytest.mark.slow
@pytest.mark.once
def test_modules_that_are_known_to_change_nothing(site, tmp_path):
    """A9: the import of each changes nothing for that of metaflow."""
    lines = run_script(tmp_path, OBSERVING, "chosen", "package", "patched")
    (names, are_harmless), *others = map(json.loads, lines)
    assert len(names) > 10
    assert are_harmless
    assert others == [False] * 3


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize(
    ("below", "seen"),
    [
        ("import os; os.nice(3)", "os.nice(0)"),
        (
            "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (500, 4000))",
            "resource.getrlimit(resource.RLIMIT_NOFILE)",
        ),
        ("import os; os.umask(0o027)", "os.umask(0o027)"),
    ],
    ids=["priority", "limit", "umask"],
)
def test_what_a_task_inherits_from_the_run(write_flow, monkeypatch, below, seen):
    """A9: tasks inherit priority, limits and umask that the flow file changes."""
    cold, warm = both_ways(flow(write_flow, below=below, seen=seen), monkeypatch)
    assert warm.running.warm
    assert cold.running.run["start"].task.data.seen == warm.running.run["start"].task.data.seen
    (reason,) = warm.running.task_starts.cold
    assert reason.endswith("differs")


@pytest.mark.slow
@pytest.mark.once
def test_a_module_that_metaflow_looks_for_in_vain(write_flow, monkeypatch, tmp_path):
    """A9: a module next to the flow would be imported by metaflow in a fresh interpreter."""
    (tmp_path / "socks.py").write_text("print('ours is imported')\n")
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    running = Runner(flow(write_flow), show_output=False, pylint=False).run()
    assert not running.warm
    assert "socks.py shadows a module that metaflow imports" in running.cold_reason


@pytest.mark.slow
@pytest.mark.once
def test_a_customization_that_differs_in_each_process(write_flow, monkeypatch, tmp_path):
    """A5: a variable that each interpreter sets to a new value makes starts cold."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import os, time\nos.environ['PROC_TOKEN'] = str(time.time_ns())\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    running = Runner(flow(write_flow), show_output=False, pylint=False).run()
    assert (running.status, running.warm) == ("successful", False)
    assert "sets $PROC_TOKEN to a new value" in running.cold_reason


@pytest.mark.slow
@pytest.mark.once
def test_a_flow_of_cells_is_forked_whatever_it_takes_along(tmp_path, monkeypatch):
    """A9: its file imports metaflow first, as the notebook did."""
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    lines = run_script(
        tmp_path,
        """
        from functools import partial
        from metaflow import FlowSpec, step
        from nbrunner import Runner

        twice = (lambda by: (lambda value: value * by))(2)

        class CellFlow(FlowSpec):
            @step
            def start(self):
                self.seen = twice(21)
                self.next(self.end)
            @step
            def end(self):
                pass

        if __name__ == "__main__":
            running = Runner(CellFlow, show_output=False, pylint=False).run()
            print(running.warm, running.cold_reason, running.run["start"].task.data.seen)
        """,
    )
    assert lines == ["True  42"]
