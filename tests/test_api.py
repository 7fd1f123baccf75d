"""The public names, and the blocking and async forms of each method."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import nbrunner
from nbrunner import ExecutingProcess, ExecutingRun, ExecutingTask, NBRunner, Runner
from nbrunner.flow.describe import api as describing

pytestmark = pytest.mark.once


def parameters(function) -> list[tuple[str, object, object]]:
    found = inspect.signature(function).parameters.values()
    return [(each.name, each.kind, each.default) for each in found]


def pairs() -> list[tuple[object, str]]:
    """Return (where, name) of everything that has an async form."""
    homes = (Runner, NBRunner, ExecutingProcess, describing)
    found = [(home, name) for home in homes for name in vars(home) if name.startswith("async_")]
    return [(home, name.removeprefix("async_")) for home, name in found]


def test_what_has_an_async_form():
    found = sorted(f"{getattr(home, '__name__', '')}.{name}" for home, name in pairs())
    assert found == [
        "ExecutingProcess.stop",
        "NBRunner.resume",
        "NBRunner.run",
        "Runner.describe",
        "Runner.resume",
        "Runner.run",
        "Runner.spin",
        "nbrunner.flow.describe.api.describe",
    ]


@pytest.mark.parametrize(("home", "name"), pairs())
def test_blocking_and_async_form_take_and_give_the_same(home, name):
    blocking, awaited = getattr(home, name), getattr(home, f"async_{name}")
    assert inspect.iscoroutinefunction(awaited)
    assert not inspect.iscoroutinefunction(blocking)
    assert parameters(blocking) == parameters(awaited)
    returns = [inspect.signature(each).return_annotation for each in (blocking, awaited)]
    assert returns[0] == returns[1]
    assert inspect.getdoc(blocking)
    assert inspect.getdoc(awaited)


@pytest.mark.parametrize("name", ["run", "resume", "async_run", "async_resume", "cleanup"])
def test_both_runners_take_the_same(name):
    assert parameters(getattr(NBRunner, name)) == parameters(getattr(Runner, name))


def test_signatures_that_code_written_for_metaflows_runner_counts_on():
    def names_and_defaults(function):
        return [(name, default) for name, _, default in parameters(function)]

    empty = inspect.Parameter.empty
    assert names_and_defaults(Runner) == [
        ("flow_file", empty),
        ("show_output", True),
        ("profile", None),
        ("env", None),
        ("cwd", None),
        ("file_read_timeout", 3600),
        ("top_level_options", empty),
    ]
    assert names_and_defaults(NBRunner) == [
        ("flow", empty),
        ("show_output", True),
        ("profile", None),
        ("env", None),
        ("base_dir", None),
        ("file_read_timeout", 3600),
        ("top_level_options", empty),
    ]
    assert names_and_defaults(Runner.spin)[1] == ("pathspec", empty)
    assert names_and_defaults(ExecutingRun.wait)[1:] == [("timeout", None), ("stream", None)]
    assert names_and_defaults(ExecutingRun.stream_log)[1:] == [
        ("stream", empty),
        ("position", None),
    ]
    for name in ("status", "returncode", "stdout", "stderr", "run"):
        assert isinstance(inspect.getattr_static(ExecutingRun, name), property), name
    assert isinstance(inspect.getattr_static(ExecutingTask, "task"), property)
    for kind in (Runner, ExecutingRun):
        for name in ("__enter__", "__exit__", "__aenter__", "__aexit__"):
            assert hasattr(kind, name)
    assert {"nbrun", "nbresume"} <= set(vars(NBRunner))


@pytest.mark.parametrize("name", nbrunner.__all__)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(nbrunner, name)
    assert name in dir(nbrunner)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'nbrunner' has no attribute 'Runer'"):
        _ = nbrunner.Runer


def test_the_star_import_gives_the_public_names():
    found: dict[str, object] = {}
    exec("from nbrunner import *", found)
    assert set(nbrunner.__all__) <= set(found)


HEAVY = {"metaflow", "IPython", "ipywidgets", "anywidget", "traitlets", "nest_asyncio2"}

# What takes longest to import of the standard library, and of nbrunner.
SLOW = {"asyncio", "dataclasses", "typing", "pathlib", "subprocess", "json", "re", "platformdirs"}
SLOW |= {f"nbrunner.{name}" for name in ("handles", "starter", "flow.source", "launch.launcher")}


@pytest.mark.parametrize(
    ("statement", "not_imported"),
    [
        ("import nbrunner", HEAVY | SLOW),
        ("from nbrunner import Runner", HEAVY | SLOW),
        ("import inspect, nbrunner; inspect.signature(nbrunner.Runner)", HEAVY),
        ("import nbrunner; nbrunner.BadRequest, nbrunner.NbrunnerError", HEAVY | SLOW),
        ("from nbrunner import attach, describe, sweep, Sweep, ExecutingRun", HEAVY),
        ("from nbrunner import Runner; Runner(__file__)", HEAVY),
    ],
)
def test_importing_is_light(tmp_path, statement, not_imported):
    """A script that imports Runner, and may not start a run, waits for nothing that takes long."""
    script = tmp_path / "script.py"
    script.write_text(f"{statement}\nimport sys\nprint(*sys.modules, file=sys.stderr)\n")
    # Without site-packages' .pth files, which import what they like.
    code = "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); "
    code += "sys.argv = sys.argv[1:]; __file__ = sys.argv[0]; exec(open(__file__).read())"
    path = ":".join(each for each in sys.path if each)
    command = [sys.executable, "-S", "-c", code, path, str(script)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert not_imported & set(done.stderr.split()) == set()
