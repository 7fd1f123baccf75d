"""A panel when the action of a button fails unexpectedly."""

from __future__ import annotations

import asyncio

import pytest
from support.waiting import until

from nbrunner import Runner
from nbrunner.history import PastRun
from nbrunner.jupyter.magic.launch import Launch
from nbrunner.jupyter.panels.launch_panel import LaunchPanel
from nbrunner.jupyter.panels.resume_bar import ResumeBar
from nbrunner.jupyter.panels.run_panel import RunPanel

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.usefixtures("feed")]


def unforeseen(*arguments, **named):
    raise ZeroDivisionError("unforeseen")


@pytest.fixture
def failed(write_flow):
    return Runner(write_flow("failflow"), show_output=False, pylint=False).run()


def actions(panel) -> dict[str, bool]:
    """Return the names of a run panel's buttons, and whether they can be pressed."""
    return {each["name"]: not each["disabled"] for each in panel.header.actions}


def test_resume_of_a_run_panel(failed, monkeypatch):
    panel = RunPanel(failed)
    until(lambda: actions(panel) == {"resume": True})
    monkeypatch.setattr(Runner, "async_resume", unforeseen)
    panel._act("resume")
    until(lambda: panel.header.warning == "ZeroDivisionError: unforeseen")
    assert actions(panel) == {"resume": True}
    panel.close()


def test_stop_of_a_run_panel(write_flow, monkeypatch):
    async def start():
        runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
        return await runner.async_run(seconds=60)

    running = asyncio.run(start())
    panel = RunPanel(running)
    until(lambda: actions(panel) == {"stop": True})
    with monkeypatch.context() as patch:
        patch.setattr(type(running), "async_stop", unforeseen)
        panel._act("stop")
        until(lambda: panel.header.warning == "ZeroDivisionError: unforeseen")
    assert actions(panel) == {"stop": True}
    panel._act("stop")
    until(lambda: running.status != "running")
    until(lambda: actions(panel) == {"resume": True})
    assert panel.header.warning == ""
    panel.wait_until_shown()
    panel.close()


@pytest.mark.parametrize("method", ["begin", "wait_for_id"])
def test_run_of_a_form(write_flow, monkeypatch, method):
    panel = LaunchPanel(write_flow("slowflow"))
    with monkeypatch.context() as patch:
        patch.setattr(Launch, method, unforeseen)
        panel._act("run", "")
        until(lambda: panel.form.errors == {"": "ZeroDivisionError: unforeseen"})
        until(lambda: panel.form.ready)
    assert panel.held_below() == []
    panel.close()


def test_a_form_whose_file_was_deleted(write_flow):
    file = write_flow("slowflow")
    panel = LaunchPanel(file)
    file.unlink()
    panel._act("run", "")
    until(lambda: f"no flow file at '{file}'" in panel.form.errors.get("", ""))
    panel.close()


def test_a_form_takes_the_values_of_a_run_whose_record_is_gone(write_flow):
    panel = LaunchPanel(write_flow("slowflow"))
    panel._act("take", "20200101-000000-000000-00000000")
    until(lambda: "no record of a run" in panel.form.errors.get("", ""))
    assert panel.form.ready
    panel.close()


@pytest.mark.parametrize("where", ["async_resume", "on_start"])
def test_start_of_a_resume_bar(failed, monkeypatch, where):
    run = PastRun(failed.pathspec, "failed", None, recorded=failed.directory.name)
    bar = ResumeBar(run, {}, on_start=unforeseen)
    if where == "async_resume":
        monkeypatch.setattr(Runner, where, unforeseen)
    bar.start()
    until(lambda: bar.message == "ZeroDivisionError: unforeseen")
    until(lambda: not bar.busy)
    bar.close()
