"""The Runner that resumes an earlier run has the settings of its start."""

from __future__ import annotations

import json

import pytest
from support.scripts import run_script

from nbrunner import Runner, attach
from nbrunner.errors import BadValueError, StateError
from nbrunner.record import run_directory
from nbrunner.rerun import runner_of

pytestmark = pytest.mark.slow

SETTINGSFLOW = """\
import os
from metaflow import FlowSpec, step

class SettingsFlow(FlowSpec):

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        told = [os.environ.get(name) for name in ('METAFLOW_PROFILE', 'MODE')]
        print('settings', *told, os.path.basename(os.getcwd()))
        if not os.path.exists('mended'):
            raise ValueError('not yet')

if __name__ == '__main__':
    SettingsFlow()
"""


def told(running):
    return next(line for line in running.stdout.splitlines() if "settings" in line).split()[-3:]


@pytest.fixture
def failed(write_flow, tmp_path, private_state):
    """Start a run that fails, in another folder and with a profile."""
    home = private_state / "metaflow-home"
    home.mkdir()
    (home / "config_other.json").write_text("{}")
    (tmp_path / "sub").mkdir()
    flow = write_flow("settingsflow.py", SETTINGSFLOW)

    def start(**settings):
        settings = {"profile": "other", "cwd": tmp_path / "sub"} | settings
        runner = Runner(
            flow, show_output=False, pylint=False, decospecs=["retry:times=0"], **settings
        )
        running = runner.run()
        assert running.status == "failed"
        (tmp_path / "sub" / "mended").touch()
        return running

    return start


def test_another_process_resumes_with_profile_folder_and_options(failed, tmp_path):
    pathspec = failed().pathspec
    printed = run_script(
        tmp_path,
        f"""
        from nbrunner import attach
        from nbrunner.rerun import runner_of
        failed = attach({pathspec!r})
        resumed = runner_of(failed).resume(origin_run_id=failed.run.id)
        print(resumed.status, resumed.record["top_level_options"])
        print(resumed.stdout)
        """,
    )
    assert printed[0] == "successful {'pylint': False, 'decospecs': ['retry:times=0']}"
    assert any(line.endswith("settings other None sub") for line in printed)


def test_this_process_knows_the_values_of_variables_as_well(failed):
    running = failed(env={"MODE": "s3cret"})
    again = attach(running.pathspec)
    resumed = runner_of(again).resume(origin_run_id=again.run.id)
    assert told(resumed) == ["other", "s3cret", "sub"]
    edited = runner_of(again, running.runner.flow_file)
    assert edited is not running.runner
    assert told(edited.resume(origin_run_id=again.run.id)) == ["other", "s3cret", "sub"]


def test_another_process_asks_for_values_that_are_not_written_down(failed, private_state, tmp_path):
    running = failed(env={"MODE": "s3cret"})
    for file in private_state.glob("runs/*/*.json"):
        assert "s3cret" not in file.read_text(), file
    script = f"""
        from nbrunner import attach
        from nbrunner.errors import BadValueError
        from nbrunner.rerun import runner_of
        try:
            runner_of(attach({running.pathspec!r}))
        except BadValueError as error:
            print(error)
    """
    (said,) = run_script(tmp_path, script)
    assert "MODE was set through env= and is not stored" in said


def test_a_damaged_record_tells_how_to_go_on(failed):
    running = failed()
    record = running.directory.path / run_directory.RECORD
    record.write_text(json.dumps({"started": running.record["started"]}))
    again = attach(running.pathspec)
    again.runner = None  # as in another process
    with pytest.raises(StateError, match=f"resume --origin-run-id {running.run.id}"):
        runner_of(again)
    with pytest.raises(BadValueError, match="no record of a run"):
        attach("SettingsFlow/1")
