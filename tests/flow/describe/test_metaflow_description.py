"""Descriptions with a Metaflow whose private names have changed; the flow is never blamed."""

from __future__ import annotations

import re

import pytest
from support.other_metaflow import copy_of_metaflow, rename, replace

from nbrunner import MetaflowVersionError, Runner
from nbrunner.engine import metaflow_versions
from nbrunner.errors import BadValueError, FlowLoadError

pytestmark = [pytest.mark.slow, pytest.mark.once]

FLOW = """\
from metaflow import (
    Config, FlowMutator, FlowSpec, IncludeFile, JSONType, Parameter, project, retry, step
)

class Patient(FlowMutator):
    def init(self, word):
        self.word = word

    def pre_mutate(self, mutable_flow):
        mutable_flow.add_parameter(self.word, Parameter(self.word, default=5))

@Patient('added')
@project(name='described')
class DescribedFlow(FlowSpec):

    conf = Config('conf', default_value={'a': 1})
    number = Parameter('number', default=1, help='a number')
    table = Parameter('table', type=JSONType, default='{}')
    text = IncludeFile('text', required=False)
    computed = Parameter('computed', type=int, default=lambda context: 17)

    @step
    def start(self):
        self.next(self.end)

    @retry
    @step
    def end(self):
        pass

if __name__ == '__main__':
    DescribedFlow()
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return copy_of_metaflow(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def package(whole, tmp_path):
    return copy_of_metaflow(tmp_path / "other", whole)


def runner_with(package, file):
    env = {"PYTHONPATH": str(package.parent)}
    return Runner(file, show_output=False, pylint=False, env=env)


def described(package, file):
    return runner_with(package, file).describe().to_json()


NAMES = (
    *("CliState", "flow_context", "FlowStateItems", "_get_parameters", "IS_CONFIG_PARAMETER"),
    *("DeployTimeField", "FilePathClass", "_flow_mutators", "add_custom_parameters"),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_is_described_without_most_private_names(name, package, whole, write_flow):
    """F2: names that the description does not need may change."""
    rename(package, name)
    file = write_flow("describedflow.py", FLOW)
    told = described(package, file)
    assert told == described(whole, file)
    assert [each["name"] for each in told["parameters"]] == [
        *("number", "table", "text", "computed", "added")
    ]


# A name, the part of the description that needs it, and the message about it.
PARTS = {
    "_flow_decorators": ("decorators", "the flow's decorators"),
    "_default_is_file": ("configs", "its configs"),
    "out_funcs": ("steps", "its steps"),
    "sorted_nodes": ("steps", "its steps"),
}


@pytest.mark.parametrize("name", PARTS)
def test_what_runs_can_do_without_is_left_out_and_told(name, package, whole, write_flow):
    """F2: a run continues without a part of the description, and a warning names it."""
    rename(package, name)
    runner = runner_with(package, write_flow("describedflow.py", FLOW))
    part, told = PARTS[name]
    warning = (
        rf"nbrunner cannot read {told} \((Attribute|Key)Error: .*{name}.*with Metaflow "
        rf"{metaflow_versions.installed()}; runs continue without it.*tested with Metaflow 2"
    )
    with pytest.warns(RuntimeWarning, match=warning):
        running = runner.run(number=2)
    assert (running.status, running.parameters["number"]) == ("successful", 2), running.stderr
    with pytest.warns(RuntimeWarning, match=warning):
        found = runner.describe().to_json()
    expected = described(whole, runner.flow_file)
    assert found == {**expected, part: (), "unknown": found["unknown"]}


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("_process_config_decorators", "**/*.py"),
        ("BaseCommand", "**/*.py"),
        ("IntParamType", "_vendor/click/*.py"),
    ],
)
def test_what_cannot_be_done_without_is_no_fault_of_the_flow(name, within, package, write_flow):
    """F2: the error names Metaflow's version, the name and what to do, and nothing starts."""
    rename(package, name, within)
    runner = runner_with(package, write_flow("describedflow.py", FLOW))
    with pytest.raises(MetaflowVersionError) as caught:
        runner.run()
    message = str(caught.value)
    version = metaflow_versions.installed()
    assert message.startswith(f"nbrunner cannot read flows with Metaflow {version}: AttributeError")
    assert name in message
    assert f"pip install 'metaflow>={metaflow_versions.OLDEST}" in message
    assert "describedflow" not in message


def test_a_command_line_that_is_called_otherwise_is_no_fault_of_the_flow(package, write_flow):
    """F2: Metaflow might call its command line through another method of click."""
    replace(package, r"\bstart\(auto_envvar_prefix.*\)", "pass", "cli.py")
    runner = runner_with(package, write_flow("describedflow.py", FLOW))
    with pytest.raises(MetaflowVersionError, match=re.escape("click.BaseCommand.main")):
        runner.describe()


@pytest.mark.parametrize("parameters", ["self", "self, use_cli=True", "self, *args, **kwargs"])
def test_a_flow_may_have_an_init_of_its_own(parameters, write_flow):
    """F2: it is called as in the flow file, where it need not accept Metaflow's arguments."""
    given = parameters.partition(", ")[2].replace("=True", "")
    own = f"    def __init__({parameters}):\n        super().__init__({given})\n\n    conf = "
    told = Runner(write_flow("describedflow.py", FLOW.replace("    conf = ", own))).describe()
    assert (told.decorators, told.unknown) == (("project",), ())


# The fault of the flow, and the message about it.
WRONG = {
    "an argument": (
        *("    conf = ", "    def __init__(self, needed):\n        pass\n\n    conf = "),
        r"DescribedFlow\(\) cannot be called without arguments: .*'needed'",
    ),
    "no command line": (
        *("    conf = ", "    def __init__(self):\n        pass\n\n    conf = "),
        r"DescribedFlow\(\) does not call FlowSpec.__init__",
    ),
    "an attribute": ("self.word, Par", "self.absent, Par", "no attribute 'absent'"),
    "a key": ("self.word, Par", "{}['absent'], Par", "KeyError: 'absent'"),
    "a type": ("self.word, Par", "None + 1, Par", "TypeError: unsupported operand"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_a_flow_does_wrong_is_still_its_own(what, write_flow):
    """F2: errors of the kinds that a missing name raises, raised by the flow itself."""
    old, new, told = WRONG[what]
    assert old in FLOW
    runner = Runner(write_flow("describedflow.py", FLOW.replace(old, new)))
    with pytest.raises((FlowLoadError, BadValueError), match=told):
        runner.describe()
