"""Versions of Metaflow: messages about them, the oldest, the newest, and later ones."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.both_ways import both_ways
from support.other_metaflow import copy_of_metaflow, rename

import nbrunner
from nbrunner import MetaflowVersionError, Runner, doctor
from nbrunner.engine import log_format, metaflow_versions

pytestmark = pytest.mark.once

ROOT = Path(nbrunner.__file__).parents[1]


@pytest.mark.parametrize(
    ("version", "side"),
    [
        ("2.18.13", "older"),
        ("2.19", "older"),
        ("2.19.9", "older"),
        ("2.19.10", ""),
        ("2.19.39", ""),
        ("2.19.39.post1+gitabc", ""),
        ("2.19.40", "newer"),
        ("2.20.0rc1", "newer"),
        ("3", "newer"),
        ("", "older"),
    ],
)
def test_a_version_is_older_or_newer_than_those_tested(version, side):
    """F1: the range has a lower and an upper end."""
    assert metaflow_versions.side(version) == side


def test_all_that_names_the_range_names_the_same():
    """F1: the package metadata, the README and the code name the same versions."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert f"metaflow>={metaflow_versions.OLDEST}" in content["project"]["dependencies"]
    row = f"| Metaflow | {metaflow_versions.OLDEST}, {metaflow_versions.NEWEST} |"
    assert row in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("version", "said", "remedy"),
    [
        ("2.19.9", "2.19.9", "nbrunner needs Metaflow 2.19.10 or newer"),
        ("2.19.20", "2.19.20", ""),
        ("2.20.0", "2.20.0; nbrunner is tested with 2.19.10 to 2.19.39", ""),
    ],
)
def test_the_doctor_tells_of_a_metaflow_outside_the_range(version, said, remedy, monkeypatch):
    """F1: an older version is a problem, a newer one is reported."""
    monkeypatch.setattr("importlib.metadata.version", lambda name: version)
    found = doctor._metaflow_version()
    assert found.what.startswith(said)
    assert found.remedy.startswith(remedy) and bool(found.remedy) == bool(remedy)


LOOKS = """\
import os, sys
from nbrunner import attach
from nbrunner.engine import cards as task_cards
from nbrunner.engine import client
from nbrunner.errors import MetaflowVersionError

good, bad = sys.argv[1:]
os.chdir(os.environ["METAFLOW_DATASTORE_SYSROOT_LOCAL"])
looks = {
    "run": lambda: attach(good).run.id,
    "task": lambda: len(attach(good).run.id) + len(client.task_of(f"{good}/start/1", None).id),
    "artifacts": lambda: client.artifacts_of(__import__("metaflow").Task(f"{good}/start/1")),
    "cards": lambda: task_cards.cards_of(
        __import__("metaflow").Task(f"{good}/start/1"), None, os.getcwd()
    ),
    "history": lambda: len(client.run_starts(good.partition("/")[0])),
    "failure": lambda: attach(bad).failure.exception_type,
}
for name, look in looks.items():
    try:
        print(name, look())
    except MetaflowVersionError as error:
        print(name, "--", error)
"""

# A name, and the lookups that need it.
NAMES = {
    "_namespace_check": {"run", "task"},
    "_current_metadata": {"run", "task"},
    "current_namespace": set(),
    "ds_metadata": {"artifacts"},
    "resolve_paths_from_task": {"cards"},
    "DATASTORE_LOCAL_DIR": {"cards", "history"},
}


@pytest.fixture(scope="session")
def metaflows(tmp_path_factory):
    """Return a function that installs a version of Metaflow and returns its folder."""
    installed = {}

    def install(version: str) -> Path:
        if version not in installed:
            folder = tmp_path_factory.mktemp("metaflow")
            command = [sys.executable, "-m", "pip", "install", "--no-deps", "--pre", "--target"]
            done = subprocess.run(
                [*command, str(folder), f"metaflow{version}"], capture_output=True, text=True
            )
            assert done.returncode == 0, f"this test needs pip and an index:\n{done.stderr}"
            installed[version] = folder
        return installed[version]

    return install


def version_in(folder):
    (info,) = folder.glob("metaflow-*.dist-info")
    return info.name.removeprefix("metaflow-").removesuffix(".dist-info")


