"""Realistic flows: Metaflow's own tutorials, and every feature of Metaflow."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest
from support.feature_flows import GIVENFLOW, HARDYFLOW, NESTEDFLOW, SWITCHFLOW

from nbrunner import ExecutingTask, Runner, StepProgress

pytestmark = pytest.mark.slow


def quiet(flow, **options) -> Runner:
    """Return a Runner in the flow's folder, where Metaflow stores cards and spun tasks."""
    options = {"cwd": flow.parent, "show_output": False, "pylint": False, **options}
    return Runner(flow, **options)


def counts(running) -> dict[str, StepProgress]:
    return dict(running.progress.steps)


@pytest.fixture
def tutorial(tmp_path):
    """Copy a tutorial of the installed metaflow and return its flow file."""
    home = Path(importlib.util.find_spec("metaflow").origin).parent / "tutorials"

    def copy(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(home / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (file,) = folder.glob("*.py")
        return file

    return copy


def test_tutorial_helloworld(tutorial):
    running = quiet(tutorial("00-helloworld")).run()
    assert running.status == "successful"
    assert "Metaflow says: Hi!" in running.stdout
    assert [step.id for step in running.run] == ["end", "hello", "start"]
    assert str(running.progress) == "start 1/1  hello 1/1  end 1/1"


def test_tutorial_playlist_with_its_movies(tutorial):
    runner = quiet(tutorial("01-playlist"))
    running = runner.run(genre="Documentary", recommendations=2)
    assert running.status == "successful"
    picks = [line for line in running.stdout.splitlines() if "Pick" in line]
    assert len(picks) == 3, "two picks and the bonus"
    movies = running.run["genre_movies"].task.data.movies
    assert len(movies) > 10
    assert "Documentary" not in running.run.data.bonus[1]

    again = runner.resume(origin_run_id=running.run.id, step_to_rerun="join")
    assert again.status == "successful"
    assert again.run["genre_movies"].task.data.movies == movies
    cloned = {name for name, step in counts(again).items() if step.cloned}
    assert cloned == {"start", "bonus_movie", "genre_movies"}
    assert again.progress.tasks == StepProgress(done=2, cloned=3)


def test_tutorials_statistics_and_the_playlist_made_of_them(tutorial):
    statistics = quiet(tutorial("02-statistics")).run(max_workers=4)
    assert statistics.status == "successful"
    stats = statistics.run.data.genre_stats
    assert stats["comedy"]["quartiles"] == sorted(stats["comedy"]["quartiles"])
    assert counts(statistics)["compute_statistics"] == StepProgress(done=len(stats))

    playlist = quiet(tutorial("03-playlist-redux")).run(genre="Comedy")
    assert playlist.status == "successful"
    assert f"MovieStatsFlow/{statistics.run.id}" in playlist.stdout
    assert set(playlist.run.data.playlist) <= set(stats["comedy"]["dataframe"]["movie_title"])


def test_nested_foreach(write_flow):
    running = quiet(write_flow("nested", NESTEDFLOW)).run()
    assert running.run.data.values == [10, 20, 21]
    assert {name: step.done for name, step in counts(running).items()} == {
        "start": 1,
        "row": 2,
        "cell": 3,
        "join_cells": 2,
        "join_rows": 1,
        "end": 1,
    }
    assert running.progress.tasks == StepProgress(done=10)


@pytest.mark.parametrize(
    ("way", "done"),
    [
        ("short", {"start": 1, "short": 1, "end": 1}),
        ("long", {"start": 1, "long": 3, "split": 1, "left": 1, "right": 1, "join": 1, "end": 1}),
    ],
)
def test_switch_recursion_and_branches(write_flow, way, done):
    running = quiet(write_flow("switch", SWITCHFLOW)).run(way=way)
    assert running.status == "successful"
    assert {name: step.done for name, step in counts(running).items() if step.total} == done
    assert list(counts(running)) == [
        "start", "short", "long", "split", "left", "right", "join", "end",
    ]  # fmt: skip
    if way == "long":
        assert (running.run.data.sides, running.run.data.count) == (["left", "right"], 3)


def test_retry_catch_and_timeout(write_flow):
    running = quiet(write_flow("hardy", HARDYFLOW)).run()
    assert running.status == "successful"
    assert running.failure is None
    assert running.run["start"].task.data.attempt == 1
    assert "lost it" in str(running.run["careless"].task.data.caught)
    assert "TimeoutException" in str(running.run["slow"].task.data.late)
    assert {step.failed for step in counts(running).values()} == {0}
    assert running.progress.tasks == StepProgress(done=4)


def test_a_decorator_given_from_outside_is_at_work(write_flow):
    text = HARDYFLOW.replace("    @retry(times=2, minutes_between_retries=0)\n", "")
    runner = quiet(write_flow("hardy", text), decospecs=["retry:times=1,minutes_between_retries=0"])
    assert runner.run().status == "successful"


@pytest.fixture
def given(write_flow, tmp_path):
    """GivenFlow with a text file next to it."""
    (tmp_path / "some.txt").write_text("gegrüßt\nsei", encoding="utf-8")
    return write_flow("given", GIVENFLOW)


def test_parameters_of_all_kinds_tags_namespace_project_and_run_id_file(given, tmp_path):
    table = {"a": [1, 2.5, None], "ü": {"nested": True}}
    running = quiet(given, branch="mine").run(
        table=table,
        text=tmp_path / "some.txt",
        added=7,
        tags=["one", "two words"],
        user_namespace="user:somebody",
        run_id_file=tmp_path / "run_id",
    )
    data = running.run["start"].task.data
    assert running.status == "successful"
    assert (data.table, data.text, data.added, data.size) == (table, "gegrüßt\nsei", 7, 1)
    assert (data.branch, data.namespace) == ("test.mine", "user:somebody")
    assert (tmp_path / "run_id").read_text() == running.run.id
    assert running.run.user_tags >= {"one", "two words"}
    assert "project:givenproject" in running.run.system_tags
    assert "project_branch:test.mine" in running.run.system_tags
    assert running.run.data.colour == "blue", "the step mutator's decorator"
    assert counts(running)["end"] == StepProgress(done=1), "the flow mutator's @retry"
    assert len(list(tmp_path.rglob("mf.cards/**/start/**/*.html"))) == 1, "the card"


def test_configs_as_files_and_as_values(given, tmp_path):
    (tmp_path / "conf.json").write_text('{"size": 3, "name": "from the file"}')
    runner = quiet(
        given,
        config={"conf": tmp_path / "conf.json"},
        config_value=[("other", {"x": "from the value"})],
    )
    running = runner.run(text=tmp_path / "some.txt")
    data = running.run["start"].task.data
    assert data.greeting == "from the file"
    assert tuple(data.configured) == (3, "from the value")
    assert data.size == 3, "the parameter's default comes from the config"


NAMEDFLOW = """\
from metaflow import Config, FlowSpec, step

class NamedFlow(FlowSpec):

    conf = Config('run', default_value={'run': 0})

    @step
    def start(self):
        self.found = self.conf.run
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    NamedFlow()
"""


def test_a_config_may_be_called_like_a_subcommand(write_flow):
    runner = quiet(write_flow("namedflow.py", NAMEDFLOW), config_value=[("run", {"run": 7})])
    running = runner.run()
    assert (running.status, running.run["start"].task.data.found) == ("successful", 7)


def test_a_missing_config_file_is_named(given, tmp_path):
    with pytest.raises(ValueError, match=r"'nowhere\.json' could not be read"):
        quiet(given, config={"conf": "nowhere.json"}).run(text=tmp_path / "some.txt")


def test_a_missing_included_file_is_named(given):
    with pytest.raises(ValueError, match=r"text: .* /.*nowhere\.txt does not exist"):
        quiet(given).run(text="nowhere.txt")
    with pytest.raises(ValueError, match=r"text: .* /root/nowhere\.txt does not exist"):
        quiet(given).run(text="~root/nowhere.txt")


def test_environment_and_working_directory_of_the_run(write_flow, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    text = HARDYFLOW.partition("    @retry")[0].replace("import time", "import os") + (
        "    @step\n    def start(self):\n"
        "        self.seen = os.environ['GIVEN'], os.getcwd()\n"
        "        self.next(self.end)\n\n"
        "    @step\n    def end(self):\n        pass\n\n"
        "if __name__ == '__main__':\n    HardyFlow()\n"
    )
    running = quiet(write_flow("where", text), env={"GIVEN": "a = b"}, cwd=folder).run()
    assert tuple(running.run.data.seen) == ("a = b", str(folder))


def test_a_run_recorded_elsewhere_is_found(write_flow, tmp_path):
    """The metadata of the run are in another folder than those of the caller."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    env = {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder / "own")}
    running = quiet(write_flow("slowflow"), env=env, cwd=folder).run(seconds=0)
    assert running.run.successful
    assert running.run.data.secs == 0
    assert (folder / "own" / ".metaflow" / "SlowFlow" / running.run.id).is_dir()


def test_spin_runs_one_step_again(write_flow):
    runner = quiet(write_flow("nested", NESTEDFLOW))
    running = runner.run()
    task = runner.spin(running.run["join_rows"].task.pathspec, persist=True)
    assert isinstance(task, ExecutingTask)
    assert task.status == "successful"
    assert task.task["values"].data == [10, 20, 21]
