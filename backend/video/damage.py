"""Says what is wrong with a file that is no whole video or image: cut off, a web page, a text, zeros.

It looks at the file's own bytes, because ffmpeg says "Invalid data found" of all of them. It reads a few
kilobytes, and the whole of a JPEG.
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from backend.errors import MediaError
from backend.files import LFS_POINTER
from backend.video.allowed_formats import MAX_PICTURE_BYTES

CONVERT = "Convert it with ffmpeg, for instance to an H.264 MP4 (a picture: to PNG), and use that."
_FETCH_AGAIN = "Copy or download it again."
_RECORD_AGAIN = "Copy, download or record it again; no program can show what is missing."
_HEAD = 4096
"""Bytes of a file's start that are looked at."""
_CHUNK = 1 << 20
"""Bytes that are read at a time where a whole file is looked through."""
_MOST_BOXES = 100_000
"""Boxes of an MP4 that are looked at."""

_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"})
"""Kinds of the box that an MP4 or MOV begins with."""
_PAGE = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


class _Boxes(NamedTuple):
    """The outermost boxes of an MP4."""

    kinds: frozenset[bytes]
    is_cut: bool
    """Whether the last one is longer than what is left of the file."""


def unreadable(path: Path, why: str) -> MediaError:
    """Return the error for a file that ffmpeg cannot read; `why` is what ffmpeg says of it."""
    return _explained(path) or _no_media(path, why, CONVERT)


def holds_only(path: Path, what: str) -> MediaError:
    """Return the error for a file in which ffmpeg finds no picture stream."""
    return _explained(path) or MediaError(
        f"{path} holds only {what}.", "Give a file with a video or a picture in it."
    )


def undecodable(path: Path, trouble: str) -> MediaError:
    """Return the error for a file in which ffmpeg can decode no frame; `trouble` is what ffmpeg says."""
    return _explained(path) or MediaError(
        f"{path} holds no frame that can be decoded{trouble}.", CONVERT
    )


def without_size(path: Path) -> MediaError:
    """Return the error for a file whose picture has no size."""
    return _explained(path) or MediaError(
        f"{path} has no picture size, or one too large to be read.", CONVERT
    )


def refuse_cut_off(path: Path) -> None:
    """Raise MediaError for a file whose first frame can be decoded, but whose end is missing.

    Frames would be chosen from the rest of a video, and the missing part of a photograph would be grey. Only
    MP4 and JPEG are looked at; a Matroska or AVI that is cut off is a shorter video.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            boxes = _read_boxes(file) if head[4:8] in _BOXES else _Boxes(frozenset(), False)
            # A recording in fragments is meant to be read as far as it goes.
            is_cut = boxes.is_cut and b"moof" not in boxes.kinds
            if is_cut or (head.startswith(_JPEG) and not _has_jpeg_end(file)):
                raise _cut_off(path, "its end is missing")
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}") from error


def _explained(path: Path) -> MediaError | None:
    """Explain what the file is; None when its bytes say nothing."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            return _text(path, head) or _incomplete(path, head, file)
    except OSError:
        return None


def _text(path: Path, head: bytes) -> MediaError | None:
    if head.startswith(LFS_POINTER):
        return _no_media(
            path,
            "it is a Git LFS pointer, and the file itself was not fetched",
            "Run `git lfs pull` in its repository.",
        )
    if b"\0" in head:
        return None
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _PAGE.match(start):
        return _no_media(
            path,
            "it is a web page (HTML)",
            "Download the file itself again; a page comes in its place where one must sign in first.",
        )
    if b"<svg" in start:
        return _no_media(path, "it is an SVG drawing", "Convert it to PNG, and use that.")
    if start.startswith((b"{", b"[", b"<")):
        kind = "XML" if start.startswith(b"<") else "JSON"
        return _no_media(
            path,
            f"it is a {kind} text",
            "Download the file itself again; the text may say why another answer came.",
        )
    if not _is_utf8(head):
        return None
    return _no_media(path, "it is text or a playlist", f"{_FETCH_AGAIN} Or give another file.")