@pytest.mark.slow
@pytest.mark.parametrize("version", [f"=={metaflow_versions.OLDEST}", ""], ids=["oldest", "newest"])
def test_the_oldest_and_the_newest_metaflow_run_flows_warm_and_cold(
    version, metaflows, write_flow, monkeypatch
):
    """F1: also a pre-release, where there is one."""
    folder = metaflows(version)
    env = {"PYTHONPATH": str(folder)}
    for name in ("foreachflow", "failflow"):
        cold, warm = both_ways(write_flow(name), monkeypatch, env=env)
        assert f"Metaflow {version_in(folder)} executing" in warm.stderr
        assert warm.status == cold.status == ("failed" if name == "failflow" else "successful")
        assert sorted(warm.stdout.splitlines()) == sorted(cold.stdout.splitlines())
        assert warm.running.progress.steps == cold.running.progress.steps


# Behaviour that nbrunner copies from Metaflow, and its place in Metaflow.
WORDS = {
    **log_format.IN_METAFLOW,
    "cli_components/run_cmds.py": ('"--runner-attribute-file"',),
    "util.py": ('["SUDO_USER", "USERNAME", "USER"]', 'user != "root"'),
    "metaflow_config_funcs.py": (
        *('"METAFLOW_HOME", "~/.metaflowconfig"', '"METAFLOW_PROFILE"', '"config.json"'),
        *('"config_%s.json" % profile', "from metaflow.metaflow_config import DATASTORE_LOCAL_DIR"),
    ),
    "metaflow_config.py": (
        *('DATASTORE_LOCAL_DIR = ".metaflow"', 'LOCAL_CONFIG_FILE = "config.json"'),
    ),
    "plugins/datastores/local_storage.py": ('METADATA_DIR = "_meta"',),
    "plugins/metadata_providers/local.py": ('"_self.json"',),
}


@pytest.mark.slow
@pytest.mark.parametrize("version", [f"=={metaflow_versions.OLDEST}", ""], ids=["oldest", "newest"])
def test_metaflow_still_says_what_is_looked_for(version, metaflows):
    """F2: with a changed sentence, a task would silently lack its state."""
    package = metaflows(version) / "metaflow"
    for file, words in WORDS.items():
        text = (package / file).read_text(encoding="utf-8")
        assert [each for each in words if each not in text] == [], file


@pytest.mark.slow
def test_a_metaflow_that_is_too_old_is_named_and_not_the_flow(metaflows, write_flow):
    """F1: pip refuses it; it may still be found on ``sys.path``."""
    env = {"PYTHONPATH": str(metaflows("==2.19.9"))}
    with pytest.raises(MetaflowVersionError) as caught:
        Runner(write_flow("slowflow"), show_output=False, pylint=False, env=env).run()
    message = str(caught.value)
    assert message.startswith("nbrunner cannot read flows with Metaflow 2.19.9: AttributeError: ")
    assert message.endswith(
        "nbrunner needs Metaflow 2.19.10 or newer: pip install 'metaflow>=2.19.10'"
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return copy_of_metaflow(tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
def test_without_a_private_name_results_are_read_or_the_version_is_named(
    whole, tmp_path, write_flow, private_state
):
    """F2: the Client's private names; if it fails, a failure is read from the log."""
    good, bad = (
        Runner(write_flow(name), show_output=False, pylint=False).run(**arguments)
        for name, arguments in (("slowflow", {"seconds": 0}), ("failflow", {}))
    )
    expected = looked_at(whole, good, bad)
    assert [line.split(" ")[1] for line in expected].count("--") == 0
    for name, missing in NAMES.items():
        package = copy_of_metaflow(tmp_path / name, whole)
        rename(package, name)
        found = looked_at(package, good, bad)
        assert {line.split(" ")[0] for line in found if " -- " in line} == missing, name
        for line, usual in zip(found, expected, strict=True):
            if " -- " in line:
                assert f"with Metaflow {metaflow_versions.installed()}: " in line
                assert f"{name}" in line and "nbrunner is tested with Metaflow" in line
            else:
                assert line == usual, name


def looked_at(package, good, bad):
    command = [sys.executable, "-c", LOOKS, good.pathspec, bad.pathspec]
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
