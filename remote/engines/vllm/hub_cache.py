"""The Hugging Face Hub's cache on this machine, by the rules of huggingface_hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def is_hub_name(model: str) -> bool:
    """Return whether the text has the form "owner/name"."""
    return _HUB_NAME.fullmatch(model) is not None and not model.startswith((".", "/"))


def cache_folder(environment: Mapping[str, str]) -> str:
    """The folder for downloads, by the rules of huggingface_hub."""
    home = environment.get("HF_HOME") or (
        (environment.get("XDG_CACHE_HOME") or f"{environment.get('HOME', '~')}/.cache")
        + "/huggingface"
    )
    return environment.get("HF_HUB_CACHE") or f"{home}/hub"


def find_snapshot(cache: Path, model: str, revision: str = "main") -> Path | None:
    """Find the folder of the model's files; None when none was downloaded."""
    folder = cache / f"models--{model.replace('/', '--')}"
    try:
        commit = (folder / "refs" / revision).read_text().strip()
    except (OSError, ValueError):
        return None
    snapshot = folder / "snapshots" / commit
    return snapshot if commit and snapshot.is_dir() else None
