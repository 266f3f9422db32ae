"""The pixels of the frames that unfinished jobs need, as PNG files named by their SHA-256.

The journal holds the requests, this folder what they look at; a picture goes when the last job that
needs it has ended.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from remote.journal import sync_folder
from remote.protocol import FrameInfo, Request


class Pictures:
    """A folder of pictures. All methods block on the disk."""

    def __init__(self, folder: Path, needed_by: Iterable[Request]) -> None:
        """Open the folder and remove what none of these requests needs."""
        self._folder = folder
        self._needed = Counter(frame.sha256 for request in needed_by for frame in request.frames)
        self._sweep()

    def keep(self, frames: Sequence[FrameInfo], images: Sequence[str]) -> None:
        """Store the base64 images of these frames durably.

        Raises ValueError when they are not the frames' pictures, and OSError (disk full).
        """
        if len(frames) != len(images):
            raise ValueError(f"{len(frames)} frames came with {len(images)} images")
        pictures = {
            frame.sha256: _decode(image) for frame, image in zip(frames, images, strict=True)
        }
        for name, data in pictures.items():
            if hashlib.sha256(data).hexdigest() != name:
                raise ValueError(f"an image is not the one announced ({name[:12]})")
        try:
            for name, data in pictures.items():
                self._store(name, data)
            sync_folder(self._folder)
        except OSError:
            for name in pictures:
                self._remove_unneeded(name)
            raise
        self._needed.update(frame.sha256 for frame in frames)

    def load(self, request: Request) -> list[bytes]:
        """The PNG files of a request's frames. Raises OSError."""
        return [(self._folder / frame.sha256).read_bytes() for frame in request.frames]

    def release(self, request: Request) -> None:
        """The request needs its pictures no longer; those that no other one needs are removed."""
        for frame in request.frames:
            self._needed[frame.sha256] -= 1
            self._remove_unneeded(frame.sha256)

    def _sweep(self) -> None:
        for path in self._folder.iterdir():
            self._remove_unneeded(path.name)

    def _remove_unneeded(self, name: str) -> None:
        if self._needed[name] <= 0:
            del self._needed[name]
            (self._folder / name).unlink(missing_ok=True)

    def _store(self, name: str, data: bytes) -> None:
        final = self._folder / name
        if final.exists():
            return
        part = final.with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(final)
        except OSError:
            part.unlink(missing_ok=True)
            raise


def _decode(image: str) -> bytes:
    try:
        return base64.b64decode(image, validate=True)
    except binascii.Error as error:
        raise ValueError(f"an image is not base64: {error}") from None
