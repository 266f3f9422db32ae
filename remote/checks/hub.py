"""Finds models of the Hugging Face Hub in the cache of this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def is_hub_name(model: str) -> bool:
    """Return whether the text has the form "owner/name"."""
    return _NAME.fullmatch(model) is not None and not model.startswith((".", "/"))


def cache_folder(environment: Mapping[str, str]) -> str:
    """The folder for downloads, by the rules of huggingface_hub."""
    home = environment.get("HF_HOME") or (
        (environment.get("XDG_CACHE_HOME") or f"{environment.get('HOME', '~')}/.cache")
        + "/huggingface"
    )
    return environment.get("HF_HUB_CACHE") or f"{home}/hub"


def find_snapshot(cache: Path, model: str) -> Path | None:
    """Find the folder of the model's files; None when none was downloaded."""
    folder = cache / f"models--{model.replace('/', '--')}"
    try:
        commit = (folder / "refs" / "main").read_text().strip()
    except (OSError, ValueError):
        return None
    snapshot = folder / "snapshots" / commit
    return snapshot if commit and snapshot.is_dir() else None


def is_offline(environment: Mapping[str, str]) -> bool:
    """Return whether the settings forbid downloads."""
    return environment.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def has_token(environment: Mapping[str, str]) -> bool:
    """Return whether there is a token for the Hub; its value is not used."""
    if environment.get("HF_TOKEN"):
        return True
    home = Path(cache_folder(environment)).parent
    return (home / "token").is_file()