def _is_animated_webp(head: bytes) -> bool:
    """Whether these are the first bytes of a WebP whose header has the flag of an animation."""
    return (
        len(head) > 20
        and head.startswith(b"RIFF")
        and head[8:16] == b"WEBPVP8X"
        and head[20] & 2 != 0
    )


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The last character may go on after these bytes.
        return len(head) == _HEAD and error.start >= _HEAD - 3
    return True


def _incomplete(path: Path, head: bytes, file: BinaryIO) -> MediaError | None:
    if not head.strip(b"\0"):
        return MediaError(f"{path} begins with zeros: it was never written whole.", _FETCH_AGAIN)
    if head[4:8] in _BOXES:
        boxes = _read_boxes(file)
        # A picture (HEIC, AVIF) has a `meta` where a video has a `moov`.
        if not boxes.kinds & {b"moov", b"meta"}:
            return _cut_off(path, "the index at its end (moov) is missing")
        is_cut = boxes.is_cut
    elif head.startswith(b"RIFF"):
        is_cut = int.from_bytes(head[4:8], "little") + 8 > _length(file)
        if not is_cut and _is_animated_webp(head):
            return MediaError(
                f"{path} is an animated WebP, which is not read.",
                "Convert it to GIF, for instance with ImageMagick: `magick in.webp out.gif`.",
            )
    else:
        is_cut = (head.startswith(_PNG) and not _has_png_end(file)) or (
            head.startswith(_JPEG) and not _has_jpeg_end(file)
        )
    return _cut_off(path, "its end is missing") if is_cut else None


def _read_boxes(file: BinaryIO) -> _Boxes:
    """Read the kind and length of each outermost box of an MP4."""
    end, at = _length(file), 0
    kinds: set[bytes] = set()
    for _ in range(_MOST_BOXES):
        if at + 8 > end:
            break
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            break  # the file was made shorter meanwhile
        length, kind = struct.unpack_from(">I4s", header)
        if length == 1 and len(header) == 16:
            (length,) = struct.unpack_from(">Q", header, 8)
        elif length == 0:
            # It goes on to the end of the file.
            length = end - at
        if length < 8:
            break
        kinds.add(kind)
        at += length
    return _Boxes(frozenset(kinds), at > end)


def _has_png_end(file: BinaryIO) -> bool:
    file.seek(max(0, _length(file) - _HEAD))
    return b"IEND" in file.read()


def _has_jpeg_end(file: BinaryIO) -> bool:
    """Whether a JPEG's picture has an end. A small picture among its metadata has one of its own."""
    file.seek(2)
    while len(header := file.read(4)) == 4:
        if header[0] != 0xFF or header[1] == 0xFF:
            # It is written in an unusual way, and not judged.
            return True
        if header[1] == 0xDA:
            # Within the picture's data, every other 0xFF is followed by 0 or a restart marker.
            return _has_mark(file, b"\xff\xd9")
        file.seek(int.from_bytes(header[2:], "big") - 2, os.SEEK_CUR)
    return False


def _has_mark(file: BinaryIO, mark: bytes) -> bool:
    """Whether these bytes occur in the rest of the file, as far as a picture may be long."""
    before = b""
    for _ in range(MAX_PICTURE_BYTES // _CHUNK):
        chunk = file.read(_CHUNK)
        if mark in before + chunk or not chunk:
            return bool(chunk)
        before = chunk[1 - len(mark) :]
    return False


def _length(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _cut_off(path: Path, why: str) -> MediaError:
    return MediaError(f"{path} is cut off: {why}.", _RECORD_AGAIN)


def _no_media(path: Path, why: str, remedy: str) -> MediaError:
    return MediaError(f"{path} is not a video or image that can be read: {why}.", remedy)
