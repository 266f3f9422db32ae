"""Reads PNG files with nothing but the standard library, and trusts nothing in them.

Rows come out one at a time, so that a file holds no more memory than a few rows, whatever its header
promises. Whatever is wrong with a file is a BadRequest that says so. The format is
https://www.w3.org/TR/png-3/; 8 and 16 bits a sample are read (of 16, the high byte is kept), without
interlacing. Alpha is dropped: frames of a video have none.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from remote.engines import BadRequest

MAX_SIDE = 8192
"""Pixels that a picture may be wide or high."""

MAX_BYTES = 64 * 1024 * 1024
"""Bytes that a picture may have when it is unpacked; 3840x2160 in RGBA has 33 million."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB, _PALETTE, _GRAY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_CHANNELS = {_GRAY: 1, _RGB: 3, _PALETTE: 1, _GRAY_ALPHA: 2, _RGBA: 4}
_INPUT_STEP = 64 * 1024
_OUTPUT_STEP = 256 * 1024
_Undo = Callable[[bytes, bytes], bytearray]


@dataclass(frozen=True)
class Header:
    """What a PNG says about itself before its pixels."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    depth: int
    """Bits a sample: 8 or 16."""
    kind: int
    """PNG's colour type."""

    @property
    def pixel_bytes(self) -> int:
        """Bytes from one pixel to the next in a row."""
        return _CHANNELS[self.kind] * self.depth // 8

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, without the byte that names its filter."""
        return self.width * self.pixel_bytes


@dataclass(frozen=True)
class Png:
    """A PNG file whose header and checksums are right; its pixels are not unpacked yet."""

    header: Header
    palette: bytes
    """Red, green and blue of each entry; empty without a palette."""
    packed: tuple[bytes, ...]
    """The IDAT chunks."""

    def rows(self) -> Iterator[bytes]:
        """Each row from the top as red, green, blue, red, …; 3 bytes a pixel. Raises BadRequest."""
        to_rgb = _Colours(self)
        above = bytes(self.header.row_bytes)
        for filtered in _unpack(self):
            above = _unfilter(filtered[0], filtered[1:], above, self.header.pixel_bytes)
            yield to_rgb.convert(above)


def open_png(data: bytes) -> Png:
    """Check the file's chunks and header. Raises BadRequest."""
    if not data.startswith(_SIGNATURE):
        raise BadRequest("a frame is not a PNG file")
    header: Header | None = None
    palette = b""
    packed: list[bytes] = []
    for name, body in _chunks(data):
        if header is None:
            if name != b"IHDR":
                raise BadRequest("a frame's PNG does not begin with its header")
            header = _header(body)
        elif name == b"PLTE":
            palette = body
        elif name == b"IDAT":
            packed.append(body)
        elif not name[0] & 0x20:  # upper case: a reader must know it
            raise BadRequest(f"a frame's PNG has an unexpected chunk {name!r}")
    if header is None or not packed:
        raise BadRequest("a frame's PNG holds no picture")
    if len(palette) % 3 or len(palette) > 768 or (header.kind == _PALETTE and not palette):
        raise BadRequest("a frame's PNG has a broken palette")
    return Png(header, palette, tuple(packed))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each chunk up to IEND, which is not given."""
    at = len(_SIGNATURE)
    while True:
        if at + 12 > len(data):
            raise BadRequest("a frame's PNG is cut off")
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            raise BadRequest("a frame's PNG is cut off")
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise BadRequest(f"a frame's PNG is damaged: wrong checksum of chunk {name!r}")
        if name == b"IEND":
            return
        yield name, data[at + 8 : end]
        at = end + 4


def _header(body: bytes) -> Header:
    if len(body) != 13:
        raise BadRequest("a frame's PNG has a broken header")
    width, height, depth, kind, compression, filtering, interlace = struct.unpack(">IIBBBBB", body)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise BadRequest(
            f"a frame of {width}x{height} is not within 1 to {MAX_SIDE:,} pixels a side"
        )
    if kind not in _CHANNELS or depth not in (8, 16) or (kind == _PALETTE and depth != 8):
        raise BadRequest(
            f"a frame's PNG has colour type {kind} with {depth} bits; it is not read here"
        )
    if compression or filtering or interlace:
        raise BadRequest(
            "a frame's PNG is interlaced or packed in an unknown way; it is not read here"
        )
    header = Header(width, height, depth, kind)
    if (header.row_bytes + 1) * height > MAX_BYTES:
        raise BadRequest(f"a frame of {width}x{height} unpacks to more than {MAX_BYTES:,} bytes")
    return header


# --- pixels --------------------------------------------------------------------------------------


def _unpack(png: Png) -> Iterator[bytes]:
    """Exactly `height` rows, each with its filter byte in front; never more than a few in memory."""
    size = png.header.row_bytes + 1
    missing = png.header.height
    buffer = b""
    for block in _inflate(png.packed):
        buffer += block
        whole = len(buffer) // size
        if whole > missing or (whole == missing and len(buffer) > whole * size):
            raise BadRequest("a frame's PNG holds more pixels than its header says")
        for row in range(whole):
            yield buffer[row * size : (row + 1) * size]
        missing -= whole
        buffer = buffer[whole * size :]
    if missing:
        raise BadRequest("a frame's PNG holds fewer pixels than its header says")


def _inflate(packed: tuple[bytes, ...]) -> Iterator[bytes]:
    """The zlib stream that the chunks are together, in bounded blocks.

    The input is cut small because zlib copies what it has not used yet at every call.
    """
    stream = zlib.decompressobj()
    try:
        for chunk in packed:
            for at in range(0, len(chunk), _INPUT_STEP):
                rest = chunk[at : at + _INPUT_STEP]
                while rest and not stream.eof:
                    yield stream.decompress(rest, _OUTPUT_STEP)
                    rest = stream.unconsumed_tail
        # What max_length held back inside zlib comes with further calls.
        while not stream.eof:
            block = stream.decompress(b"", _OUTPUT_STEP)
            if not block:
                raise BadRequest("a frame's PNG is damaged: its pixels end early")
            yield block
    except zlib.error as error:
        raise BadRequest(f"a frame's PNG is damaged: {error}") from None


def _unfilter(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    """Undo one of PNG's five filters; `step` is the distance in bytes to the pixel on the left."""
    if kind == 0:
        return row
    if kind == 1:
        return _add_left(row, step)
    if kind == 2:
        return _add(row, above)
    if kind == 3:
        return _per_channel(_average, row, above, step)
    if kind == 4:
        return _per_channel(_paeth, row, above, step)
    raise BadRequest(f"a frame's PNG is damaged: unknown filter {kind}")


