"""A network between a browser and a server that can be cut, or fall silent."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

_BLOCK_BYTES = 1 << 16


class Wire:
    """Forwards connections from a port of its own to a server, in a thread with an event loop."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._server = (parts.hostname, parts.port)
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()  # to both sides
        self._silent: set[asyncio.StreamWriter] = set()
        self._at_work = 0
        self._listening: asyncio.Server | None = None
        self._port = 0
        self.address = ""

    @classmethod
    @contextlib.contextmanager
    def to(cls, address: str) -> Iterator[Wire]:
        wire = cls(address)
        thread = threading.Thread(target=wire._loop.run_forever, name="wire")
        thread.start()
        try:
            wire.restore()
            yield wire
        finally:
            wire.cut()
            wire._loop.call_soon_threadsafe(wire._loop.stop)
            thread.join()
            wire._loop.close()

    def cut(self) -> None:
        """Close every connection, and refuse new ones."""
        self._do(self._cut)

    def restore(self) -> None:
        """Accept connections."""
        self._do(self._listen)

    def silence(self) -> None:
        """Forward nothing over the present connections, which seem to be open; accept new ones.

        As for a laptop that was moved to another network.
        """
        self._do(self._fall_silent)

    def _do(self, work: Callable[[], Any]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(30)

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._forward, "127.0.0.1", self._port)
        self._port = self._listening.sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"

    async def _cut(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        while self._open or self._at_work:
            for writer in list(self._open):
                writer.transport.abort()
            await asyncio.sleep(0)

    async def _fall_silent(self) -> None:
        self._silent |= self._open

    async def _forward(self, reader: Any, writer: Any) -> None:
        self._at_work += 1
        try:
            await self._both_ways(reader, writer)
        finally:
            self._at_work -= 1

    async def _both_ways(self, reader: Any, writer: Any) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(*self._server)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, there_writer}
        try:
            pumps = (self._pump(reader, there_writer), self._pump(there_reader, writer))
            await asyncio.gather(*pumps)
        finally:
            self._open -= {writer, there_writer}
            self._silent -= {writer, there_writer}

    async def _pump(self, reader: Any, writer: Any) -> None:
        """Forward what comes until one of the ends closes; then close the other."""
        with contextlib.suppress(ConnectionError):
            while block := await reader.read(_BLOCK_BYTES):
                if writer not in self._silent:
                    writer.write(block)
                    await writer.drain()
        writer.transport.abort() if writer.transport.is_closing() else writer.close()
