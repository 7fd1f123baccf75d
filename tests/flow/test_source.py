"""From the name, path or class that a user passes to the flow that runs."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import sys
import threading
from pathlib import Path

import pytest
from support.flows import SLOWFLOW
from support.scripts import run_script

from nbrunner import Runner, describe
from nbrunner.flow import source
from nbrunner.flow.source import flow_source, is_generated, write_flow_file
from nbrunner.record import registry, run_directory

pytestmark = pytest.mark.slow

# A flow that reports its file and its helper.
TELLING = """\
from metaflow import FlowSpec, Parameter, step
from helper import WORD

class {name}(FlowSpec):

    {parameter} = Parameter('{parameter}', default=1)

    @step
    def start(self):
        self.word = WORD
        self.next(self.end)

    @step
    def end(self):
        pass
"""
MAIN = "\nif __name__ == '__main__':\n    {name}()\n"


@pytest.fixture
def write_telling(tmp_path):
    """Write folder/flow.py and folder/helper.py; return the flow file."""

    def write(folder, word, name="TellingFlow", parameter="number", main=MAIN) -> Path:
        home = tmp_path / folder
        home.mkdir(exist_ok=True)
        (home / "helper.py").write_text(f"WORD = {word!r}\n")
        text = TELLING + main
        (home / "flow.py").write_text(text.format(name=name, parameter=parameter))
        return home / "flow.py"

    return write


@contextlib.contextmanager
def importing(folder: Path, module: str):
    """Import a module from a folder; afterwards remove it and its helper from ``sys.modules``."""
    sys.path.insert(0, str(folder))
    known = set(sys.modules)
    try:
        importlib.invalidate_caches()
        yield importlib.import_module(module)
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


def quiet(flow) -> Runner:
    return Runner(flow, show_output=False, pylint=False)


def test_a_path_is_taken_as_text_as_path_and_relative(write_flow, tmp_path):
    file = write_flow("slowflow")
    assert flow_source(str(file)).file == flow_source(file).file == file
    with contextlib.chdir(tmp_path):
        assert flow_source("slowflow.py").file == file
        runner = Runner("slowflow.py")
    assert runner.flow_file == str(file), "resolved when it was given"
    assert repr(runner) == f"Runner({str(file)!r})"


def test_a_home_folder_is_expanded(write_flow, tmp_path, monkeypatch):
    file = write_flow("slowflow")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Runner("~/slowflow.py").flow_file == str(file)


def test_names_with_blanks_and_letters_of_all_kinds(write_flow, tmp_path):
    file = write_flow("mein ordner/größe+1.py", SLOWFLOW)
    assert describe(file).name == "SlowFlow"
    running = quiet(file).run(seconds=0)
    assert (running.status, running.run.data.secs) == ("successful", 0)


@pytest.mark.slow
def test_a_class_of_a_module_that_runs_it(write_telling, tmp_path):
    write_telling("one", "from one")
    with importing(tmp_path / "one", "flow") as module:
        runner = quiet(module.TellingFlow)
        assert runner.flow_file == str(tmp_path / "one" / "flow.py")
    assert runner.run().run.data.word == "from one"


@pytest.mark.slow
def test_a_class_of_a_module_without_a_main_block(write_telling, tmp_path, private_state):
    write_telling("one", "from one", main="")
    with importing(tmp_path / "one", "flow") as module:
        runner = quiet(module.TellingFlow)
        assert Path(runner.flow_file).is_relative_to(private_state), "the module is left alone"
    assert sorted(each.name for each in (tmp_path / "one").glob("*.py")) == ["flow.py", "helper.py"]
    assert runner.run().run.data.word == "from one"


@pytest.mark.slow
@pytest.mark.parametrize(("helper", "main"), [("flows.inner.helper", ""), (".helper", MAIN)])
def test_a_class_of_a_package(tmp_path, helper, main):
    package = tmp_path / "flows" / "inner"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "helper.py").write_text("WORD = 'from the package'\n")
    text = (TELLING + main).format(name="TellingFlow", parameter="number")
    text = text.replace("from helper", f"from {helper}")
    (package / "flow.py").write_text(text)
    with importing(tmp_path, "flows.inner.flow") as module:
        running = quiet(module.TellingFlow).run()
    assert running.run.data.word == "from the package"


def test_a_class_that_is_not_at_the_top_of_its_module(tmp_path):
    inner = SLOWFLOW.partition("if __name__")[0].replace("\n", "\n    ")
    (tmp_path / "hidden.py").write_text(f"def make():\n    {inner}\n    return SlowFlow\n")
    with importing(tmp_path, "hidden") as module:
        with pytest.raises(ValueError, match="not defined at the top level of its module"):
            Runner(module.make())


@pytest.mark.slow
def test_a_class_of_the_script_itself(tmp_path):
    lines = run_script(
        tmp_path,
        """
        from metaflow import FlowSpec, Parameter, step
        from nbrunner import Runner

        FACTOR = 3

        def times(number):
            return number * FACTOR

        class ScriptFlow(FlowSpec):
            number = Parameter('number', default=1)

            @step
            def start(self):
                self.result = times(self.number)
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == '__main__':
            running = Runner(ScriptFlow, show_output=False, pylint=False).run(number=7)
            print(running.status, running.run.data.result)
        """,
    )
    assert lines == ["successful 21"]
    assert [each.name for each in tmp_path.glob("*")] == ["script.py"], "nothing else written"


@pytest.mark.slow
def test_a_class_of_a_script_finds_what_lies_beside_the_script(tmp_path):
    (tmp_path / "beside.py").write_text("WORD = 'beside'\n")
    (tmp_path / "data.txt").write_text("data beside")
    lines = run_script(
        tmp_path,
        """
        import os
        os.chdir('/')
        from pathlib import Path
        from metaflow import FlowSpec, IncludeFile, step
        import beside
        from nbrunner import Runner

        class BesideFlow(FlowSpec):
            data = IncludeFile('data', default=str(Path(__file__).with_name('data.txt')))

            @step
            def start(self):
                self.word = beside.WORD
                self.next(self.end)

            @step
            def end(self):
                pass

        running = Runner(BesideFlow, show_output=False, pylint=False).run()
        print(running.status, running.run.data.word, running.run.data.data)
        """,
    )
    assert lines == ["successful beside data beside"]


def written(number: int) -> Path:
    """Write a flow file that is older than those of a higher number."""
    file = write_flow_file("Cell", f"number = {number}")
    os.utime(file.parent, (number, number))
    return file


def test_of_many_generated_files_the_oldest_are_dropped(monkeypatch, private_state):
    monkeypatch.setattr(source, "_MAX_WRITTEN", 2)
    of_somebody_else = private_state / "flows" / "mine" / "flow.py"
    of_somebody_else.parent.mkdir(parents=True)
    of_somebody_else.touch()
    os.utime(of_somebody_else.parent, (0, 0))
    first, second, third = (written(number) for number in (1, 2, 3))
    assert not first.exists()
    assert second.exists() and third.exists()
    assert of_somebody_else.exists()


def test_a_generated_file_that_a_run_needs_is_not_dropped(monkeypatch):
    monkeypatch.setattr(source, "_MAX_WRITTEN", 2)
    needed, ended = written(1), written(2)
    for file in (needed, ended):
        directory = registry.create()
        directory.write(run_directory.RECORD, {"flow": {"file": str(file)}})
        if file == ended:
            directory.write(run_directory.EXIT, {})
    for number in (3, 4):
        written(number)
    assert needed.exists()
    assert not ended.exists()


def test_a_generated_file_that_another_process_drops_meanwhile(private_state):
    (private_state / "flows").mkdir()
    (private_state / "flows" / ("0" * 16)).symlink_to("gone")  # listed, and not there
    assert written(1).exists()


def test_a_flow_file_at_the_root_is_nobodys_but_the_users():
    assert not is_generated(Path("/flow.py"))


@pytest.mark.slow
def test_an_edited_flow_file_is_seen_between_two_calls(write_telling):
    runner = quiet(write_telling("one", "first"))
    assert runner.run(number=1).run.data.word == "first"
    write_telling("one", "second", parameter="amount")
    assert runner.run(amount=2).run.data.word == "second"
    with pytest.raises(
        ValueError, match=r"Unknown argument: 'number'[^;]*\npossible args are: amount"
    ):
        runner.run(number=1)


@pytest.mark.slow
def test_helper_modules_of_one_name_in_two_folders(write_telling):
    runners = [quiet(write_telling(word, word)) for word in ("one", "two")]
    words = [runner.run().run.data.word for runner in (*runners, *runners)]
    assert words == ["one", "two", "one", "two"]


@pytest.mark.slow
def test_two_runners_in_threads_never_mix_parameters(write_telling):
    flows = {
        "one": quiet(write_telling("one", "one", name="OneFlow", parameter="first")),
        "two": quiet(write_telling("two", "two", name="TwoFlow", parameter="second")),
    }
    seen, refused = {}, {}

    def work(word, own, other, value):
        seen[word] = flows[word].run(**{own: value}).run
        with pytest.raises(ValueError, match=f"Unknown argument: '{other}'") as error:
            flows[word].run(**{other: value})
        refused[word] = str(error.value)

    threads = [
        threading.Thread(target=work, args=("one", "first", "second", 11)),
        threading.Thread(target=work, args=("two", "second", "first", 22)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (seen["one"].data.first, seen["one"].data.word) == (11, "one")
    assert (seen["two"].data.second, seen["two"].data.word) == (22, "two")
    assert seen["one"].pathspec.startswith("OneFlow/")
    assert "possible args are: first, tags" in refused["one"]
    assert "possible args are: second, tags" in refused["two"]


@pytest.mark.slow
def test_two_runners_in_one_loop_never_mix_parameters(write_telling):
    one = quiet(write_telling("one", "one", parameter="first"))
    two = quiet(write_telling("two", "two", parameter="second"))

    async def main():
        handles = await asyncio.gather(one.async_run(first=11), two.async_run(second=22))
        return [await handle for handle in handles]

    first, second = (handle.run.data for handle in asyncio.run(main()))
    assert (first.first, first.word, second.second, second.word) == (11, "one", 22, "two")
