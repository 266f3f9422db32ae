"""Keeps the frames that unfinished jobs need, as files named by their SHA-256.

The journal holds the requests, this folder their pictures. A picture is removed when the last job that needs
it has ended.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from remote.files import sync_folder, write_one_of_several
from remote.jobs.disk_room import DiskRoom
from remote.protocol import FrameInfo, Request


class MissingPicture(Exception):
    """An app left out a picture that the box does not have."""


class PictureLost(Exception):
    """A stored picture was removed or damaged. The app that sent it still has it."""


class Pictures:
    """The folder of pictures, with a count of the frames that need each. All methods block on the disk."""

    def __init__(self, folder: Path, needed_by: Iterable[Request]) -> None:
        """Open the folder and remove the pictures that none of these requests needs."""
        self._folder = folder
        self._needed = Counter(frame.file for request in needed_by for frame in request.frames)
        self._sweep()
        self._room = DiskRoom(folder)

    def keep(self, frames: Sequence[FrameInfo], images: Sequence[str]) -> None:
        """Store the base64 images of these frames durably. An image may be empty if it is stored already.

        Raises MissingPicture when an image is empty and not stored, ValueError when the images do not match
        the frames, and OSError (disk full, or nearly: see `DiskRoom`).
        """
        pictures = self._decode_all(frames, images)
        new = {name: data for name, data in pictures.items() if not (self._folder / name).exists()}
        self._room.require(map(len, new.values()))
        try:
            for name, data in new.items():
                write_one_of_several(self._folder / name, [data])
            if pictures:
                sync_folder(self._folder)
        except OSError:
            for name in pictures:
                self._remove_unneeded(name)
            raise
        self._needed.update(frame.file for frame in frames)

    def load(self, request: Request) -> list[bytes]:
        """Read the pictures of a request's frames. Raises PictureLost if one is damaged, and OSError."""
        return [self._read(frame.file) for frame in request.frames]

    def release(self, request: Request) -> None:
        """Remove the pictures of a request that has ended, unless another request needs them."""
        for frame in request.frames:
            self._needed[frame.file] -= 1
            self._remove_unneeded(frame.file)

    def _read(self, name: str) -> bytes:
        try:
            data = (self._folder / name).read_bytes()
        except FileNotFoundError:
            raise PictureLost(f"the picture {name[:12]} is gone from the box's disk") from None
        if hashlib.sha256(data).hexdigest() != name:
            (self._folder / name).unlink()  # else a picture that is sent again would not be stored
            raise PictureLost(f"the picture {name[:12]} was damaged on the box's disk")
        return data

    def _decode_all(self, frames: Sequence[FrameInfo], images: Sequence[str]) -> dict[str, bytes]:
        """Decode and check the images that were sent, by name. Raises like `keep`."""
        if len(frames) != len(images):
            raise ValueError(f"{len(frames)} frames came with {len(images)} images")
        pictures: dict[str, bytes] = {}
        for frame, image in zip(frames, images, strict=True):
            if image:
                pictures[frame.file] = _decode(image)
            elif not (self._needed[frame.file] and (self._folder / frame.file).exists()):
                raise MissingPicture(f"the picture {frame.file[:12]} is not here")
        for name, data in pictures.items():
            if hashlib.sha256(data).hexdigest() != name:
                raise ValueError(f"an image is not the one announced ({name[:12]})")
        return pictures

    def _sweep(self) -> None:
        for path in self._folder.iterdir():
            self._remove_unneeded(path.name)

    def _remove_unneeded(self, name: str) -> None:
        if self._needed[name] <= 0:
            del self._needed[name]
            (self._folder / name).unlink(missing_ok=True)


def _decode(image: str) -> bytes:
    try:
        return base64.b64decode(image, validate=True)
    except binascii.Error as error:
        raise ValueError(f"an image is not base64: {error}") from None
