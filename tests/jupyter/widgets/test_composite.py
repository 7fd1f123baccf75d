"""A panel is one model: messages of its parts, answers to a page, closing."""

from __future__ import annotations

from typing import Any, ClassVar

import comm
import ipywidgets
import pytest
from comm.base_comm import BaseComm
from ipywidgets.widgets.widget import _instances

from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.widgets import LogView, RunHeader, StatusBadge, StepGraph
from nbrunner.jupyter.widgets.composite import Composite
from nbrunner.logs.index import MergedLog

pytestmark = pytest.mark.once


class HeardComm(BaseComm):
    """A comm for which the test acts as the page."""

    opened: ClassVar[list[HeardComm]] = []

    def __init__(self, *given, **named):
        self.sent = []
        super().__init__(*given, **named)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        if msg_type == "comm_open":
            self.opened.append(self)
        self.sent.append((msg_type, data))

    @property
    def contents(self) -> list[dict[str, object]]:
        """The contents of nbrunner's own messages to the page."""
        told = [
            data["content"] for kind, data in self.sent if kind == "comm_msg" and "content" in data
        ]
        return [each for each in told if each["kind"] != wire.OPENED]


@pytest.fixture(autouse=True)
def comms(monkeypatch):
    monkeypatch.setattr(HeardComm, "opened", [])
    monkeypatch.setattr(comm, "create_comm", HeardComm)
    return HeardComm.opened


