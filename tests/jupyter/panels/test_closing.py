"""Closed panels stay closed."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from nbrunner import Runner
from nbrunner.jupyter.kernel.feed import FEED
from nbrunner.jupyter.panels import RunPanel

pytestmark = pytest.mark.once


def feeding():
    return [thread for thread in threading.enumerate() if thread.name == "nbrunner-feed"]


@pytest.mark.slow
def test_a_closed_panel_that_is_collected_starts_no_thread(write_flow):
    running = Runner(write_flow("slowflow"), show_output=False, pylint=False).run(seconds=0)
    panel = RunPanel(running)
    panel.wait_until_shown()
    panel.close()
    log = weakref.ref(panel.log_view)
    (thread,) = feeding()
    FEED.close()
    thread.join()
    del panel
    gc.collect()
    assert log() is None
    assert feeding() == []
