"""Finds the models that lie on this machine: in the Hugging Face Hub's cache, and in the usual folders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from remote.checks.examination import gib
from remote.engines.vllm.hub_cache import cache_folder, find_snapshot
from remote.protocol import Offer, OfferKind

_FOLDERS = ("~/models", "~", "/models", "/data/models", "/data", "/workspace/models", "/workspace")
_MNT = "/mnt"
_DEEPEST = 2
"""Levels below one of these folders at which a model's own folder may lie: owner/name."""
_MOST_SEEN = 2_000
"""Folders that are looked at."""
_MOST = 20
_CONFIGS = ("config.json", "params.json")
_EYES = ("vision_config", "vision_encoder", "vision_tower")
_MOST_CONFIG = 1 << 20
SEES = "sees pictures"


def find_models() -> list[Offer]:
    """Return the models, those that see pictures first. Blocks."""
    found = [*_in_cache(Path(cache_folder(os.environ)).expanduser()), *_in_folders()]
    return sorted(found, key=lambda offer: SEES not in offer.detail)[:_MOST]


def _in_cache(cache: Path) -> Iterator[Offer]:
    for folder in _folders_in(cache):
        if folder.name.startswith("models--"):
            name = folder.name.removeprefix("models--").replace("--", "/")
            snapshot = find_snapshot(cache, name)
            if snapshot is not None and (detail := _describe(snapshot)) is not None:
                yield Offer(OfferKind.MODEL, name, detail)


def _in_folders() -> Iterator[Offer]:
    roots = [Path(folder).expanduser() for folder in _FOLDERS]
    roots += [folder / "models" for folder in _folders_in(Path(_MNT))]
    seen: set[Path] = set()
    for root in roots:
        for folder in _below(root, _DEEPEST, seen):
            if (detail := _describe(folder)) is not None:
                yield Offer(OfferKind.MODEL, str(folder), detail)


def _below(root: Path, levels: int, seen: set[Path]) -> Iterator[Path]:
    for folder in _folders_in(root):
        whole = folder.resolve()
        if whole in seen or len(seen) >= _MOST_SEEN:
            continue
        seen.add(whole)
        yield folder
        if levels > 1:
            yield from _below(folder, levels - 1, seen)


def _folders_in(folder: Path) -> Iterable[Path]:
    with suppress(OSError):
        return sorted(f for f in folder.iterdir() if not f.name.startswith(".") and f.is_dir())
    return ()


def _describe(folder: Path) -> str | None:
    """Return what is to be said of a model's folder; None when it holds no model."""
    try:
        sizes = [file.stat().st_size for file in folder.glob("*.safetensors")]
    except OSError:
        return None
    config = next((folder / name for name in _CONFIGS if (folder / name).is_file()), None)
    if config is None or not sizes:
        return None
    with suppress(OSError, ValueError):
        with config.open("rb") as file:
            read = json.loads(file.read(_MOST_CONFIG))
        if isinstance(read, dict) and any(key in read for key in _EYES):
            return f"{gib(sum(sizes))}, {SEES}"
    return gib(sum(sizes))
