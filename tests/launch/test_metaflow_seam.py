"""A Metaflow that lacks what warm starts need: runs are cold, and report what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import pytest
from support.other_metaflow import copy_of_metaflow, rename, rename_module, replace

from nbrunner import Runner
from nbrunner.engine import metaflow_versions

pytestmark = [pytest.mark.slow, pytest.mark.once]

RUNTIME = "runtime.py"
CARDS = "plugins/cards/card_creator.py"
LOCAL = "plugins/metadata_providers/local.py"
PROVIDER = "metaflow.plugins.metadata_providers.local.LocalMetadataProvider"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return copy_of_metaflow(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def package(whole, tmp_path):
    """A copy of Metaflow to change, with the bytecode of all unchanged files."""
    return copy_of_metaflow(tmp_path / "other", whole)


def rename_subprocess(package):
    replace(package, r"\bsubprocess\.", "_sp.", RUNTIME)
    replace(package, r"(?m)^import subprocess$", "import subprocess as _sp", RUNTIME)


def rename_procpoll(package):
    replace(package, r"\bprocpoll\.", "poller.", RUNTIME)
    replace(package, r"import procpoll\b", "import procpoll as poller", RUNTIME)


def rename_subprocess_of_cards(package):
    replace(package, r"\bsubprocess\b", "_sp", CARDS)
    replace(package, r"(?m)^import _sp$", "import subprocess as _sp", CARDS)


# How a private name is renamed, and the part of the reason that names it.
RENAMED: dict[str, tuple[Callable[..., None], str]] = {
    "pylint_wrapper": (partial(rename_module, name="pylint_wrapper"), "metaflow.pylint_wrapper"),
    "run_cmds": (
        partial(rename_module, name="cli_components.run_cmds"),
        "metaflow.cli_components.run_cmds",
    ),
    "get_version": (partial(rename, name="get_version"), "metaflow.metaflow_version.get_version"),
    "_is_in_git_repo": (
        partial(rename, name="_is_in_git_repo"),
        "metaflow.metaflow_git._is_in_git_repo",
    ),
    "_all_configs": (
        partial(rename, name="_all_configs"),
        "metaflow.metaflow_config_funcs._all_configs",
    ),
    "is_default": (partial(rename, name="is_default"), "is_default"),
    "ARTIFACT_LOCALROOT": (partial(rename, name="ARTIFACT_LOCALROOT"), "ARTIFACT_LOCALROOT"),
    "LocalMetadataProvider": (partial(rename, name="LocalMetadataProvider"), PROVIDER),
    "new_run_id": (partial(rename, name="new_run_id"), f"{PROVIDER}.new_run_id"),
    "_make_path": (partial(rename, name="_make_path"), f"{PROVIDER}._make_path"),
    "_new_run": (partial(rename, name="_new_run"), f"{PROVIDER}._new_run"),
    "_flow_name": (partial(rename, name="_flow_name"), f"{PROVIDER}._flow_name"),
    "subprocess": (rename_subprocess, "metaflow.runtime.subprocess"),
    "card_creator": (
        partial(rename_module, name="plugins.cards.card_creator"),
        "metaflow.plugins.cards.card_creator",
    ),
    "subprocess of cards": (
        rename_subprocess_of_cards,
        "metaflow.plugins.cards.card_creator.subprocess",
    ),
    "procpoll": (rename_procpoll, "metaflow.runtime.procpoll"),
    "make_poll": (partial(rename, name="make_poll"), "metaflow.runtime.procpoll.make_poll"),
    "ProcPollEvent": (
        partial(rename, name="ProcPollEvent"),
        "metaflow.runtime.procpoll.ProcPollEvent",
    ),
}


@pytest.mark.parametrize("name", RENAMED)
def test_where_a_name_of_metaflow_is_another_runs_are_cold_and_name_it(
    name, package, write_flow, monkeypatch
):
    """F2: a missing private name of Metaflow makes runs cold, but does not end them."""
    monkeypatch.setenv("NBRUNNER_WARM", "1")
    make_another, named = RENAMED[name]
    make_another(package)
    env = {"PYTHONPATH": str(package.parent)}
    runner = Runner(write_flow("slowflow"), show_output=False, pylint=False, env=env)
    running = runner.run(seconds=0)
    assert (running.status, running.warm) == ("successful", False), running.stderr
    assert running.cold_reason.startswith(f"Metaflow {metaflow_versions.installed()} ")
    assert named in running.cold_reason


# Other changes: a pattern, its replacement, the file; and a part of the reason.
CHANGED = {
    "the command line is imported early": (
        *(r"\Z", "\nimport metaflow.cli\n", RUNTIME),
        "imports metaflow.cli before a flow is loaded",
    ),
    "git is asked by another function": (
        *("if _is_in_git_repo", "if _call_git", "metaflow_git.py"),
        "does not use metaflow.metaflow_git._is_in_git_repo",
    ),
    "one more directory": (
        *(r"\Z", "\nNEW_ROOT = from_conf('NEW_ROOT', os.getcwd())\n", "metaflow_config.py"),
        "$METAFLOW_NEW_ROOT, which defaults to the directory",
    ),
    "ids are made otherwise": (
        *(r'"%d" % \(time\.time\(\) \* 1e6\)', "str(time.time_ns())", LOCAL),
        f"creates run ids differently in {PROVIDER}.new_run_id",
    ),
    "a new argument for ids": (
        *(r"def _new_run\(self, run_id", "def _new_run(self, kind, run_id", LOCAL),
        f"has {PROVIDER}._new_run(self, kind, run_id, ",
    ),
    "tasks are started by another name": (
        *(r"subprocess\.Popen", "_start", RUNTIME),
        "does not start tasks with metaflow.runtime.subprocess.Popen",
    ),
    "more of the process is used": (
        *(r"self\._proc\.poll\(\)", "self._proc.communicate(timeout=0)", RUNTIME),
        "uses communicate of a task's process or pipes in metaflow.runtime.Worker",
    ),
    "cards are rendered by another function": (
        *(r"subprocess\.check_output", "subprocess.run", CARDS),
        "does not render cards by Popen and check_output",
    ),
    "more of the rendering process is used": (
        *(
            r"_async_proc\.poll\(\) is None:\n                if",
            "_async_proc.communicate():\n                if",
            CARDS,
        ),
        "uses communicate to render cards",
    ),
    "more of its pipes is used": (
        *(r"fileobj\.readline\(\)", "fileobj.peek()", RUNTIME),
        "uses peek of a task's process or pipes in metaflow.runtime.Worker",
    ),
    "another argument for events": (
        *("can_read", "readable", "procpoll.py"),
        "has metaflow.runtime.procpoll.ProcPollEvent(fd, readable=",
    ),
    "more of the poll is used": (
        *(r"(class LinuxProcPoll.*)", r"\1\n    def modify(self, fd):\n        pass\n"),
        *(
            "procpoll.py",
            "has polls with add, modify, poll, remove in metaflow.runtime.procpoll",
        ),
    ),
}

VERIFY = "from nbrunner.launch import metaflow_seam as seam; print(seam.preload() or seam.verify())"


def verified(package) -> str:
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    command = [sys.executable, "-c", VERIFY]
    return subprocess.check_output(command, cwd="/", env=environment, text=True).strip()


@pytest.mark.parametrize("what", CHANGED)
def test_what_is_there_and_not_what_it_was_is_found(what, package):
    """F2: the same for a name with a new meaning, and for one that Metaflow no longer uses."""
    *change, named = CHANGED[what]
    replace(package, *change)
    assert named in verified(package)


def test_nothing_is_found_in_the_installed_metaflow(whole):
    assert verified(whole) == ""
