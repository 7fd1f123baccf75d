"""Messages over a stream socket: JSON with its length before it."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any

Json = dict[str, Any]

LENGTH = struct.Struct("!Q")


def encode(content: Json) -> bytes:
    """Return a message as it goes over the socket."""
    data = json.dumps(content).encode()
    return LENGTH.pack(len(data)) + data


def send(channel: socket.socket, content: Json) -> None:
    """Send a message."""
    channel.sendall(encode(content))


def receive(channel: socket.socket) -> Json:
    """Receive a message; this process ends if the other side is gone."""
    (size,) = LENGTH.unpack(_exactly(channel, LENGTH.size))
    content: Json = json.loads(_exactly(channel, size))
    return content


def _exactly(channel: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        more = channel.recv(size - len(data))
        if not more:
            os._exit(0)
        data += more
    return bytes(data)
