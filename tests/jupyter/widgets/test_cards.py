"""Cards that change while they are shown."""

from __future__ import annotations

import asyncio
import base64
import re

import pytest
from support.waiting import until

from nbrunner import Runner
from nbrunner.jupyter.kernel import wire
from nbrunner.jupyter.widgets import Cards

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.usefixtures("feed")]

EPOCHS = """\
import os, time
from metaflow import FlowSpec, card, current, step
from metaflow.cards import Markdown

class EpochFlow(FlowSpec):

    @card(type='blank', refresh_interval=0.1)
    @step
    def start(self):
        text = Markdown('epochs 1 of 5')
        current.card.append(text)
        current.card.refresh(force=True)
        while not os.path.exists('go'):
            time.sleep(0.02)
        text.update('epochs 4 of 5')
        current.card.refresh(force=True)
        while not os.path.exists('end'):
            time.sleep(0.02)
        text.update('epochs 5 of 5')
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    EpochFlow()
"""


def told(html: str) -> str:
    """Return the data of a card's page, which are embedded as base64."""
    data = re.findall(r'__MF_DATA__\["[^"]*"\] = "([A-Za-z0-9+/]+=*)"', html)
    return "\n".join(base64.b64decode(each).decode("utf-8", "replace") for each in data)


class Page:
    """A page that shows the first card, and requests it again whenever it has changed."""

    def __init__(self, cards):
        self.cards = cards
        self.html = self.stamp = ""
        cards.send = lambda content, buffers=None: self._hear(content)

    def _hear(self, content):
        if content["kind"] == wire.CARD:
            self.html = content["html"]

    def shows(self, text, over=False):
        self.cards.show(over)
        if self.cards.rows and self.cards.rows[0]["stamp"] != self.stamp:
            self.stamp = self.cards.rows[0]["stamp"]
            self.cards.shown = self.cards.rows[0]["key"]
            self.cards._asked(None, {"kind": wire.CARD, "card": self.cards.shown, "id": "1"}, [])
        return text in told(self.html)


def test_a_card_that_is_opened_while_its_task_runs_moves_and_is_right_at_the_end(
    write_flow, tmp_path
):
    """E5: the panel shows each current.card.refresh, and the last state."""
    flow = write_flow("epochflow.py", EPOCHS)
    runner = Runner(flow, show_output=False, pylint=False, cwd=str(tmp_path))
    running = asyncio.run(runner.async_run())
    cards = Cards(running)
    page = Page(cards)
    cards.show(False)
    assert cards.rows == [], "nothing is read while it is folded"
    cards.unfolded = True
    until(lambda: page.shows("epochs 1 of 5"))
    (tmp_path / "go").touch()
    until(lambda: page.shows("epochs 4 of 5"))
    (tmp_path / "end").touch()
    until(lambda: running.status == "successful")
    until(lambda: page.shows("epochs 5 of 5", over=True))
    cards.close()
