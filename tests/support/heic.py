"""Writes photographs as phones do: a HEIC whose picture is a grid of tiles."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def heic_of_tiles(
    tiles: Sequence[bytes], columns: int, side: int, shown: tuple[int, int], *, turns: int = 0
) -> bytes:
    """A HEIC of square tiles, each given as an MP4 with one frame of HEVC.

    `shown` is the size of the picture, which may end within the last tiles; `turns` are quarter turns to the
    left.
    """
    count, grid_id = len(tiles), len(tiles) + 1
    frames = [_content(tile, b"mdat") for tile in tiles]
    grid = struct.pack(">BBBBHH", 0, 0, count // columns - 1, columns - 1, *shown)
    start = _box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    decoder = _box(b"hvcC", _content(tiles[0], b"hvcC"))
    properties = [decoder, _size(side, side), _size(*shown), _box(b"irot", bytes([turns]))]
    of_tiles = [struct.pack(">HBBB", at + 1, 2, 0x81, 2) for at in range(count)]
    of_grid = struct.pack(">HBBB", grid_id, 2, 3, 0x84)
    names = [_full(b"infe", 2, struct.pack(">HH4sB", at + 1, 0, b"hvc1", 0)) for at in range(count)]
    names.append(_full(b"infe", 2, struct.pack(">HH4sB", grid_id, 0, b"grid", 0)))
    parts = struct.pack(f">HH{count}H", grid_id, count, *range(1, count + 1))

    def description(offset: int) -> bytes:
        places = []
        for at, frame in enumerate(frames):
            places.append(struct.pack(">HHHHII", at + 1, 0, 0, 1, offset, len(frame)))
            offset += len(frame)
        places.append(struct.pack(">HHHHII", grid_id, 1, 0, 1, 0, len(grid)))
        return _full(
            b"meta",
            0,
            _full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            _full(b"pitm", 0, struct.pack(">H", grid_id)),
            _full(b"iloc", 1, b"\x44\x00", struct.pack(">H", count + 1), *places),
            _full(b"iinf", 0, struct.pack(">H", count + 1), *names),
            _full(b"iref", 0, _box(b"dimg", parts)),
            _box(
                b"iprp",
                _box(b"ipco", *properties),
                _full(b"ipma", 0, struct.pack(">I", count + 1), *of_tiles, of_grid),
            ),
            _box(b"idat", grid),
        )

    # Where the frames lie depends on how long their description is.
    where = len(start) + len(description(0)) + 8
    return start + description(where) + _box(b"mdat", *frames)


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", len(content) + 8) + kind + content


def _full(kind: bytes, version: int, *parts: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24), *parts)


def _size(width: int, height: int) -> bytes:
    return _full(b"ispe", 0, struct.pack(">II", width, height))


def _content(mp4: bytes, kind: bytes) -> bytes:
    """The content of the first box of this kind, wherever it is."""
    at = mp4.index(kind)
    (length,) = struct.unpack_from(">I", mp4, at - 4)
    return mp4[at + 4 : at - 4 + length]
