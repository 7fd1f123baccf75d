"""Panels that stay open while flows, records and selections change."""

from __future__ import annotations

import asyncio
import threading

import pytest
from support.flows import FLOWS
from support.waiting import until

from nbrunner import Runner
from nbrunner.flow.cell_source import cell_flow
from nbrunner.handles import ExecutingProcess
from nbrunner.history import PastRun
from nbrunner.jupyter.panels.board_panel import BoardPanel
from nbrunner.jupyter.panels.board_rows import BoardRows, board_picture
from nbrunner.jupyter.panels.history_panel import HistoryPanel
from nbrunner.jupyter.panels.launch_panel import LaunchPanel
from nbrunner.jupyter.panels.resume_bar import ResumeBar
from nbrunner.record import registry

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.usefixtures("feed")]


def begun() -> list[str]:
    """Return the statuses of all recorded runs."""
    from nbrunner import attach

    return [attach(each.name).status for each in registry.directories()]


# -- a form ----------------------------------------------------------------------------


def test_a_form_runs_the_flow_as_it_is_when_it_is_asked_to(write_flow, tmp_path):
    slow = FLOWS["slowflow"].replace("default=3", "default=0")
    mended = tmp_path / "mended"
    mended.mkdir()
    flows = [
        write_flow("slowflow.py", slow.replace("def end(self):", "def end(self):\n        1 / 0"))
    ]
    started: list[ExecutingProcess] = []
    panel = LaunchPanel(flows[0], on_start=started.append, current=lambda: flows[-1])
    panel._act("run", "")
    until(lambda: [run.status for run in started] == ["failed"])
    until(lambda: panel.form.ready)
    (mended / "slowflow.py").write_text(slow)
    flows.append(mended / "slowflow.py")
    panel._act("run", "")
    until(lambda: [run.status for run in started] == ["failed", "successful"])
    until(lambda: panel.form.ready)
    panel.close()


def held(panel) -> dict[str, object]:
    """Return the message that the front end sends before Run: the content of every field."""
    return {
        each["name"]: panel.form.values.get(each["name"], each["value"])
        for each in panel.form.fields
    }


def test_a_form_whose_flow_has_other_fields_shows_them_before_it_runs(write_flow):
    slow = FLOWS["slowflow"].replace("default=3", "default=0")
    panel = LaunchPanel(write_flow("slowflow.py", slow))
    panel.form.values = held(panel) | {"max_workers": "2"}
    more = "    more = Parameter('more', default=7)\n\n    @step"
    changed = slow.replace("    @step", more, 1).replace("default=0", "default=1")
    write_flow("slowflow.py", changed)
    panel.form.values = held(panel) | {"tags": "one"}
    panel._act("run", "")
    until(lambda: not panel._is_unseen and "more" in held(panel))
    assert "parameters changed" in panel.form.errors[""]
    assert (panel.form.ready, begun()) == (True, [])
    assert panel.form.code.endswith("slowflow.py run --max-workers 2 --tag one"), "its own defaults"
    panel.form.values = held(panel)
    panel._act("run", "")
    until(lambda: begun() == ["successful"])
    until(lambda: panel.form.errors == {} and panel.form.ready)
    panel.close()


def test_a_form_whose_flow_was_broken_runs_it_when_it_is_mended(write_flow):
    slow = FLOWS["slowflow"].replace("default=3", "default=0")
    file = write_flow("slowflow.py", slow)
    panel = LaunchPanel(file)
    file.write_text("1 / 0")
    panel._act("run", "")
    until(lambda: "ZeroDivisionError" in panel.form.errors.get("", ""))
    assert panel.form.ready
    file.write_text(slow)
    panel._act("run", "")
    until(lambda: begun() == ["successful"])
    until(lambda: panel.form.errors == {} and panel.form.ready)
    panel.close()


# -- a bar to resume with --------------------------------------------------------------


@pytest.fixture
def failed(write_flow):
    return Runner(write_flow("failflow"), show_output=False, pylint=False).run()


def past(running) -> PastRun:
    return PastRun(running.pathspec, running.status, None, recorded=running.directory.name)


def test_a_run_is_resumed_with_flows_of_its_own_name(failed, tmp_path):
    flows = {
        name: cell_flow(FLOWS[name.lower()], "Cell In[1]", [tmp_path])
        for name in ("SlowFlow", "FailFlow")
    }
    bar = ResumeBar(past(failed), {**flows, "other.py": "other.py"}, on_start=print)
    file = f"{failed.record['flow']['file']} as it is now"
    assert bar.flows == ["FailFlow", "other.py", file]
    assert bar.flow == "FailFlow"
    bar.close()


def test_a_second_press_before_the_first_is_seen_starts_nothing_more(failed, monkeypatch):
    gate = threading.Event()
    asked = []

    async def resume(self, **arguments):
        asked.append(arguments)
        await asyncio.to_thread(gate.wait)
        return failed

    monkeypatch.setattr(Runner, "async_resume", resume)
    bar = ResumeBar(past(failed), {}, on_start=lambda run: None)
    bar.start()
    bar.start()
    until(lambda: asked)
    gate.set()
    until(lambda: not bar.busy)
    assert len(asked) == 1
    bar.close()


# -- a board ---------------------------------------------------------------------------

THINGFLOW = """\
from metaflow import FlowSpec, step
from things import Thing

class ThingFlow(FlowSpec):

    @step
    def start(self):
        self.thing, self.size = Thing(), 3
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    ThingFlow()
"""


def test_an_artifact_that_cannot_be_read_here_leaves_its_row_the_rest(write_flow, tmp_path):
    (tmp_path / "things.py").write_text("class Thing:\n    pass\n")
    running = Runner(write_flow("thingflow.py", THINGFLOW), show_output=False, pylint=False).run()
    rows = BoardRows([running], ["thing", "size", "absent"])
    (row,) = rows.read()
    assert rows.cells(row)[1:4] == ["(ModuleNotFoundError)", "3", ""]


def test_a_board_of_runs_whose_records_are_gone_shows_what_is_known(failed):
    failed.runner.cleanup()
    text = board_picture([failed])["text/plain"]
    assert "failed" in text and failed.pathspec in text


def test_a_board_says_what_goes_wrong_and_goes_on(failed, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(BoardRows, "_row", lambda *given: 1 / 0)
        panel = BoardPanel([failed])
        until(lambda: panel.table.error == "ZeroDivisionError: division by zero")
    until(lambda: [row["status"] for row in panel.table.rows] == ["failed"])
    until(lambda: panel.table.error == "")
    panel._shown.result(60)
    panel.close()


# -- a history -------------------------------------------------------------------------


def test_a_history_that_is_closed_while_it_reads_shows_and_follows_nothing(failed):
    gate, reads = threading.Event(), []

    class Slow(HistoryPanel):
        def read(self):
            reads.append("page")
            gate.wait()
            return super().read()

    panel = Slow("FailFlow")
    until(lambda: reads)
    panel._page.runs.append(past(failed))
    panel._act("open", failed.pathspec)
    panel._act("refresh", "")
    panel.close()
    gate.set()
    done = threading.Event()
    panel._aside(done.set)  # after all earlier requests
    assert done.wait(60)
    assert (reads, panel._open, panel._watching) == (["page"], {}, None)
