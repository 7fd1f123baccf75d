"""Messages over a stream socket: JSON, preceded by its length."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping
from typing import Literal, TypedDict, final

from nbrunner.record.schema import Identity


class RunRequest(TypedDict):
    """A request to the zygote: the supervisor of a run."""

    kind: Literal["run"]
    directory: str
    environment: dict[str, str]
    script: str
    not_preloaded: dict[str, str]


class ScriptRequest(TypedDict):
    """A request to the zygote: a script of this package that imports a flow file."""

    kind: Literal["script"]
    arguments: list[str]
    environment: dict[str, str]
    cwd: str
    output: str
    script: str
    not_preloaded: dict[str, str]


StartRequest = RunRequest | ScriptRequest


@final
class Refusal(TypedDict):
    """An answer of the zygote: why a fork would not be exact."""

    refused: str
    outdated: bool
    of_preload: bool


StartAnswer = Identity | Refusal


class TaskRequest(TypedDict):
    """A request to the fork server: a step task, or what renders a card."""

    arguments: list[str]
    environment: dict[str, str]
    cwd: str
    group: int


class CardRequest(TaskRequest):
    """A request of a step task to the fork server, in a file of the task."""

    token: str
    descriptors: list[int]


LENGTH = struct.Struct("!Q")


def encode(content: Mapping[str, object]) -> bytes:
    """Return the bytes of a message."""
    data = json.dumps(content).encode()
    return LENGTH.pack(len(data)) + data


def send(channel: socket.socket, content: Mapping[str, object]) -> None:
    """Send a message."""
    channel.sendall(encode(content))


def receive(channel: socket.socket) -> object:
    """Receive a message of a type that the caller knows.

    This process ends if the peer has closed the socket.
    """
    (size,) = LENGTH.unpack(_exactly(channel, LENGTH.size))
    content: object = json.loads(_exactly(channel, size))
    return content


def _exactly(channel: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        more = channel.recv(size - len(data))
        if not more:
            os._exit(0)
        data += more
    return bytes(data)
