from __future__ import annotations

import threading

import pytest

from nbrunner import attach
from nbrunner.jupyter.kernel.feed import FEED
from nbrunner.launch.child_processes import CHILDREN
from nbrunner.record import registry


@pytest.fixture
def feed():
    """The feed's thread ends with the test, and so do runs that have no follower."""
    yield
    for record in registry.directories():
        attach(record.name).stop()
    CHILDREN.reap()
    while threads := [each for each in threading.enumerate() if each.name.startswith("nbrunner-")]:
        FEED.close()  # again, if a panel that was closing has still had work for it
        for thread in threads:
            thread.join()
