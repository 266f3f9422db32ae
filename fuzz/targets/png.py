"""Frames as the engine `sketch` reads them: every row of the picture, or a BadRequest."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

from remote.engines import BadRequest
from remote.engines.sketch.png import open_png

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_PIXELS = 1 << 16
"""Undoing filters in Python takes its time; more pixels find nothing new."""


def seeds() -> Iterable[bytes]:
    for kind, depth, row in ((2, 8, 6), (0, 16, 4), (6, 8, 8), (3, 8, 2), (4, 8, 4)):
        for filtering in range(5):
            head = struct.pack(">IIBBBBB", 2, 2, depth, kind, 0, 0, 0)
            pixels = zlib.compress((bytes([filtering]) + bytes(range(row))) * 2)
            yield _parts([(b"IHDR", head), (b"PLTE", bytes(24)), (b"IDAT", pixels)])


def check(data: bytes) -> None:
    try:
        png = open_png(_whole(data))
        if png.header.width * png.header.height > _MOST_PIXELS:
            return
        rows = list(png.rows())
    except BadRequest as error:
        assert str(error).isprintable()
        return
    assert [len(row) for row in rows] == [3 * png.header.width] * png.header.height


def _parts(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Chunks as the fuzzer sees them: length, name, body, without the checksum that it cannot guess."""
    return b"".join(struct.pack(">H4s", len(body), name) + body for name, body in chunks)


def _whole(data: bytes) -> bytes:
    file = _SIGNATURE
    while len(data) >= 6:
        length, name = struct.unpack_from(">H4s", data)
        body = data[6 : 6 + length]
        file += struct.pack(">I", len(body)) + name + body
        file += struct.pack(">I", zlib.crc32(name + body))
        data = data[6 + length :]
    return file + struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
