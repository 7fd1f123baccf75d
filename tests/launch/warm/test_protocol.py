"""Messages between this process, the zygote and the fork servers."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from nbrunner.launch.warm import protocol

pytestmark = pytest.mark.once


@pytest.fixture
def channels():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("content", [{}, {"a": [1, None, "é\x00\n"]}, {"long": "x" * 1_000_000}])
def test_a_message_arrives_as_it_was_sent(channels, content):
    ours, theirs = channels
    sending = threading.Thread(target=protocol.send, args=(ours, content))
    sending.start()
    assert protocol.receive(theirs) == content
    sending.join()


def test_two_messages_in_one_piece_are_two(channels):
    ours, theirs = channels
    ours.sendall(protocol.encode({"n": 1}) + protocol.encode({"n": 2}))
    assert [protocol.receive(theirs) for _ in range(2)] == [{"n": 1}, {"n": 2}]


def test_a_process_whose_other_side_is_gone_ends(channels):
    ours, theirs = channels
    pid = os.fork()
    if pid == 0:
        ours.close()
        protocol.receive(theirs)
        os._exit(1)
    ours.sendall(protocol.encode({"cut": "short"})[:-1])
    ours.close()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
