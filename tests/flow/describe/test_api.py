"""The description of a flow before it runs, and when it is read again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import site
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.flows import FOREACHFLOW, SLOWFLOW
from support.waiting import until

from nbrunner import Runner, async_describe, describe
from nbrunner.errors import BadValueError, FlowLoadError, FlowNotFoundError
from nbrunner.flow.describe import api as describing
from nbrunner.flow.description import FlowDescription, Option

# Each description starts a fresh interpreter; no test here starts a run.
pytestmark = [pytest.mark.slow, pytest.mark.once]

ALLFLOW = '''\
from metaflow import (
    Config, FlowSpec, IncludeFile, JSONType, Parameter, card, config_expr, project, retry, step,
    timeout,
)

@project(name='allproject')
class AllFlow(FlowSpec):
    """Has one of each.

    And a second paragraph.
    """

    conf = Config('conf', default_value={'times': 2})

    number = Parameter('Number', default=1, help='a number')
    ratio = Parameter('a-dash', type=float, required=True)
    flag = Parameter('flag', default=False)
    table = Parameter('table', type=JSONType, default='{"a": 1}')
    text = IncludeFile('text', required=False)
    computed = Parameter('computed', type=int, default=lambda context: 17)

    @card
    @step
    def start(self):
        """Choose."""
        self.kind = 'left'
        self.next({'left': self.left, 'right': self.right}, condition='kind')

    @retry(times=config_expr('conf.times'))
    @timeout(minutes=1)
    @step
    def left(self):
        self.next(self.one, self.two)

    @step
    def one(self):
        self.next(self.both)

    @step
    def two(self):
        self.next(self.both)

    @step
    def both(self, inputs):
        self.next(self.right)

    @step
    def right(self):
        self.items = [1, 2]
        self.next(self.work, foreach='items')

    @step
    def work(self):
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    AllFlow()
'''


@pytest.fixture(scope="module")
def allflow(tmp_path_factory) -> FlowDescription:
    """The description of AllFlow, read once."""
    folder = tmp_path_factory.mktemp("allflow")
    (folder / "allflow.py").write_text(ALLFLOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBRUNNER_STATE_DIR", str(folder / "state"))
        patch.setenv("NBRUNNER_WARM", "0")
        patch.setenv("USER", "tester")
        return describe(folder / "allflow.py")


def test_name_docs_and_flow_decorators(allflow):
    assert allflow.name == "AllFlow"
    assert Path(allflow.file).name == "allflow.py"
    assert os.path.isabs(allflow.file)
    assert allflow.doc == "Has one of each.\n\nAnd a second paragraph."
    assert "project" in allflow.decorators


def test_parameters_in_the_order_of_their_definition(allflow):
    facts = [(each.name, each.flag, each.kind, each.default) for each in allflow.parameters]
    assert facts == [
        ("number", "--Number", "int", 1),
        ("a_dash", "--a-dash", "float", None),
        ("flag", "--flag", "bool", False),
        ("table", "--table", "json", '{"a": 1}'),
        ("text", "--text", "file", None),
        ("computed", "--computed", "int", None),
    ]
    assert [each.name for each in allflow.parameters if each.required] == ["a_dash"]
    assert [each.name for each in allflow.parameters if each.default_is_computed] == ["computed"]
    assert allflow.parameters[0].help == "a number"


def test_options_of_run_resume_and_spin(allflow):
    def names(subcommand):
        return {each.name for each in allflow.options(subcommand)}

    assert {"tags", "max_workers", "decospecs", "run_id_file", "user_namespace"} <= names("run")
    assert {"number", "a_dash"} <= names("run")
    assert {"origin_run_id", "step_to_rerun", "clone_only", "tags"} <= names("resume")
    assert "number" not in names("resume")
    assert {"pathspec", "persist", "artifacts_module"} <= names("spin")
    positional = [each.name for each in (*allflow.resume, *allflow.spin) if each.positional]
    assert positional == ["step_to_rerun", "pathspec"]


def test_top_level_options_with_those_that_decorators_and_configs_add(allflow):
    options = {each.name: each for each in allflow.top_level}
    assert options["pylint"].off_flag == "--no-pylint"
    assert (options["decospecs"].flag, options["decospecs"].multiple) == ("--with", True)
    assert {"local", "service"} <= set(options["metadata"].choices)
    assert options["branch"].kind == "str", "of @project"
    assert options["production"].is_flag, "of @project"
    assert options["config"].kind == options["config_value"].kind == "config"


def test_step_graph(allflow):
    graph = {each.name: (each.type, each.next) for each in allflow.steps}
    assert graph == {
        "start": ("switch", ("left", "right")),
        "left": ("split", ("one", "two")),
        "one": ("linear", ("both",)),
        "two": ("linear", ("both",)),
        "both": ("join", ("right",)),
        "right": ("foreach", ("work",)),
        "work": ("linear", ("gather",)),
        "gather": ("join", ("end",)),
        "end": ("end", ()),
    }
    names = [each.name for each in allflow.steps]
    assert (names[0], names[-1]) == ("start", "end")
    assert allflow.following["left"] == ["one", "two"]


def test_step_docs_and_decorators(allflow):
    start, left = allflow.step("start"), allflow.step("left")
    assert (start.doc, start.decorators) == ("Choose.", ("card",))
    assert sorted(left.decorators) == ["retry", "timeout"]
    assert allflow.step("nope") is None


def test_description_survives_json(allflow):
    assert FlowDescription.from_json(allflow.to_json()) == allflow
    assert isinstance(allflow.parameters[0], Option)


COUNTED = f"""\
from pathlib import Path
with Path(__file__).with_suffix('.imports').open('a') as imports:
    imports.write('x')
{SLOWFLOW}"""


def imports_of(file) -> int:
    """Return how often a counted flow file was imported."""
    return len(file.with_suffix(".imports").read_text())


def test_an_unchanged_flow_is_not_imported_again(write_flow):
    file = write_flow("slowflow", COUNTED)
    first = describe(file)
    assert describe(file) == first
    assert asyncio.run(async_describe(file)) == first
    assert imports_of(file) == 1


def test_of_many_answers_the_oldest_are_dropped(write_flow, private_state, monkeypatch):
    monkeypatch.setattr(describing, "_MAX_CACHED", 1)
    folder = private_state / "descriptions"
    folder.mkdir()
    for name in ("0" * 32, "of somebody else"):
        (folder / f"{name}.json").touch()
        os.utime(folder / f"{name}.json", (0, 0))
    describe(write_flow("slowflow"))
    assert not (folder / f"{'0' * 32}.json").exists()
    assert (folder / "of somebody else.json").exists()


def test_an_edited_flow_is_seen(write_flow):
    file = write_flow("slowflow", COUNTED)
    assert [each.name for each in describe(file).parameters] == ["seconds"]
    edited = COUNTED.replace("    secs =", "    more = Parameter('more', default='x')\n    secs =")
    write_flow("slowflow", edited)
    assert [each.name for each in describe(file).parameters] == ["more", "seconds"]
    assert imports_of(file) == 2


def test_an_edited_module_beside_the_flow_is_seen(write_flow):
    write_flow("settings", "WIDTH = 3\n")
    text = f"from settings import WIDTH\n{FOREACHFLOW}".replace("default=3", "default=WIDTH")
    file = write_flow("foreachflow", text)
    assert describe(file).parameters[0].default == 3
    helper = write_flow("settings", "WIDTH = 4\n")
    os.utime(helper, ns=(1, 1))  # so that the time differs on a file system of coarse times
    assert describe(file).parameters[0].default == 4


@pytest.mark.parametrize("warm", ["0", "1"])
def test_a_link_to_a_flow_imports_from_beside_the_flow(write_flow, tmp_path, monkeypatch, warm):
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    write_flow("real/settings.py", "WIDTH = 3\n")
    text = f"from settings import WIDTH\n{FOREACHFLOW}".replace("default=3", "default=WIDTH")
    link = tmp_path / "link.py"
    link.symlink_to(write_flow("real/foreachflow.py", text))
    assert describe(link).parameters[0].default == 3
    assert Runner(link, show_output=False, pylint=False).run(width=1).status == "successful"


def test_an_edited_file_that_the_flow_reads_is_seen(write_flow):
    file = write_flow(
        "slowflow",
        "from pathlib import Path\n"
        "beside = Path(__file__).with_name('default.txt')\n"
        "try:\n    default = int(beside.read_text())\n"
        "except FileNotFoundError:\n    default = 0\n"
        + SLOWFLOW.replace("default=3", "default=default"),
    )
    assert describe(file).parameters[0].default == 0
    for value in ("7", "18"):
        file.with_name("default.txt").write_text(value)
        assert describe(file).parameters[0].default == int(value)


def flow_that_looks(write_flow, monkeypatch, look):
    """Return a flow with one more parameter if $EXTRA is set, described without and with it."""
    more = f"    if {look}:\n        more = Parameter('more', default='x')\n    secs ="
    file = write_flow("slowflow", f"import os\n{COUNTED.replace('    secs =', more)}")
    assert [each.name for each in describe(file).parameters] == ["seconds"]
    monkeypatch.setenv("EXTRA", "very-secret")
    assert [each.name for each in describe(file).parameters] == ["more", "seconds"]
    return file


@pytest.mark.parametrize("warm", ["0", "1"])
@pytest.mark.parametrize(
    "look", ["os.environ.get('EXTRA')", "os.getenv('EXTRA')", "'EXTRA' in os.environ"]
)
def test_a_variable_that_the_flow_reads_is_seen(write_flow, monkeypatch, look, warm):
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    file = flow_that_looks(write_flow, monkeypatch, look)
    monkeypatch.setenv("NOBODY_READS_IT", "1")
    assert [each.name for each in describe(file).parameters] == ["more", "seconds"]
    assert imports_of(file) == 2


LOOKS = {
    "for": "any(name == 'EXTRA' for name in os.environ)",
    "items": "('EXTRA', 'very-secret') in list(os.environ.items())",
    "copy": "'EXTRA' in os.environ.copy()",
    "bytes": "b'EXTRA' in set(os.environb)",
    "prefix": "[name for name in os.environ if name.startswith('EXT')]",
}


@pytest.mark.parametrize("warm", ["0", "1"])
@pytest.mark.parametrize("look", LOOKS)
def test_a_flow_that_goes_through_all_variables_depends_on_all(
    write_flow, monkeypatch, private_state, look, warm
):
    """B2: a cached description is not used in another environment."""
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    file = flow_that_looks(write_flow, monkeypatch, LOOKS[look])
    describe(file)
    assert imports_of(file) == 2, "remembered while the environment is the same"
    answers = [each.read_text() for each in private_state.glob("descriptions/*.json")]
    assert not any("very-secret" in each for each in answers)
    monkeypatch.delenv("EXTRA")
    assert [each.name for each in describe(file).parameters] == ["seconds"]


def with_config(default):
    config = f"    settings = Config('settings', default={default!r})\n"
    text = SLOWFLOW.replace("import FlowSpec", "import Config, FlowSpec")
    return re.sub(r"(class .*:\n)", rf"\1{config}", text, count=1)


@pytest.mark.parametrize("kind", ["pipe", "socket", "/dev/zero"])
def test_a_config_whose_default_never_ends_is_refused(write_flow, tmp_path, kind):
    """B9: Metaflow would wait for the end of a named pipe."""
    path = tmp_path / kind if kind != "/dev/zero" else Path(kind)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        os.mknod(path, 0o600 | stat.S_IFSOCK)
    file = write_flow("slowflow", with_config(str(path)))
    said = f"config settings: expected the path of a file as its default, got '{path}': it is a "
    with pytest.raises(BadValueError, match=re.escape(said)):
        describe(file)
    (tmp_path / "given.json").write_text("{}")
    flow = describe(file, config={"settings": tmp_path / "given.json"})
    assert [each.name for each in flow.configs] == ["settings"]


def test_a_variable_that_the_flow_reads_is_not_written_down(write_flow, monkeypatch, private_state):
    monkeypatch.setenv("TOKEN", "very-secret")
    describe(write_flow("slowflow", f"import os\nos.environ['TOKEN']\n{SLOWFLOW}"))
    (answer,) = private_state.glob("descriptions/*.json")
    assert "TOKEN" in answer.read_text()
    assert "very-secret" not in answer.read_text()


@pytest.mark.parametrize("told_by", ["time", "version"])
def test_a_package_that_is_installed_anew_is_seen(write_flow, tmp_path, monkeypatch, told_by):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(folder)])
    file = write_flow("slowflow", COUNTED)
    os.utime(folder, (1, 1))
    describe(file)
    if told_by == "version":
        (folder / "package-1.1.dist-info").mkdir()
    when = 1 if told_by == "version" else 2
    os.utime(folder, (when, when))
    describe(file)
    describe(file)
    assert imports_of(file) == 2


@pytest.mark.parametrize("warm", ["0", "1"])
def test_other_settings_of_metaflow_are_seen(write_flow, monkeypatch, private_state, warm):
    monkeypatch.setenv("NBRUNNER_WARM", warm)
    file = write_flow("slowflow", COUNTED)
    settings = private_state / "metaflow-home" / "config.json"
    settings.parent.mkdir()
    for text in ("{}", '{"METAFLOW_DEFAULT_PACKAGE_SUFFIXES": ".py"}'):
        settings.write_text(text)
        describe(file)
        describe(file)
    assert imports_of(file) == 2


def test_a_refused_flow_is_asked_again(write_flow):
    file = write_flow("slowflow", SLOWFLOW.replace("class SlowFlow", "1 / 0\nclass SlowFlow"))
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        describe(file)
    assert describe(write_flow("slowflow")).name == "SlowFlow"


def test_a_flow_file_that_was_deleted_since(write_flow):
    file = write_flow("slowflow")
    runner = Runner(file, show_output=False)
    runner.describe()
    file.unlink()
    for ask in (runner.describe, runner.run):
        with pytest.raises(FlowNotFoundError, match=re.escape(str(file))) as refused:
            ask()
        assert isinstance(refused.value, FileNotFoundError)


def test_a_flow_file_that_cannot_be_read_any_more(write_flow):
    file = write_flow("slowflow")
    runner = Runner(file, show_output=False)
    file.unlink()
    file.mkdir()
    with pytest.raises(FlowNotFoundError, match=re.escape(str(file))):
        runner.describe()
    file.rmdir()
    file.symlink_to(file)
    with pytest.raises(FlowLoadError, match=f"{re.escape(str(file))} cannot be read"):
        runner.describe()


def test_configs_given_change_what_is_told(write_flow):
    text = SLOWFLOW.replace("import FlowSpec", "import Config, FlowSpec").replace(
        "    secs = Parameter('seconds', default=3)",
        "    conf = Config('conf', default_value={'secs': 1})\n"
        "    secs = Parameter('seconds', default=conf.secs)",
    )
    file = write_flow("slowflow", text)
    assert describe(file).parameters[0].default == 1
    given = describe(file, config_value=[("conf", {"secs": 2})])
    assert given.parameters[0].default == 2
    beside = file.with_name("conf.json")
    beside.write_text('{"secs": 5}')
    assert describe(file, config={"conf": beside}).parameters[0].default == 5
    beside.write_text('{"secs": 6}')
    assert describe(file, config={"conf": beside}).parameters[0].default == 6


def test_a_parameter_may_be_named_config(write_flow):
    text = SLOWFLOW.replace("import FlowSpec", "import Config, FlowSpec").replace(
        "secs = Parameter('seconds'",
        "conf = Config('conf', default_value={})\n    config = Parameter('config'",
    )
    told = describe(write_flow("slowflow", text))
    assert [(each.name, each.kind) for each in told.parameters] == [("config", "int")]
    kinds = {each.flag: each.kind for each in told.top_level if each.kind == "config"}
    assert kinds == {"--config": "config", "--config-value": "config"}


def test_a_decorator_that_a_mutator_adds_is_told(write_flow):
    text = SLOWFLOW.replace(
        "class SlowFlow",
        "from metaflow import FlowMutator, retry\n\n"
        "class Patient(FlowMutator):\n"
        "    def pre_mutate(self, mutable_flow):\n"
        "        mutable_flow.add_parameter('added', Parameter('added', default=5))\n"
        "        for _, each in mutable_flow.steps:\n"
        "            each.add_decorator(retry, deco_kwargs={'times': 1})\n\n"
        "@Patient\nclass SlowFlow",
    )
    told = describe(write_flow("slowflow", text))
    assert [each.name for each in told.parameters] == ["seconds", "added"]
    assert [each.decorators for each in told.steps] == [("retry",), ("retry",)]


def test_a_flow_that_prints_and_reads_its_arguments_is_described(write_flow):
    file = write_flow(
        "slowflow", f"import sys\nprint('hello', sys.argv[1:], flush=True)\n{SLOWFLOW}"
    )
    assert describe(file).name == "SlowFlow"


def test_the_users_process_does_not_import_the_flow(write_flow):
    file = write_flow("nowhere_else", SLOWFLOW)
    Runner(file)
    describe(file)
    assert "nowhere_else" not in sys.modules
    assert not any(
        module and getattr(module, "__file__", "") == str(file)
        for module in list(sys.modules.values())
    )


def test_a_base_class_is_no_second_flow(write_flow):
    base = "class Base(FlowSpec):\n    word = Parameter('word', default='w')\n\n"
    text = SLOWFLOW.replace("class SlowFlow(FlowSpec)", f"{base}class SlowFlow(Base)")
    told = describe(write_flow("slowflow", text))
    assert told.name == "SlowFlow"
    assert [each.name for each in told.parameters] == ["word", "seconds"]


def test_what_a_killed_kernel_was_told_is_deleted_after_a_day(write_flow, private_state):
    kills = f"import os, signal\nos.kill(int(os.environ['KERNEL']), signal.SIGKILL)\n{SLOWFLOW}"
    kernel = "import os, sys, nbrunner\nos.environ['KERNEL'] = str(os.getpid())\n"
    command = [sys.executable, "-c", f"{kernel}nbrunner.describe(sys.argv[1])"]
    ended = subprocess.run([*command, write_flow("kills", kills)], check=False)
    assert ended.returncode == -signal.SIGKILL
    (left,) = private_state.glob("describe-*")
    until((left / "answered").exists, "the answer")
    others = [private_state / "describe-abcdefgh", private_state / "describe-others"]
    for each in others:
        each.mkdir()
        (each / "of somebody else").touch()
    describe(write_flow("first", SLOWFLOW))
    assert left.exists(), "its kernel may live"
    for each in (left, *others):
        for file in (*each.iterdir(), each):
            os.utime(file, (1, 1))
    describe(write_flow("second", FOREACHFLOW))
    assert sorted(private_state.glob("describe-*")) == others


def test_several_describe_one_flow_at_once(write_flow):
    file = write_flow("slowflow")

    async def main():
        return await asyncio.gather(*(async_describe(file) for _ in range(3)))

    first, *others = asyncio.run(main())
    assert others == [first, first]
