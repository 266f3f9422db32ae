"""Keeps on disk what `probe` found in videos, so that 100,000 of them need not be opened at each start."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from backend.files import file_stamp
from backend.files.index import Index, is_text
from backend.sizes import Size
from backend.video.colours import Colours
from backend.video.probe import MediaKind, Video, probe

_VideoFields = tuple[str, int, int, float, float, int, str, int, bool, str, bool]
"""The fields of a Video except its path."""
_DAMAGED = (ValueError, TypeError, LookupError, AttributeError)
"""Exceptions that a damaged row may raise."""


class VideoIndex:
    """`probe` with a cache. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self._index = Index(path, "videos", by_folder=False)

    def probe(self, path: Path) -> Video:
        """Return what `probe` finds in the file. Raises MediaError."""
        absolute = os.path.abspath(path)  # noqa: PTH100
        stamp = file_stamp(absolute) if is_text(absolute) else ""
        known = self._index.get(absolute, stamp) if stamp else None
        if known is not None:
            with suppress(*_DAMAGED):
                kept: _VideoFields = json.loads(known)
                kind, width, height, fps, duration, frames, codec, stream = kept[:8]
                stretched, name, perhaps_hdr = kept[8:]
                size, colours = Size(width, height), Colours.parse(name) if name else None
                return Video(
                    *(path, MediaKind(kind), size, fps, duration, frames, codec, stream),
                    is_stretched=stretched,
                    colours=colours,
                    is_perhaps_hdr=perhaps_hdr,
                )
        found = probe(path)
        if stamp:
            fields = (
                *(found.kind, found.size.width, found.size.height, found.fps),
                *(found.duration, found.frames, found.codec, found.stream),
                *(found.is_stretched, str(found.colours or ""), found.is_perhaps_hdr),
            )
            self._index.put(absolute, stamp, json.dumps(fields))
        return found

    def close(self) -> None:
        """Save the new rows, and close the file."""
        self._index.close()
