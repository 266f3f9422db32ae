"""A fingerprint of a model in GGUF files: equal for equal files, whatever their paths and box."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from remote.engines.fingerprint import fingerprint
from remote.engines.llama.installation import Installation
from remote.engines.sketch import SketchEngine

_PART = 1 << 20
"""Bytes that are hashed at a file's beginning, where its shape, tokens and template are, and at its end. The
weights of a model may be too large to be read each time."""


def weights_fingerprint(found: Installation) -> str:
    """Return the fingerprint of what these files serve. Blocks; raises OSError.

    What a model gets that sees no pictures depends on the version of the engine `sketch`.
    """
    sight = SketchEngine().name if found.mmproj is None else _hash_ends(found.mmproj)
    return fingerprint("llama", [_hash_ends(found.model), sight])


def _hash_ends(file: Path) -> str:
    with file.open("rb") as opened:
        hashed = hashlib.sha256(opened.read(_PART))
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - _PART))
        hashed.update(opened.read())
    return f"{size} {hashed.hexdigest()}"
