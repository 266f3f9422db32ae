"""The way to the box, in our hands: a TCP proxy that resets, swallows, and cuts within a message."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from enum import StrEnum

from tests.support.sshd import LOOPBACK

_NO_LINGER = struct.pack("ii", 1, 0)
"""Closing sends a reset at once."""


class Direction(StrEnum):
    UP = "up"
    """To the box."""
    DOWN = "down"


class Wire:
    """Relays every connection to a port, until told otherwise."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._passing = asyncio.Event()
        self._passing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._cuts: dict[Direction, int] = {}
        """Bytes that still pass before everything is reset."""
        self.cut = asyncio.Event()
        """Set when an ordered cut has happened."""

    @property
    def is_used(self) -> bool:
        """Whether there is a connection."""
        return bool(self._writers)

    def reset(self) -> None:
        """Break every connection that there is; new ones are let through."""
        for writer in self._writers:
            with contextlib.suppress(OSError):
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()

    async def swallow(self, seconds: float) -> None:
        """Nothing arrives any more, and nobody is told; after so many seconds, all of it does."""
        self._passing.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._passing.set()

    def cut_after(self, count: int, direction: Direction) -> None:
        """Let so many more bytes pass that way, and reset everything within whatever they belong to."""
        self.cut.clear()
        self._cuts[direction] = count

    def forget_cuts(self) -> None:
        self._cuts.clear()

    async def connected(
        self, near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            await self._passing.wait()
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._target)
            self._writers |= {near_writer, far_writer}
            try:
                await asyncio.gather(
                    self._pass(near_reader, far_writer, Direction.UP),
                    self._pass(far_reader, near_writer, Direction.DOWN),
                )
            finally:
                self._writers -= {near_writer, far_writer}
                far_writer.transport.abort()
        near_writer.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._passing.wait()
                left = self._cuts.get(direction)
                if left is not None and left <= len(data):
                    writer.write(data[:left])
                    del self._cuts[direction]
                    await asyncio.sleep(0.01)  # so that the part arrives before the reset
                    self.reset()
                    self.cut.set()
                    return
                if left is not None:
                    self._cuts[direction] = left - len(data)
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@contextlib.asynccontextmanager
async def wire_to(target: int) -> AsyncIterator[Wire]:
    """A proxy for as long as the block lasts."""
    wire = Wire(target)
    server = await asyncio.start_server(wire.connected, LOOPBACK, 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        wire.reset()
        await asyncio.sleep(0)
