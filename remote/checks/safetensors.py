"""Checks that a safetensors file is whole. Its header gives its length, so a half-copied file is found at
once.

A file has three parts: 8 bytes (the header's length, little-endian), the header (JSON with the
`data_offsets` of each tensor), and the tensors. See https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
from pathlib import Path

_LENGTH = 8
_MOST_HEADER = 100_000_000
"""Bytes that a header may have; safetensors itself refuses longer ones."""
_POINTER = b"version https://git-lfs"


class Incomplete(Exception):
    """The file is not whole; the message says why."""


def check_whole(file: Path) -> int:
    """Check a file and return its size in bytes. Raises Incomplete, and OSError when it cannot be read."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        beginning = opened.read(len(_POINTER))
        if beginning.startswith(_POINTER):
            raise Incomplete("is a Git LFS pointer, not the file itself")
        length = int.from_bytes(beginning[:_LENGTH], "little")
        if size < _LENGTH:
            raise Incomplete("is empty" if size == 0 else f"has {size} bytes")
        if not 2 <= length <= _MOST_HEADER:
            raise Incomplete("does not begin as a safetensors file does")
        opened.seek(_LENGTH)
        header = opened.read(length)
    if len(header) < length:
        raise Incomplete(f"ends within its header, at {size:,} bytes")
    expected = _LENGTH + length + _data_length(header)
    if size != expected:
        raise Incomplete(f"has {size:,} of {expected:,} bytes")
    return size


def _data_length(header: bytes) -> int:
    try:
        tensors = json.loads(header)
        ends = [int(t["data_offsets"][1]) for name, t in tensors.items() if name != "__metadata__"]
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise Incomplete("has a header that cannot be read") from None
    return max(ends, default=0)
