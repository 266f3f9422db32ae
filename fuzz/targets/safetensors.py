"""The header of a model file: the file is whole, or an Incomplete says what it lacks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from fuzz.scratch import scratch_folder
from remote.checks.safetensors import Incomplete, check_whole


def seeds() -> Iterable[bytes]:
    header = b'{"__metadata__":{"a":"b"},"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}'
    yield b"\0" + len(header).to_bytes(8, "little") + header + b"ab"
    yield b"\1" + header
    yield b"\0version https://git-lfs.github.com/spec/v1"


def check(data: bytes) -> None:
    body = data[1:]
    if data[:1] != b"\0":
        body = len(body).to_bytes(8, "little") + body
    file = scratch_folder("safetensors") / "model.safetensors"
    file.write_bytes(body)
    with contextlib.suppress(Incomplete):
        assert check_whole(file) == len(body)
