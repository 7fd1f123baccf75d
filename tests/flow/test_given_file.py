"""A path that is not a regular file is refused at once: reading a named pipe would block."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest
from support.flows import FLOWS

from nbrunner import BadValueError, FlowLoadError, FlowNotFoundError, Runner, describe

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.timeout(60)]

TAKING = """\
from metaflow import Config, FlowSpec, IncludeFile, step

class TakingFlow(FlowSpec):

    settings = Config('settings', default_value='{}')
    text = IncludeFile('text', required=False)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    TakingFlow()
"""


@pytest.fixture(params=["a named pipe", "a directory", "a socket", "a device"])
def place(request, tmp_path):
    """Create something other than a file at ./flow.py; yield its kind."""
    with contextlib.chdir(tmp_path):
        if request.param == "a named pipe":
            os.mkfifo("flow.py")
        elif request.param == "a directory":
            Path("flow.py").mkdir()
        elif request.param == "a socket":
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as listening:
                listening.bind("flow.py")
        else:
            Path("flow.py").symlink_to("/dev/zero")
        yield request.param


@pytest.mark.parametrize("use", [describe, Runner])
def test_as_a_flow(place, use):
    """B9: describe() and Runner() name its kind."""
    with pytest.raises(FlowNotFoundError, match=rf"'flow\.py' .* is {place}; expected the path of"):
        use("flow.py")


def test_as_a_file_to_include_and_as_a_config(place, write_flow, private_state):
    """B9: files that the flow would read are checked before anything starts."""
    flow = write_flow("takingflow", TAKING)
    place = place.replace("a directory", "a folder")
    with pytest.raises(BadValueError, match=rf"text: expected the path of a file .* is {place}"):
        Runner(flow, show_output=False).run(text="flow.py")
    place = place.replace("a folder", "a directory")
    for use in (
        lambda config: Runner(flow, config=config).describe(),
        lambda config: Runner(flow, show_output=False, config=config).run(),
        lambda config: describe(flow, config=config),
    ):
        for config in ([("settings", "flow.py")], {"settings": os.path.abspath("flow.py")}):
            with pytest.raises(BadValueError, match=rf"config: .* for 'settings'.* it is {place}"):
                use(config)
    assert not list(private_state.glob("runs/[!.]*"))


def test_a_flow_file_that_becomes_one_later(write_flow):
    """B9: a Runner checks again when it reads the file."""
    flow = write_flow("slowflow")
    runner = Runner(flow)
    flow.unlink()
    os.mkfifo(flow)
    for use in (runner.describe, lambda: runner.run(seconds=0)):
        with pytest.raises(FlowLoadError, match=r"cannot be read: .*it is a named pipe"):
            use()


def test_a_link_to_a_file_is_a_file(write_flow, tmp_path):
    """B9: only the target of the link counts."""
    write_flow("other.py", FLOWS["slowflow"])
    (tmp_path / "link.py").symlink_to("other.py")
    assert describe(tmp_path / "link.py").name == "SlowFlow"
