"""The kernel's answers to a page that has none of its models yet."""

from __future__ import annotations

import time

import pytest
from support.flows import SLOWFLOW

pytestmark = [pytest.mark.slow, pytest.mark.once]

RUN = "%flowrun --bg slowflow.py --no-pylint run --seconds 0"
BADGE = "from nbrunner.jupyter.widgets import StatusBadge; shown = StatusBadge(status='running')"
PANEL = f"{RUN}\nfrom nbrunner.jupyter.panels import RunPanel; shown = RunPanel(running)"
HISTORY = "from nbrunner.jupyter.panels import HistoryPanel; shown = HistoryPanel('SlowFlow')"


@pytest.mark.parametrize("code", [BADGE, PANEL, HISTORY])
def test_a_page_without_the_model_is_answered_with_its_whole_state(kernel, write_flow, code):
    """E1: ipywidgets accepts only an answer to its own request, and makes the model from it."""
    write_flow("slowflow.py", SLOWFLOW)
    kernel.execute(code).checked()
    model = kernel.execute("shown.model_id").checked().result.strip("'")
    session, client = kernel.client.session, kernel.client
    asked = session.msg("comm_msg", {"comm_id": model, "data": {"method": "request_state"}})
    client.shell_channel.send(asked)
    state = answer(client, asked["header"]["msg_id"], model)
    assert state["_model_module"] == "anywidget"
    assert "export" in state["_esm"]
    assert len(state["_bundle_text"]) > 1000
    assert state["own_id"] == model
    kernel.execute("shown.close()").checked()


def answer(client, request: str, model: str) -> dict:
    """Return the state of the update that answers a request."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        message = client.get_iopub_msg(timeout=30)
        content = message["content"]
        is_its = message["parent_header"].get("msg_id") == request
        if is_its and message["msg_type"] == "comm_msg" and content["comm_id"] == model:
            assert content["data"]["method"] == "update"
            return content["data"]["state"]
    raise AssertionError("no answer to this request")
