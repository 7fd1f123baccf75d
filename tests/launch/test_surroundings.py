"""When a run may be started warm: the rules, one by one."""

from __future__ import annotations

import json

import pytest
from support.both_ways import outcome

from nbrunner import Runner
from nbrunner.launch.surroundings import (
    difference,
    mattering_variables,
    never_warm,
    surroundings,
    task_difference,
)
from nbrunner.launch.warm import LAUNCHER

BASE = {"PATH": "/bin", "HOME": "/home/me", "LANG": "C.UTF-8", "METAFLOW_PROFILE": "dev"}


@pytest.mark.parametrize(
    "name",
    [
        "PYTHONPATH",
        "PYTHONHASHSEED",
        "PYTHONOPTIMIZE",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONWARNINGS",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "METAFLOW_DATASTORE_SYSROOT_S3",
        "METAFLOW_DEFAULT_METADATA",
        "METAFLOW_HOME",
        "METAFLOW_PROFILE",
        "MALLOC_ARENA_MAX",
        "LC_ALL",
        "LANG",
        "LANGUAGE",
        "TZ",
        "HOME",
        "OPENSSL_CONF",
        "GLIBC_TUNABLES",
        "CONDA_PREFIX",
        "GIT_DIR",
    ],
)
@pytest.mark.parametrize("change", ["set", "unset"])
def test_a_variable_that_matters_makes_another_interpreter(name, change):
    now = BASE | {name: "/other"}
    before = {key: value for key, value in BASE.items() if key != name}
    then, now = (before, now) if change == "set" else (now, before)
    assert difference(surroundings(then), surroundings(now)) == f"${name} differs"


@pytest.mark.parametrize(
    "name", ["PATH", "USER", "MY_OWN", "AWS_PROFILE", "OMP_NUM_THREADS", "JPY_PARENT_PID"]
)
def test_a_variable_that_is_read_later_does_not(name):
    assert difference(surroundings(BASE), surroundings(BASE | {name: "other"})) is None


def test_a_variable_of_a_library_matters_if_it_is_preloaded():
    preloading = BASE | {"NBRUNNER_PRELOAD": "numpy"}
    assert "OMP_NUM_THREADS" in mattering_variables(preloading | {"OMP_NUM_THREADS": "1"})
    assert (
        difference(surroundings(preloading), surroundings(preloading | {"OMP_NUM_THREADS": "1"}))
        == "$OMP_NUM_THREADS differs"
    )
    assert difference(surroundings(BASE), surroundings(preloading)) == "preload differs"


def test_several_differences_are_all_named():
    now = surroundings(BASE | {"LC_ALL": "C", "TZ": "UTC"})
    assert difference(surroundings(BASE), now) == "$LC_ALL, $TZ differ"


def test_a_package_installed_meanwhile_makes_another_interpreter(tmp_path):
    environment = BASE | {"PYTHONPATH": str(tmp_path)}
    then = surroundings(environment)
    (tmp_path / "new_package.py").touch()
    assert difference(then, surroundings(environment)) == "installed packages differs"


@pytest.mark.parametrize(
    ("variables", "file"),
    [
        ({"METAFLOW_HOME": "{home}"}, "config.json"),
        ({"METAFLOW_HOME": "{home}", "METAFLOW_PROFILE": "prod"}, "config_prod.json"),
    ],
)
def test_another_metaflow_configuration_makes_another_interpreter(variables, file, tmp_path):
    environment = BASE | {key: value.format(home=tmp_path) for key, value in variables.items()}
    then = surroundings(environment)
    (tmp_path / file).write_text("{}")
    assert difference(then, surroundings(environment)) == "metaflow config differs"
    (tmp_path / "config_other.json").write_text("{}")
    assert difference(then, surroundings(environment)) == "metaflow config differs"


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, None),
        ({"PYTHONPATH": "/a:/b"}, None),
        ({"PYTHONPATH": "a:/b"}, "PYTHONPATH holds a relative path"),
        ({"PYTHONPATH": "/a:"}, "PYTHONPATH holds a relative path"),
        ({"PYTHONINSPECT": "1"}, "PYTHONINSPECT asks for a prompt"),
    ],
)
def test_what_no_warm_interpreter_can_do(variables, reason):
    found = never_warm(BASE | variables)
    assert found is None if reason is None else found.startswith(reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        # Metaflow's runtime sets these for every task.
        ({"METAFLOW_RUN_ID": "1", "PYTHONUNBUFFERED": "x"}, None),
        ({"METAFLOW_RUNTIME_ENVIRONMENT": "local"}, None),
        ({"MY_OWN": "1", "AWS_PROFILE": "x"}, None),
        # @environment(vars=...) may set anything; @conda and @pypi set the path.
        ({"PYTHONPATH": "/env"}, "$PYTHONPATH differs"),
        ({"LD_LIBRARY_PATH": "/env/lib"}, "$LD_LIBRARY_PATH differs"),
        ({"METAFLOW_DEFAULT_DATASTORE": "s3"}, "$METAFLOW_DEFAULT_DATASTORE differs"),
        ({"OMP_NUM_THREADS": "1"}, "$OMP_NUM_THREADS differs"),
        ({"TZ": "UTC"}, "$TZ differs"),
    ],
)
def test_which_tasks_are_forked(changes, reason):
    assert task_difference(BASE, BASE | changes) == reason


