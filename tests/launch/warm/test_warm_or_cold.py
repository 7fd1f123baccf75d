"""Runs start warm if that is exact, else cold, and report which."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.both_ways import both_ways, warmly
from support.flows import FLOWS
from support.other_metaflow import copy_of_metaflow, replace

from nbrunner import Runner
from nbrunner.launch.warm.launcher import LAUNCHER

pytestmark = [pytest.mark.slow, pytest.mark.once]

TELLING = """\
import os, sys
from metaflow import FlowSpec, environment, step

class TellingFlow(FlowSpec):

    @step
    def start(self):
        print(os.environ.get('OMP_NUM_THREADS'))
        self.next(self.middle)

    @environment(vars={'OMP_NUM_THREADS': '3', 'PYTHONPATH': os.environ['EXTRA']})
    @step
    def middle(self):
        import only_there
        print(only_there.WORD, os.environ['OMP_NUM_THREADS'], 'nbrunner' in sys.modules)
        self.next(self.end)

    @step
    def end(self):
        print(os.environ.get('OMP_NUM_THREADS'))

if __name__ == '__main__':
    TellingFlow()
"""


def test_a_task_whose_environment_differs_is_a_fresh_interpreter(write_flow, tmp_path, monkeypatch):
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "only_there.py").write_text("WORD = 'found'\n")
    monkeypatch.setenv("EXTRA", str(tmp_path / "extra"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cold, warm = both_ways(write_flow("tellingflow.py", TELLING), monkeypatch)
    assert "found 3 False\n" in warm.stdout
    assert warm.stdout == cold.stdout


def run(write_flow, **options):
    """Run a flow that does nothing and return its handle."""
    runner = Runner(write_flow("slowflow"), show_output=False, pylint=False, **options)
    return runner.run(seconds=0)


def way(running):
    content = json.loads((running.directory.path / "start.json").read_text())
    assert content.pop("supervisor")["pid"] > 1
    return content


def test_the_way_is_on_the_handle_and_in_the_record(write_flow, monkeypatch):
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    warm = run(write_flow)
    assert (warm.warm, warm.cold_reason) == (True, "")
    assert way(warm) == {"way": "warm", "why": ""}
    cold = run(write_flow, env={"PYTHONPATH": "."})
    assert (cold.status, cold.warm) == ("successful", False)
    assert "PYTHONPATH" in cold.cold_reason
    assert way(cold) == {"way": "cold", "why": cold.cold_reason}


@pytest.mark.parametrize("by", ["variable", "trait"])
def test_one_word_turns_warm_starts_off(by, write_flow, monkeypatch):
    monkeypatch.setenv("NBRUNNER_WARM", "0" if by == "variable" else "1")
    monkeypatch.setattr(LAUNCHER, "enabled", by == "variable")
    running = run(write_flow)
    assert (running.status, running.warm) == ("successful", False)
    turned_off = {"variable": "turned off by $NBRUNNER_WARM", "trait": "turned off by warm_starts"}
    assert running.cold_reason == turned_off[by]


@pytest.mark.parametrize(
    ("beside", "text"),
    [
        ("shlex.py", Path(shlex.__file__).read_text()),
        ("metaflow_extensions/acme/notes.txt", ""),
        (".metaflow/config.json", "{}"),
    ],
)
def test_what_is_beside_the_flow_makes_the_start_cold(
    beside, text, write_flow, tmp_path, monkeypatch
):
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    (tmp_path / beside).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / beside).write_text(text)
    running = run(write_flow, cwd=tmp_path)
    assert (running.status, running.warm) == ("successful", False)
    assert str(tmp_path) in running.cold_reason


def test_a_preloaded_module_is_loaded_anew_when_its_file_has_changed(
    write_flow, tmp_path, monkeypatch
):
    library = tmp_path / "library"
    library.mkdir()
    module = library / "colours.py"
    monkeypatch.setenv("PYTHONPATH", str(library))
    monkeypatch.setenv("NBRUNNER_PRELOAD", "colours")
    text = FLOWS["slowflow"].replace("default=3", "default=0")
    flow = write_flow("colourflow.py", text.replace("pass", "import colours; print(colours.NAME)"))
    for name in ("vermilion", "ultramarine"):
        module.write_text(f"NAME = {name!r}\n")
        assert name in warmly(flow, monkeypatch).stdout


@pytest.mark.parametrize("module", ["metaflow/metaflow_version.py", "metaflow/__init__.py"])
def test_an_installed_module_that_is_edited_in_its_place(module, write_flow, tmp_path, monkeypatch):
    """A9: a line for debugging in Metaflow itself, say; no folder of packages changes by it."""
    site = tmp_path / "site-packages"
    package = copy_of_metaflow(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    text = FLOWS["slowflow"].replace("default=3", "default=0")
    name = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    seen = f"import {name} as edited; print(getattr(edited, 'EDITED', None))"
    flow = write_flow("editedflow.py", text.replace("pass", seen))
    assert "None" in warmly(flow, monkeypatch).stdout
    replace(package, r"\Z", "\nEDITED = 'yes'\n", within=module.removeprefix("metaflow/"))
    assert "yes" in warmly(flow, monkeypatch).stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [("PYTHONWARNINGS", "default"), ("PYTHONDEVMODE", "1"), ("PYTHONWARNINGS", "ignore")],
)
def test_what_each_interpreter_prints_while_it_starts(name, value, write_flow, monkeypatch):
    """A10: the output of ``import metaflow`` would be missing in the log of a warm run."""
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    monkeypatch.setenv(name, value)
    importing = [sys.executable, "-c", "import metaflow.plugins.cards.card_cli"]
    printed = subprocess.run(importing, capture_output=True, check=True, text=True).stderr
    running = run(write_flow)
    assert running.warm == (not printed)
    if printed:
        assert printed.splitlines()[0] in running.cold_reason.replace("\\'", "'")


MOVING = """\
import os
from metaflow import FlowSpec, step
os.chdir(os.environ['ELSEWHERE'])

class MovingFlow(FlowSpec):

    @step
    def start(self):
        from metaflow.metaflow_config import SERVICE_RETRY_COUNT
        self.count = int(SERVICE_RETRY_COUNT)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    MovingFlow()
"""


@pytest.mark.parametrize("config", ['{"METAFLOW_SERVICE_RETRY_COUNT": 9}', None])
def test_a_flow_that_goes_where_another_configuration_holds(
    config, write_flow, tmp_path, monkeypatch
):
    """A10: its tasks are fresh interpreters, which read the other configuration."""
    folder = tmp_path / "elsewhere" / ".metaflow"
    folder.mkdir(parents=True)
    if config:
        (folder / "config.json").write_text(config)
    monkeypatch.setenv("ELSEWHERE", str(folder.parent))
    cold, warm = both_ways(write_flow("movingflow.py", MOVING), monkeypatch)
    assert warm.running.run["start"].task.data.count == cold.running.run["start"].task.data.count
    assert (warm.running.run["start"].task.data.count == 9) == bool(config)
    assert bool(warm.running.task_starts.cold) == bool(config)
