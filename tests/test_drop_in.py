"""Code written for Metaflow's Runner finds its attributes here, and each takes effect."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nbrunner import BadTypeError, BadValueError, FlowNotFoundError, NBRunner, Runner
from nbrunner.env_vars import EnvVars

pytestmark = pytest.mark.slow

ENVFLOW = """\
import os
from metaflow import FlowSpec, step

class EnvFlow(FlowSpec):
    @step
    def start(self):
        self.seen = {name: os.environ.get(name) for name in ('COLOUR', 'SHAPE', 'LEFT_OUT')}
        self.where = os.getcwd()
        self.next(self.end)
    @step
    def end(self):
        pass

if __name__ == '__main__':
    EnvFlow()
"""


@pytest.fixture
def runner(write_flow, monkeypatch):
    monkeypatch.setenv("SHAPE", "round")
    return Runner(write_flow("envflow.py", ENVFLOW), show_output=False, pylint=False)


def seen(runner):
    return runner.run().run["start"].task.data.seen


def test_one_variable_that_is_set_later_is_obeyed(runner):
    """C5: runner.env_vars['X'] = ... affects later runs; so do changes of this process."""
    runner.env_vars["COLOUR"] = "red"
    assert seen(runner) == {"COLOUR": "red", "SHAPE": "round", "LEFT_OUT": None}
    os.environ["SHAPE"] = "square"  # monkeypatch puts it back
    assert seen(runner)["SHAPE"] == "square"


def test_one_variable_that_is_deleted_is_obeyed(runner):
    """C5: del runner.env_vars['X'] as well."""
    del runner.env_vars["SHAPE"]
    assert seen(runner)["SHAPE"] is None


def test_a_whole_environment_is_obeyed(runner, monkeypatch):
    """C5: runner.env_vars = {...} replaces all of it, as for Metaflow's Runner."""
    monkeypatch.setenv("LEFT_OUT", "1")
    kept = {name: value for name, value in os.environ.items() if name != "LEFT_OUT"}
    runner.env_vars = {**kept, "COLOUR": "blue"}
    assert seen(runner) == {"COLOUR": "blue", "SHAPE": "round", "LEFT_OUT": None}


def test_another_directory_is_obeyed(runner, tmp_path):
    """C5: runs start in runner.cwd, with the absolute path of the flow file."""
    (tmp_path / "elsewhere").mkdir()
    runner.cwd = tmp_path / "elsewhere"
    assert runner.run().run["start"].task.data.where == str(tmp_path / "elsewhere")
    assert runner.cwd == str(tmp_path / "elsewhere")
    with pytest.raises(FlowNotFoundError, match="cwd: no directory"):
        runner.cwd = tmp_path / "nowhere"


def test_options_by_metaflows_name(runner):
    """C6: top_level_kwargs is an alias of top_level_options."""
    assert runner.top_level_kwargs == {"pylint": False}
    runner.top_level_kwargs = {"pylnt": False}
    with pytest.raises(ValueError, match="Unknown argument: 'pylnt'; did you mean 'pylint'"):
        runner.run()


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("flow_file", "create another Runner"),
        ("flow_name", "create another Runner"),
        ("spm", "stop() and wait() of the run"),
        ("api", "use describe()"),
        ("enviroment", "has no attribute 'enviroment' to set"),
        ("env_var", "did you mean 'env_vars'"),
        ("run", "create another Runner"),
    ],
)
def test_what_cannot_be_set_says_what_to_do(runner, name, advice):
    """C5: no assignment is without effect."""
    with pytest.raises(AttributeError) as error:
        setattr(runner, name, "other")
    assert advice in str(error.value)


@pytest.mark.parametrize("name", ["spm", "api"])
def test_what_has_no_counterpart_says_what_to_use(runner, name):
    """C5: also when it is only read; hasattr() is then False."""
    assert not hasattr(runner, name)
    with pytest.raises(AttributeError, match="has no counterpart; use"):
        getattr(runner, name)


