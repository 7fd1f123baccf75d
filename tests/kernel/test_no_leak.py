"""Cells that are executed repeatedly leave nothing behind in their kernel."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.once]


@pytest.fixture(autouse=True)
def warm(monkeypatch, private_state):
    """Start the many runs warm, as they are not what is tested here."""
    monkeypatch.setenv("NBRUNNER_WARM", "1")


FLOW = """\
%%flowrun --no-pylint
from metaflow import FlowSpec, step

class AgainFlow(FlowSpec):

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        print('once more')
"""

COUNT = """\
import gc, json, os, threading, psutil
from ipywidgets.widgets.widget import _instances
gc.collect()
me = psutil.Process()
print(json.dumps({
    'widgets': len(_instances),
    'comms': len(get_ipython().kernel.comm_manager.comms),
    'threads': threading.active_count(),
    'descriptors': me.num_fds(),
    'children': len(me.children()),
    'megabytes': me.memory_info().rss / 1e6,
}))
"""


def in_cell(kernel, name, code):
    """Execute a cell like a front end with a user: with the cell's id, and with input."""
    content = {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": True,
        "stop_on_error": True,
    }
    session = kernel.client.session
    message = session.msg("execute_request", content, metadata={"cellId": name})
    kernel.client.shell_channel.send(message)
    reply = kernel._reply(message["header"]["msg_id"])
    assert reply["status"] == "ok", reply
    kernel.read_until_idle(message["header"]["msg_id"])


@pytest.mark.timeout(600)
def test_a_hundred_executions_of_a_cell_leave_one_panel(kernel):
    def counted():
        return json.loads(kernel.execute(COUNT).checked().stdout)

    for _ in range(10):
        in_cell(kernel, "the cell", FLOW)
    before = counted()
    for _ in range(100):
        in_cell(kernel, "the cell", FLOW)
    after = counted()
    for what in ("widgets", "comms", "threads", "children"):
        assert after[what] == before[what], what
    assert after["descriptors"] <= before["descriptors"] + 2
    assert after["megabytes"] < before["megabytes"] + 25
    assert before["widgets"] > 0, "there is a panel"


def test_panels_of_other_cells_stay(kernel):
    in_cell(kernel, "one", FLOW)
    one = json.loads(kernel.execute(COUNT).checked().stdout)["widgets"]
    in_cell(kernel, "two", FLOW)
    in_cell(kernel, "three", "running")
    three = json.loads(kernel.execute(COUNT).checked().stdout)["widgets"]
    assert three > 2 * one
    in_cell(kernel, "three", "1")
    two = json.loads(kernel.execute(COUNT).checked().stdout)["widgets"]
    assert one < two < three
