"""Packs drawn frames for the way to the box: as WebP of the very same pixels, or as JPEG.

The packed files lie beside the PNGs that they are made from, and are named by the PNG's hash and the quality:
`frame-0-1f3a5b7c.webp`, `frame-0-1f3a5b7c-90.jpg`. Everything here blocks.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import InputError, MediaError
from backend.files.without_links import read_plain
from backend.video.frame_cache import MOST_FRAME_BYTES, Frame, drawing_folder, read_frame

if TYPE_CHECKING:
    from PIL import Image


class FrameFormat(StrEnum):
    """The formats in which frames can be sent."""

    AUTO = "auto"
    """WEBP where that saves time and the engine surely reads it, and PNG elsewhere."""
    PNG = "png"
    WEBP = "webp-lossless"
    """The PNG's pixels in some 60 % of its bytes."""
    JPEG = "jpeg"
    """Other pixels than the PNG's, in a fifth of its bytes."""


def pack_frames(frames: Sequence[Frame], form: FrameFormat, jpeg_quality: int) -> tuple[Frame, ...]:
    """Return the frames in this format, from the files that are kept of it, or packed anew.

    Raises MediaError where a JPEG cannot be made or kept. What cannot become a WebP stays a PNG, whose pixels
    are the same.
    """
    match form:
        case FrameFormat.WEBP:
            return tuple(map(_as_webp, frames))
        case FrameFormat.JPEG:
            return tuple(_as_jpeg(frame, jpeg_quality) for frame in frames)
        case FrameFormat.PNG | FrameFormat.AUTO:
            return tuple(frames)


def _as_webp(frame: Frame) -> Frame:
    path = frame.path.with_name(f"{frame.path.stem}-{frame.sha256[:8]}.webp")
    with suppress(MediaError):
        data = _kept(path, frame, "WEBP") or _pack(path, frame, _save_webp)
        digest = hashlib.sha256(data).hexdigest()
        return replace(frame, path=path, webp=digest, file_size=len(data))
    return frame


def _as_jpeg(frame: Frame, quality: int) -> Frame:
    path = frame.path.with_name(f"{frame.path.stem}-{frame.sha256[:8]}-{quality}.jpg")

    def save(picture: Image.Image, file: io.BytesIO) -> None:
        picture.save(file, "JPEG", quality=quality, subsampling=0, optimize=True)

    data = _kept(path, frame, "JPEG") or _pack(path, frame, save)
    # Its pixels differ from the PNG's, and so may the answer: it is another picture.
    digest = hashlib.sha256(data).hexdigest()
    return replace(frame, path=path, sha256=digest, file_size=len(data))


def _save_webp(picture: Image.Image, file: io.BytesIO) -> None:
    # Method 0 leaves 16 % more bytes; method 4 takes half as long again for 3 % less.
    picture.save(file, "WEBP", lossless=True, method=1, quality=30)


def _kept(path: Path, frame: Frame, form: str) -> bytes:
    """Return the packed file that is kept; nothing where there is none, or none that is whole."""
    from PIL import Image

    try:
        data = read_plain(path, MOST_FRAME_BYTES)
        with Image.open(io.BytesIO(data), formats=(form,)) as picture:
            is_right = picture.size == (frame.width, frame.height)
    except (OSError, ValueError, SyntaxError):
        return b""
    return data if is_right and _is_whole(data) else b""


def _is_whole(data: bytes) -> bool:
    """Whether a WebP or JPEG was not cut off."""
    if data.startswith(b"RIFF"):
        return int.from_bytes(data[4:8], "little") + 8 == len(data)
    return data.endswith(b"\xff\xd9")


def _pack(path: Path, frame: Frame, save: Callable[[Image.Image, io.BytesIO], None]) -> bytes:
    """Pack a frame's PNG and keep it at this path, beside the PNG. Raises MediaError."""
    from PIL import Image

    packed = io.BytesIO()
    try:
        png = read_frame(frame.path, frame.sha256)
        with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
            if (picture.mode, picture.size) != ("RGB", (frame.width, frame.height)):
                raise MediaError(f"{frame.path} is not a frame that was drawn here.")
            save(picture, packed)
        with drawing_folder(path.parent) as folder:
            whole = folder / path.name
            whole.write_bytes(packed.getvalue())
            whole.replace(folder.parent / path.name)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, InputError) as error:
        raise MediaError(
            f"{frame.path} cannot be packed as {path.suffix[1:]}: {error}",
            "Set hint_video_dir to a folder that can be written, or frame_format to png.",
        ) from error
    return packed.getvalue()


def packed_bytes(folder: Path, count: int, form: FrameFormat, jpeg_quality: int) -> int | None:
    """Return the bytes of the frames in this folder as they would be sent; None where some are not packed."""
    patterns = {
        FrameFormat.WEBP: "frame-{}-*.webp",
        FrameFormat.JPEG: f"frame-{{}}-*-{jpeg_quality}.jpg",
    }
    pattern = patterns.get(form, "frame-{}.png")
    sizes = []
    for at in range(count):
        found = list(folder.glob(pattern.format(at)))
        if not found:
            return None
        sizes.append(max(path.stat().st_size for path in found))
    return sum(sizes)