def _add(one: bytes, other: bytes) -> bytes:
    """Byte by byte modulo 256, all at once in one long integer.

    The low seven bits are added without carrying into the next byte, then the high bits by xor.
    """
    size = len(one)
    low = int.from_bytes(b"\x7f" * size, "little")
    a, b = int.from_bytes(one, "little"), int.from_bytes(other, "little")
    return (((a & low) + (b & low)) ^ ((a ^ b) & ~low)).to_bytes(size, "little")


def _add_left(row: bytes, step: int) -> bytes:
    """The running sum of each channel: after k rounds, 2**k neighbours are added up."""
    size = len(row)
    while step < size:
        row = _add(row, bytes(step) + row[: size - step])
        step *= 2
    return row


def _per_channel(undo: _Undo, row: bytes, above: bytes, step: int) -> bytes:
    result = bytearray(len(row))
    for channel in range(step):
        result[channel::step] = undo(row[channel::step], above[channel::step])
    return bytes(result)


def _average(row: bytes, above: bytes) -> bytearray:
    result = bytearray()
    left = 0
    for value, up in zip(row, above, strict=True):
        left = (value + ((left + up) >> 1)) & 255
        result.append(left)
    return result


def _paeth(row: bytes, above: bytes) -> bytearray:
    """Adds whichever of left, up and corner is closest to left + up - corner; ties in that order."""
    result = bytearray()
    left = corner = 0
    for value, up in zip(row, above, strict=True):
        to_left, to_up = abs(up - corner), abs(left - corner)
        to_corner = abs(left + up - corner - corner)
        if to_left > to_up or to_left > to_corner:
            left = up if to_up <= to_corner else corner
        left = (left + value) & 255
        result.append(left)
        corner = up
    return result


class _Colours:
    """Turns rows of any colour type into rows of red, green and blue."""

    def __init__(self, png: Png) -> None:
        self._header = png.header
        self._entries = len(png.palette) // 3
        full = png.palette.ljust(768, b"\0")
        self._tables = (full[0::3], full[1::3], full[2::3])

    def convert(self, row: bytes) -> bytes:
        """3 bytes a pixel. Raises BadRequest for a colour that the palette does not have."""
        kind = self._header.kind
        if self._header.depth == 16:
            row = row[::2]
        if kind == _RGB:
            return row
        if kind == _PALETTE:
            if max(row) >= self._entries:
                raise BadRequest("a frame's PNG uses a colour that its palette does not have")
            return _interleave(*(row.translate(table) for table in self._tables))
        if kind == _RGBA:
            return _interleave(row[0::4], row[1::4], row[2::4])
        gray = row[:: _CHANNELS[kind]]
        return _interleave(gray, gray, gray)


def _interleave(red: bytes, green: bytes, blue: bytes) -> bytes:
    result = bytearray(3 * len(red))
    result[0::3], result[1::3], result[2::3] = red, green, blue
    return bytes(result)