def asked(panel, **message):
    """Request the state like a page; return the answer."""
    (real,) = [each for each in HeardComm.opened if each.comm_id == panel.own_id]
    content = {"kind": wire.STATE, "id": "1", **message}
    message = {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
    real.handle_msg(message)
    return [each for each in real.contents if each["kind"] == wire.STATE][-1]


def told(panel, part, data, by="page"):
    content = {"kind": wire.PART, "part": part, "data": data, "by": by}
    panel._handle_msg(
        {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
    )


def test_a_panel_opens_one_comm_whatever_is_in_it(comms):
    panel = Composite({"header": RunHeader(), "graph": StepGraph()})
    inner = Composite({"badge": StatusBadge(status="running")})
    panel.hold_below(inner)
    assert comms == []
    assert panel.model_id == panel.own_id
    assert [each.comm_id for each in comms] == [panel.own_id]
    state = comms[0].sent[0][1]["state"]["snapshot"]["state"]
    assert list(state) == ["", "header", "graph", "below1", "below1/badge"]
    assert state["below1/badge"]["status"] == "running"
    panel.close()
    assert panel.own_id not in _instances and comms[0].sent[-1][0] == "comm_close"


def test_what_changes_is_sent_with_the_next_number(comms):
    panel = Composite({"badge": StatusBadge(), "graph": StepGraph()})
    panel.model_id  # noqa: B018
    panel._held["badge"].status = "running"
    panel._held["graph"].selected = "start"
    first, second = comms[0].contents
    assert (first["part"], first["data"]["state"]) == ("badge", {"status": "running"})
    assert (second["part"], second["data"]["state"]) == ("graph", {"selected": "start"})
    assert second["version"][1] == first["version"][1] + 1
    panel.close()


def test_a_page_that_has_an_earlier_state_is_given_the_whole(comms):
    badge = StatusBadge()
    panel = Composite({"badge": badge})
    panel.model_id  # noqa: B018
    answer = asked(panel, version=None)
    assert answer["state"]["badge"]["status"] == "starting"
    assert asked(panel, version=answer["version"])["same"]
    badge.status = "failed"
    again = asked(panel, version=answer["version"])
    assert again["state"]["badge"]["status"] == "failed"
    assert asked(panel, version=["another kernel", 1])["state"]
    panel.close()


def test_what_changes_while_the_comm_is_being_opened_is_not_taken_for_known(comms, monkeypatch):
    """E2: a change between the model's first state and the opening is in the next answer."""
    badge = StatusBadge()
    panel = Composite({"badge": badge})
    first_state = panel.comm._state

    def state():
        found = first_state()
        badge.status = "running"
        return found

    panel.comm._state = state
    panel.model_id  # noqa: B018
    known = comms[0].sent[0][1]["state"]["snapshot"]
    assert known["state"]["badge"]["status"] == "starting"
    assert asked(panel, version=known["version"])["state"]["badge"]["status"] == "running"
    panel.close()


def test_what_a_page_changes_reaches_the_part_and_says_by_whom(comms):
    graph = StepGraph()
    heard = []
    graph.on_msg(lambda _, content, buffers: heard.append(content))
    inner = Composite({"graph": graph})
    panel = Composite({})
    panel.hold_below(inner)
    panel.model_id  # noqa: B018
    told(panel, "below1/graph", {"method": "update", "state": {"selected": "end"}})
    told(panel, "below1/graph", {"method": "custom", "content": {"kind": "x"}})
    told(panel, "below9/graph", {"method": "custom", "content": {"kind": "of a closed part"}})
    assert (graph.selected, heard) == ("end", [{"kind": "x"}])
    echo = [each for each in comms[0].contents if each["data"]["method"] == "echo_update"]
    assert [(each["part"], each["by"]) for each in echo] == [("below1/graph", "page")]
    panel.close()


def test_an_answer_to_one_view_has_no_number(comms):
    header = RunHeader()
    panel = Composite({"header": header})
    panel.model_id  # noqa: B018
    told(panel, "header", {"method": "custom", "content": {"kind": wire.ACTION, "id": "7"}})
    (answer,) = comms[0].contents
    assert answer["data"]["content"]["id"] == "7" and "version" not in answer
    panel.close()


def test_a_widget_by_itself_opens_its_comm_when_it_is_shown(comms, tmp_path):
    log = LogView(MergedLog(tmp_path / "out", tmp_path / "err"))
    assert comms == []
    box = ipywidgets.VBox([log])
    assert f"IPY_MODEL_{log.model_id}" in box.get_state()["children"]
    (own,) = [each for each in comms if each.comm_id == log.own_id]
    log.step = "start"
    assert {"step": "start"} in [data.get("state") for _, data in own.sent]
    log.close()
    box.close()


def test_a_part_of_a_panel_can_be_shown_by_itself_as_well(comms):
    badge = StatusBadge()
    panel = Composite({"badge": badge})
    panel.model_id, badge.model_id  # noqa: B018
    badge.status = "running"
    by_panel, alone = comms
    assert by_panel.contents[-1]["data"]["state"] == {"status": "running"}
    assert alone.sent[-1][1]["state"] == {"status": "running"}
    panel.close()
    assert alone.sent[-1][0] == "comm_close"


def test_a_panel_below_is_closed_and_no_longer_drawn(comms):
    panel = Composite({"badge": StatusBadge()})
    one, two = StatusBadge(), StatusBadge()
    panel.hold_below(one)
    panel.hold_below(two)
    assert panel.held_below() == [two, one]
    panel.drop_below(two)
    assert (panel.held_below(), panel.below, two.comm) == (
        [one],
        [["below1", "status_badge"]],
        None,
    )
    panel.close()


def test_a_page_that_is_open_is_told_all_of_a_panel_that_is_opened_below(comms):
    panel = Composite({})
    panel.model_id  # noqa: B018
    inner = Composite({"badge": StatusBadge(status="failed")})
    panel.hold_below(inner)
    known: dict[str, Any] = {}
    for each in comms[0].contents:
        known[str(each["part"])] = each["data"]["state"]
    assert list(known) == ["below1/badge", "below1", ""], "what is drawn is there before it is"
    assert known["below1/badge"]["status"] == "failed"
    assert known["below1"]["parts"] == [["badge", "status_badge"]]
    assert known[""]["below"] == [["below1", "panel"]]
    panel.close()


def test_a_layout_is_a_model_of_its_own_only_where_somebody_uses_it(comms):
    badge = StatusBadge()
    badge.model_id  # noqa: B018
    assert "layout" not in comms[0].sent[0][1]["state"]
    badge.layout.width = "50%"
    assert comms[0].sent[-1][1]["state"] == {"layout": f"IPY_MODEL_{badge.layout.model_id}"}
    badge.close()
