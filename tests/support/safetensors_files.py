"""Small safetensors files, written byte by byte as the format says."""

from __future__ import annotations

import json
from pathlib import Path


def write_safetensors(file: Path, size: int = 1000) -> Path:
    """A whole file with two tensors of `size` bytes each."""
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]},
        "b": {"dtype": "U8", "shape": [size], "data_offsets": [size, 2 * size]},
    }
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(2 * size))
    return file


def cut_in_half(file: Path) -> None:
    """What a copy leaves that broke off."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def write_index(file: Path, shards: list[str]) -> None:
    """An index that puts one tensor into each shard."""
    weight_map = {f"t{number}": shard for number, shard in enumerate(shards)}
    file.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