# -- end to end ----------------------------------------------------------------------------

TELLING = """\
import os, sys
from metaflow import FlowSpec, environment, step

class TellingFlow(FlowSpec):

    @step
    def start(self):
        self.first = os.environ.get('OMP_NUM_THREADS')
        self.next(self.middle)

    @environment(vars={'OMP_NUM_THREADS': '3', 'PYTHONPATH': os.environ['EXTRA']})
    @step
    def middle(self):
        import only_there
        self.word = only_there.WORD, os.environ['OMP_NUM_THREADS']
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    TellingFlow()
"""


def test_a_task_whose_environment_differs_is_a_fresh_interpreter(write_flow, tmp_path, monkeypatch):
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "only_there.py").write_text("WORD = 'found'\n")
    monkeypatch.setenv("EXTRA", str(tmp_path / "extra"))
    ended = outcome(write_flow("tellingflow.py", TELLING), monkeypatch, warm=True)
    assert ended.status == "successful", ended.stdout
    assert ended.running.run.data.word == ("found", "3")


def way(running):
    return json.loads((running.directory.path / "start.json").read_text())


def test_the_way_is_on_the_handle_and_in_the_record(write_flow, monkeypatch):
    flow = write_flow("slowflow")
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    warm = Runner(flow, show_output=False, pylint=False).run(seconds=0)
    assert (warm.warm, warm.cold_reason) == (True, "")
    assert way(warm) == {"way": "warm", "why": ""}
    relative = Runner(flow, show_output=False, pylint=False, env={"PYTHONPATH": "."})
    cold = relative.run(seconds=0)
    assert (cold.status, cold.warm) == ("successful", False)
    assert "PYTHONPATH" in cold.cold_reason
    assert way(cold) == {"way": "cold", "why": cold.cold_reason}


def test_the_variable_turns_warm_starts_off(write_flow, monkeypatch):
    monkeypatch.setenv("NBRUNNER_WARM", "0")
    running = Runner(write_flow("slowflow"), show_output=False, pylint=False).run(seconds=0)
    assert not running.warm
    assert running.cold_reason == "turned off by $NBRUNNER_WARM"


def test_the_trait_turns_warm_starts_off(write_flow, monkeypatch):
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    monkeypatch.setattr(LAUNCHER, "enabled", False)
    running = Runner(write_flow("slowflow"), show_output=False, pylint=False).run(seconds=0)
    assert not running.warm
    assert running.cold_reason == "turned off by warm_starts"


@pytest.mark.parametrize("beside", ["click.py", "json.py", "metaflow_extensions/__init__.py"])
def test_a_module_beside_the_flow_that_metaflow_would_import_makes_the_start_cold(
    beside, write_flow, tmp_path, monkeypatch
):
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    (tmp_path / beside).parent.mkdir(exist_ok=True)
    text = "from _json_real import *\n" if beside == "json.py" else ""
    (tmp_path / beside).write_text(text)
    runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
    if beside == "json.py":  # as `python flow.py` does: it imports that one
        with pytest.raises(Exception, match="_json_real"):
            runner.run(seconds=0)
        return
    running = runner.run(seconds=0)
    assert not running.warm
    assert str(tmp_path) in running.cold_reason
