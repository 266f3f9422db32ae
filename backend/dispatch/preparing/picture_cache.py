"""Bounds the folders for hint videos and for fetched media, and says what the queue's jobs need of them.

A job's frames are drawn, or noted as used, after it is queued. So what was used since the oldest job was
queued that waits or runs is never removed. A paused job needs nothing until it is resumed; frames that are
gone then are drawn again. Everything here blocks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from backend.addresses import address_of
from backend.config import load_settings
from backend.errors import ConfigError, LinkError, UpsampleError
from backend.planning.orders import resolve_hint_video_dir
from backend.store import Job, Store
from backend.video.kept_media import (
    choose_oldest_media,
    kept_name,
    list_kept_media,
    remove_kept_media,
)
from backend.video.kept_pictures import choose_oldest, list_kept, remove_kept


def needed_since(store: Store) -> float:
    """Return the Unix time since when pictures were used that queued jobs need; infinite for no such job."""
    return min((job.queued for job in store.to_do()), default=math.inf)


def needed_media(store: Store) -> set[str]:
    """Return the names under which the fetched media are kept of jobs that wait or run."""
    paths = {path for job in store.to_do() for path in (job.video, *job.controls) if path}
    return {kept_name(address) for path in paths if (address := address_of(path))}


def picture_folders(jobs: Iterable[Job]) -> list[Path]:
    """Return the folders for hint videos of these jobs and of the settings, each once."""
    folders = {_folder_in(text) for text in {job.settings for job in jobs}}
    # Nothing is ever written there, or from a folder that is gone, or with settings that do not hold.
    with suppress(ConfigError, LinkError, OSError):
        folders.add(resolve_hint_video_dir(load_settings().upsampling))
    return sorted(folder for folder in folders if folder is not None)


def trim_kept(store: Store, jobs: Iterable[Job]) -> None:
    """Remove what was used longest ago from the folders of these jobs that keep more than they may.

    The jobs are done, so no trouble here is theirs: broken settings, a working directory that is gone, or a
    queue that cannot be read only mean that nothing is removed.
    """
    with suppress(UpsampleError, OSError):
        cache = load_settings().cache
        if cache.most_bytes is not None:
            for folder in picture_folders(jobs):
                kept = list_kept(folder)
                if sum(each.size for each in kept) > cache.most_bytes:
                    remove_kept(folder, choose_oldest(kept, cache.most_bytes, needed_since(store)))
        most = cache.most_fetched_bytes
        fetched = list_kept_media()
        if most is not None and sum(each.size for each in fetched) > most:
            remove_kept_media(choose_oldest_media(fetched, most, needed_media(store)))


def _folder_in(settings: str) -> Path | None:
    """Return the folder in the settings that a job was queued with, as JSON; None where they have none."""
    try:
        folder = Path(json.loads(settings)["hint_video_dir"])
    except (ValueError, LookupError, TypeError):
        return None
    return folder if folder.is_absolute() else None
