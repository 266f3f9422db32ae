"""Keeps the videos and pictures that were fetched from addresses, in one folder of the user's cache.

    3f9a…c2.mp4        what was fetched: named by the SHA-256 of the address, with the ending of its path
    .drawing-…/        a temporary folder: what is fetched whole is renamed out of it

A file is kept for as long as the user likes: nobody asks whether the server has another one now. Everything
here blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from backend.errors import MediaError

_ENDING = re.compile(r"\.[a-z0-9]{1,5}$")
_NAME = re.compile(r"[0-9a-f]{64}(\.[a-z0-9]{1,5})?")
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class KeptMedium:
    """A video or picture that was fetched."""

    name: str
    size: int
    """Bytes."""
    used: float
    """Unix time of the last use, up to a day before it."""


class NotFetched(MediaError):
    """The media stand at an address and were not fetched yet."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"{address} is an address, and is not fetched.",
            "With specs.fetch_media = true in your own config.toml, it is fetched when it is sent. Or "
            "download it, and name the file.",
        )
        self.address = address


def fetched_folder() -> Path:
    """Return the folder of what was fetched, which need not exist."""
    return platformdirs.user_cache_path("upsample") / "fetched"


def kept_name(address: str) -> str:
    """Return the name under which the file at an address is kept."""
    address = address.partition("#")[0]
    try:
        path = urlsplit(address).path
    except ValueError:
        path = ""
    ending = _ENDING.search(path.lower())
    return hashlib.sha256(address.encode()).hexdigest() + (ending[0] if ending else "")


def kept_file(address: str) -> Path:
    """Return the file that was fetched from an address. Raises NotFetched."""
    file = fetched_folder() / kept_name(address)
    if not file.is_file():
        raise NotFetched(address)
    return file


def note_use_of_kept(file: Path) -> None:
    """Note that a kept file was used now, once a day: whoever reads a changed file anew need not."""
    with contextlib.suppress(OSError):
        if time.time() - file.stat().st_mtime > _DAY:
            os.utime(file)


def list_kept_media() -> list[KeptMedium]:
    """List what is kept, oldest use first; nothing where the folder cannot be read."""
    found = []
    with contextlib.suppress(OSError), os.scandir(fetched_folder()) as listing:
        for entry in listing:
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) and _NAME.fullmatch(entry.name):
                    found.append(KeptMedium(entry.name, status.st_size, status.st_mtime))
    return sorted(found, key=lambda kept: kept.used)


def choose_oldest_media(
    kept: Iterable[KeptMedium], most: int, needed: Collection[str]
) -> list[KeptMedium]:
    """Choose what to remove so that at most `most` bytes are left: what was used longest ago.

    `kept` is sorted by its use. What is `needed`, by its name, is never chosen.
    """
    kept = list(kept)
    excess = sum(each.size for each in kept) - most
    chosen: list[KeptMedium] = []
    for each in kept:
        if excess <= 0:
            break
        if each.name not in needed:
            chosen.append(each)
            excess -= each.size
    return chosen


def remove_kept_media(chosen: Iterable[KeptMedium]) -> list[KeptMedium]:
    """Remove these. Returns those that are gone."""
    gone: list[KeptMedium] = []
    for each in chosen:
        with contextlib.suppress(OSError):
            (fetched_folder() / each.name).unlink()
            gone.append(each)
    return gone
