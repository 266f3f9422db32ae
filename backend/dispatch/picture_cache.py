"""Bounds the folders for hint videos, and says what the jobs of the queue need of them.

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

from backend.config import load_settings
from backend.errors import LinkError, UpsampleError
from backend.planning.orders import resolve_hint_video_dir
from backend.store import Job, Store
from backend.video.kept_pictures import choose_oldest, list_kept, remove_kept


def needed_since(store: Store) -> float:
    """Return the Unix time since when pictures were used that queued jobs need; infinite for no such job."""
    return min((job.queued for job in store.to_do()), default=math.inf)


def picture_folders(jobs: Iterable[Job]) -> list[Path]:
    """Return the folders for hint videos of these jobs and of the settings, each once."""
    folders = {_folder_in(text) for text in {job.settings for job in jobs}}
    with suppress(
        LinkError, OSError
    ):  # nothing is ever written there, or from a folder that is gone
        folders.add(resolve_hint_video_dir(load_settings().upsampling))
    return sorted(folder for folder in folders if folder is not None)


def trim_kept(store: Store, jobs: Iterable[Job]) -> None:
    """Remove what was used longest ago from the folders of these jobs that keep more than they may.

    The jobs are done, so no trouble here is theirs: broken settings, a working directory that is gone, or a
    queue that cannot be read only mean that nothing is removed.
    """
    with suppress(UpsampleError, OSError):
        most = load_settings().cache.most_bytes
        if most is None:
            return
        for folder in picture_folders(jobs):
            kept = list_kept(folder)
            if sum(each.size for each in kept) > most:
                remove_kept(folder, choose_oldest(kept, most, needed_since(store)))


def _folder_in(settings: str) -> Path | None:
    """Return the folder in the settings that a job was queued with, as JSON; None where they have none."""
    try:
        folder = Path(json.loads(settings)["hint_video_dir"])
    except (ValueError, LookupError, TypeError):
        return None
    return folder if folder.is_absolute() else None