def test_nbrunner_has_metaflows_attributes(tmp_path, monkeypatch):
    """C6: show_output, env_vars, base_dir, file_read_timeout; setting them takes effect."""
    from support.flows import FLOWS

    namespace: dict = {}
    file = tmp_path / "slowflow.py"
    file.write_text(FLOWS["slowflow"])
    monkeypatch.syspath_prepend(str(tmp_path))
    exec("from slowflow import SlowFlow", namespace)
    ours = NBRunner(namespace["SlowFlow"], show_output=False, base_dir=str(tmp_path))
    assert (ours.show_output, ours.file_read_timeout) == (False, 3600)
    assert ours.base_dir == str(tmp_path)
    ours.show_output = True
    ours.env_vars["COLOUR"] = "red"
    assert ours.runner.show_output is True
    assert ours.runner.env_vars["COLOUR"] == "red"
    with pytest.raises(AttributeError, match="create another NBRunner"):
        ours.flow = None  # type: ignore[misc]
    with pytest.raises(AttributeError, match="did you mean 'base_dir'"):
        ours.basedir = "."


def test_env_vars_are_this_process_s_with_changes(monkeypatch):
    """C5: a mapping that follows the environment of the process, except for its changes."""
    monkeypatch.setenv("SHAPE", "round")
    variables = EnvVars({"COLOUR": "red"}, profile="cluster")
    assert variables["SHAPE"] == "round"
    assert variables["METAFLOW_PROFILE"] == "cluster"
    assert (variables.profile, variables.changed) == ("cluster", ["COLOUR"])
    del variables["SHAPE"]
    assert "SHAPE" not in variables
    assert dict(variables) == {
        **{name: value for name, value in os.environ.items() if name != "SHAPE"},
        "COLOUR": "red",
        "METAFLOW_PROFILE": "cluster",
    }
    assert len(variables) == len(dict(variables))
    assert "red" not in repr(variables)
    with pytest.raises(KeyError):
        del variables["NO_SUCH"]
    assert dict(EnvVars(variables)) == dict(variables)
    assert dict(EnvVars.whole({"A": "1"})) == {"A": "1"}


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [("A", 1, BadTypeError), ("", "x", BadValueError), ("A=B", "x", BadValueError)],
)
def test_env_vars_refuse_what_the_system_cannot_hold(name, value, kind):
    variables = EnvVars()
    with pytest.raises(kind):
        variables[name] = value
    with pytest.raises(kind):
        EnvVars.whole({name: value})


EXTENSION = """\
RUNNER_CLIS_DESC = [('greet-flow', '.greet.GreetFlow')]
"""
GREET = """\
class GreetFlow:
    'Greet a flow.'
    name = 'greet-flow'

    def __init__(self, runner, word='hello'):
        self.text = f'{word} {runner.flow_file}'
"""


def test_a_subcommand_of_an_extension_is_a_method(tmp_path, write_flow):
    """C6: methods that an extension adds by RUNNER_CLIS_DESC exist, as in Metaflow's Runner."""
    plugins = tmp_path / "ext" / "metaflow_extensions" / "acme" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "mfextinit_acme.py").write_text(EXTENSION)
    (plugins / "greet.py").write_text(GREET)
    code = (
        "from nbrunner import Runner\n"
        "runner = Runner('slowflow.py')\n"
        "print(runner.greet_flow(word='hi').text)\n"
        "print(hasattr(runner, 'wave_flow'))\n"
    )
    write_flow("slowflow")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "ext")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"hi {tmp_path / 'slowflow.py'}", "False"]


def test_asking_for_an_unknown_attribute_imports_no_metaflow(write_flow):
    code = (
        "import sys\nfrom nbrunner import Runner\n"
        f"assert not hasattr(Runner({str(write_flow('slowflow'))!r}), 'nope')\n"
        "assert 'metaflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_words_of_metaflows_errors(write_flow):
    """C6: 'Unknown argument' and 'Missing argument', which programs may search for."""
    runner = Runner(write_flow("slowflow"), show_output=False)
    with pytest.raises(ValueError, match="Unknown argument: 'nope'") as error:
        runner.run(nope=1)
    assert "possible args are: seconds" in str(error.value)
