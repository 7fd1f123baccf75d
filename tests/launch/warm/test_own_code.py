"""Changes by a flow's own code before it imports a preloaded module."""

from __future__ import annotations

import pytest

from nbrunner.launch.warm.own_code import change_before_import, own_sources

READ = {"OMP_NUM_THREADS", "LEVEL"}

CHANGING = {
    "import os\nos.environ['OMP_NUM_THREADS'] = '1'\n": "$OMP_NUM_THREADS (line 2)",
    "def step():\n    os.putenv('LEVEL', '1')\n": "$LEVEL (line 2)",
    "os.environ.update(LEVEL='1')\n": "$LEVEL (line 1)",
    "@environment(vars={'LEVEL': '1'})\ndef step(self): pass\n": "$LEVEL (line 1)",
    "os.environb[b'LEVEL'] = b'1'\n": "$LEVEL",
    "for name in names:\n    os.environ[name] = '1'\n": "computed names (line 2)",
    "from os import environ as e\nenviron[f'{lib}_THREADS'] = '1'\n": "computed names (line 2)",
    "os.environ.update(settings)\n": "computed names",
    "os.environ |= settings\n": "computed names",
    "os.environ.setdefault(name, '1')\n": "computed names",
    "os.putenv(name, '1')\n": "computed names",
    "del os.environ[name]\n": "computed names",
    "os.environ = {}\n": "computed names",
    "load_dotenv()\n": "computed names",
    "importlib.import_module(name)\n": "computed names",
    "import warnings\nwarnings.simplefilter('error')\n": "warnings filters (line 2)",
    "from warnings import filterwarnings\n": "warnings filters",
    "warnings.filters.clear()\n": "warnings filters",
}
UNCHANGING = [
    "import os\nos.environ['OTHER'] = '1'\nN = os.environ.get('HOME')\n",
    "os.environ.update({'OTHER': '1'})\nos.environ |= {'OTHER': '1'}\n",
    "data.update(more)\ndata.pop(name)\ndata[name] = 1\nimportlib.import_module('json')\n",
    "level = 'a sentence with LEVEL in it'\n",
    "this is no Python",
]


@pytest.mark.parametrize("text", CHANGING)
def test_what_may_change_a_preloaded_module(text):
    """A9: a variable set after the preload has no effect on the import."""
    reason = change_before_import([b"import json\n", text.encode()], READ.__contains__, True)
    assert CHANGING[text] in str(reason)


@pytest.mark.parametrize("text", UNCHANGING)
def test_what_changes_none(text):
    assert change_before_import([text.encode()], READ.__contains__, True) is None


def test_filters_matter_only_if_a_preloaded_module_has_set_some():
    text = b"warnings.simplefilter('error')\n"
    assert change_before_import([text], READ.__contains__, False) is None


def test_the_code_that_is_looked_through(tmp_path):
    def write(name, text):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    def find(name):
        return next(
            (each for each in (tmp_path / name, tmp_path / f"{name}.py") if each.exists()), None
        )

    flow = write("flow.py", "import a, json\nfrom package.part import x\n__import__('b')\n")
    write("a.py", "import c  # a\n")
    write("b.py", "'b'\n")
    write("c.py", "import a  # c\n")
    write("unused.py", "'unused'\n")
    write("package/__init__.py", "")
    write("package/part.py", "'part'\n")
    found = own_sources(flow, find)
    assert sorted(map(bytes.decode, found)) == sorted(
        [flow.read_text(), "import a  # c\n", "import c  # a\n", "'b'\n", "", "'part'\n"]
    )


def test_code_without_end_is_not_looked_through(tmp_path):
    (tmp_path / "flow.py").write_text("import big\n")
    (tmp_path / "big.py").write_bytes(b"#" * 5_000_000)
    assert own_sources(tmp_path / "flow.py", lambda name: tmp_path / f"{name}.py") is None
