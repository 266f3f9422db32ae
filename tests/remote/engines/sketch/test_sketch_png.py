from __future__ import annotations

import contextlib
import io
import random
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from remote.engines import BadRequest
from remote.engines.sketch import png
from remote.engines.sketch.grid import read_picture
from remote.engines.sketch.png import open_png

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def header(width: int, height: int, depth: int = 8, kind: int = 2, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace))


def file(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks) + chunk(b"IEND", b"")


def paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))


PREDICTORS: tuple[Callable[[int, int, int], int], ...] = (
    lambda left, up, corner: 0,
    lambda left, up, corner: left,
    lambda left, up, corner: up,
    lambda left, up, corner: (left + up) // 2,
    paeth,
)


def filtered(pixels: bytes, row_bytes: int, step: int, filters: list[int]) -> bytes:
    """What an encoder writes that uses these filters in turn, straight from the specification."""
    result = bytearray()
    above = bytes(row_bytes)
    for number in range(len(pixels) // row_bytes):
        row = pixels[number * row_bytes : (number + 1) * row_bytes]
        kind = filters[number % len(filters)]
        result.append(kind)
        for at, value in enumerate(row):
            left, corner = (row[at - step], above[at - step]) if at >= step else (0, 0)
            result.append((value - PREDICTORS[kind](left, above[at], corner)) % 256)
        above = row
    return bytes(result)


def random_png(
    kind: int, filters: list[int], width: int = 23, height: int = 11, depth: int = 8
) -> bytes:
    numbers = random.Random(kind)
    step = CHANNELS[kind] * depth // 8
    pixels = numbers.randbytes(width * height * step)
    palette = [chunk(b"PLTE", numbers.randbytes(768))] if kind == 3 else []
    body = zlib.compress(filtered(pixels, width * step, step, filters))
    half = len(body) // 2
    idat = [chunk(b"IDAT", body[:half]), chunk(b"IDAT", body[half:])]
    return file(header(width, height, depth, kind), *palette, *idat)


def decode(data: bytes) -> bytes:
    return b"".join(open_png(data).rows())


def as_pil_reads_it(data: bytes) -> bytes:
    return Image.open(io.BytesIO(data)).convert("RGB").tobytes()  # drops alpha, as we do


@pytest.mark.parametrize("kind", sorted(CHANNELS))
@pytest.mark.parametrize("filters", [[0], [1], [2], [3], [4], [4, 2, 0, 3, 1]])
def test_every_filter_and_colour_type_reads_as_in_pil(kind: int, filters: list[int]) -> None:
    data = random_png(kind, filters)
    assert decode(data) == as_pil_reads_it(data)


def test_a_one_pixel_picture_reads() -> None:
    assert decode(random_png(2, [4], width=1, height=1)) == random.Random(2).randbytes(3)


def test_of_sixteen_bits_the_high_byte_is_kept() -> None:
    data = random_png(2, [1, 4], depth=16)
    assert decode(data) == random.Random(2).randbytes(23 * 11 * 6)[::2]


def test_a_picture_of_several_blocks_reads_as_in_pil() -> None:
    stream = io.BytesIO()
    Image.effect_noise((700, 500), 60).convert("RGB").save(stream, "PNG")
    assert decode(stream.getvalue()) == as_pil_reads_it(stream.getvalue())


WHOLE = zlib.compress(bytes(7) * 2)  # two rows of two black pixels


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a PNG"),
        (b"\xff\xd8\xff\xe0 a JPEG", "not a PNG"),
        (SIGNATURE, "cut off"),
        (SIGNATURE + b"\xff\xff\xff\xff" + b"IHDR" + bytes(40), "cut off"),
        (SIGNATURE + header(2, 2)[:-1] + b"\0", "wrong checksum of chunk b'IHDR'"),
        (file(header(2, 2)), "holds no picture"),
        (file(chunk(b"IDAT", WHOLE), header(2, 2)), "does not begin with its header"),
        (file(header(0, 2), chunk(b"IDAT", WHOLE)), "0x2"),
        (file(header(8193, 2), chunk(b"IDAT", WHOLE)), "8193x2"),
        (file(header(8192, 8192), chunk(b"IDAT", WHOLE)), "unpacks to more than"),
        (file(header(2, 2, interlace=1), chunk(b"IDAT", WHOLE)), "interlaced"),
        (file(header(2, 2, kind=5), chunk(b"IDAT", WHOLE)), "colour type 5"),
        (file(header(2, 2, depth=4, kind=0), chunk(b"IDAT", WHOLE)), "4 bits"),
        (file(header(2, 2, kind=3), chunk(b"IDAT", WHOLE)), "broken palette"),
        (file(header(2, 2), chunk(b"CRIT", b""), chunk(b"IDAT", WHOLE)), "unexpected chunk"),
        (file(header(2, 2), chunk(b"IDAT", b"no zlib")), "damaged"),
        (file(header(2, 2), chunk(b"IDAT", WHOLE[:-5])), "end early"),
        (file(header(2, 3), chunk(b"IDAT", WHOLE)), "fewer pixels"),
        (file(header(2, 1), chunk(b"IDAT", WHOLE)), "more pixels"),
        (file(header(2, 1), chunk(b"IDAT", zlib.compress(b"\x05" + bytes(6)))), "unknown filter 5"),
    ],
)
def test_a_broken_file_is_refused_and_says_why(data: bytes, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        decode(data)


def test_a_colour_outside_of_the_palette_is_refused() -> None:
    data = file(
        header(1, 1, kind=3), chunk(b"PLTE", bytes(6)), chunk(b"IDAT", zlib.compress(b"\0\2"))
    )
    with pytest.raises(BadRequest, match="palette"):
        decode(data)


def test_a_zip_bomb_is_refused_without_unpacking_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zlib.compress(bytes(200_000_000), 1)
    unpacked: list[int] = []
    inflate = png._inflate

    def counted(packed: tuple[bytes, ...]) -> object:
        for block in inflate(packed):
            unpacked.append(len(block))
            yield block

    monkeypatch.setattr(png, "_inflate", counted)
    with pytest.raises(BadRequest, match="more pixels"):
        decode(file(header(64, 64), chunk(b"IDAT", bomb)))
    assert sum(unpacked) < 1_000_000


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadRequest):
        read_picture(data)


@given(st.sampled_from(sorted(CHANNELS)), st.data())
def test_a_damaged_file_is_read_or_refused(kind: int, data: st.DataObject) -> None:
    whole = bytearray(random_png(kind, [0, 1, 2, 3, 4], width=5, height=5))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadRequest):
        read_picture(bytes(whole))


@given(
    st.integers(0, 9),
    st.integers(0, 9),
    st.sampled_from([1, 2, 4, 8, 16]),
    st.integers(0, 7),
    st.binary(max_size=120),
    st.booleans(),
)
def test_a_well_formed_file_of_nonsense_is_read_or_refused(
    width: int, height: int, depth: int, kind: int, body: bytes, packed: bool
) -> None:
    # The checksums are right here, so what is tested lies behind them.
    idat = zlib.compress(body) if packed else body
    palette = chunk(b"PLTE", body[:30])
    with contextlib.suppress(BadRequest):
        read_picture(file(header(width, height, depth, kind), palette, chunk(b"IDAT", idat)))
