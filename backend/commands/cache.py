"""`upsample cache`: show which frames, hint videos and fetched media are kept, and remove them.

The folders for frames and hint videos are the one that the settings name here, and those that jobs of the
queue name.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.text import Text

from backend.commands.queue import open_user_queue
from backend.config import Cache, load_settings
from backend.console import out, safe, say, table, write_json
from backend.dispatch.preparing.picture_cache import needed_media, needed_since, picture_folders
from backend.errors import InputError
from backend.exit_codes import ExitCode
from backend.store import Store, default_path
from backend.video.kept_media import (
    KeptMedium,
    fetched_folder,
    list_kept_media,
    remove_kept_media,
)
from backend.video.kept_pictures import KeptPictures, list_kept, remove_kept

_DAY = 86_400.0


def show_cache(*, as_json: bool) -> ExitCode:
    """Print each folder with what it keeps."""
    settings = load_settings()
    with ExitStack() as opened:
        store = _open_store(opened)
        folders = picture_folders(store.jobs() if store else [])
    kept = {folder: list_kept(folder) for folder in folders}
    if as_json:
        for folder, each in kept.items():
            write_json(
                {
                    "folder": str(folder),
                    "hint_videos": _count(each, is_hint=True),
                    "frame_sets": _count(each, is_hint=False),
                    "bytes": _bytes(each),
                    "oldest_use": each[0].used if each else None,
                    "most_bytes": settings.cache.most_bytes,
                }
            )
        _show_fetched(settings.cache, as_json=True)
        return ExitCode.OK
    shown = table(
        "folder", "hint videos", "frame sets", "size", "oldest use",
        right=("hint videos", "frame sets", "size", "oldest use"), long=("folder",),
    )  # fmt: skip
    for folder, each in kept.items():
        if each:
            shown.add_row(
                Text(safe(str(folder))),
                f"{_count(each, is_hint=True):,}",
                f"{_count(each, is_hint=False):,}",
                _size_text(each),
                age_words(time.time() - each[0].used),
            )
    if shown.row_count:
        out().print(shown)
    else:
        say("No frames or hint videos are kept.")
    most = settings.cache.hint_videos_gb
    say(
        f"A folder keeps {most:g} GB at most (cache.hint_videos_gb)."
        if most
        else "A folder keeps any amount (cache.hint_videos_gb is 0)."
    )
    _show_fetched(settings.cache, as_json=False)
    return ExitCode.OK


def _show_fetched(bound: Cache, *, as_json: bool) -> None:
    """Print what is kept of media that were fetched; nothing where nothing is."""
    kept = list_kept_media()
    if not kept:
        return
    if as_json:
        write_json(
            {
                "folder": str(fetched_folder()),
                "fetched": len(kept),
                "bytes": _bytes(kept),
                "oldest_use": kept[0].used,
                "most_bytes": bound.most_fetched_bytes,
            }
        )
        return
    shown = table(
        "folder", "fetched", "size", "oldest use", right=("fetched", "size", "oldest use"),
        long=("folder",),
    )  # fmt: skip
    age = age_words(time.time() - kept[0].used)
    shown.add_row(Text(safe(str(fetched_folder()))), f"{len(kept):,}", _size_text(kept), age)
    out().print(shown)
    say(
        f"At most {bound.fetched_gb:g} GB of fetched media are kept (cache.fetched_gb)."
        if bound.fetched_gb
        else "Any amount of fetched media is kept (cache.fetched_gb is 0)."
    )


def age_words(seconds: float) -> str:
    """Say in whole days how long ago something was: "today", "1 day ago", "30 days ago"."""
    days = int(seconds // _DAY)
    if days < 1:
        return "today"
    return "1 day ago" if days == 1 else f"{days:,} days ago"


def clear_cache(older_than: float | None, *, as_json: bool) -> ExitCode:
    """Remove what queued jobs do not need; with `older_than`, only what was not used for so many days."""
    if older_than is not None and not (older_than >= 0 and math.isfinite(older_than)):
        raise InputError(f"--older-than {older_than:g} is no number of days", "Give 0 or more.")
    before = math.inf if older_than is None else time.time() - older_than * _DAY
    with ExitStack() as opened:
        store = _open_store(opened)
        folders = picture_folders(store.jobs() if store else [])
        since = needed_since(store) if store else math.inf
        needed = needed_media(store) if store else set()
    for folder in folders:
        kept = list_kept(folder)
        gone = remove_kept(folder, [each for each in kept if each.used < min(before, since)])
        _tell_cleared(folder, kept, gone, as_json=as_json)
    fetched = list_kept_media()
    removed = remove_kept_media(
        each for each in fetched if each.used < before and each.name not in needed
    )
    if fetched:
        _tell_cleared(fetched_folder(), fetched, removed, as_json=as_json)
    if since < before:
        say("What was used since the oldest job was queued that waits or runs stays.")
    return ExitCode.OK


def _tell_cleared(
    folder: Path,
    kept: Sequence[KeptPictures | KeptMedium],
    gone: Sequence[KeptPictures | KeptMedium],
    *,
    as_json: bool,
) -> None:
    if as_json:
        left = _bytes(kept) - _bytes(gone)
        write_json(
            {
                "folder": str(folder),
                "removed": len(gone),
                "bytes_removed": _bytes(gone),
                "kept": len(kept) - len(gone),
                "bytes": left,
            }
        )
    elif kept:
        say(f"{folder}: {len(gone):,} of {len(kept):,} removed, {_size_text(gone)}.")


def _open_store(opened: ExitStack) -> Store | None:
    """Open the queue; None where there is none, and none is made."""
    return opened.enter_context(open_user_queue()) if default_path().exists() else None


def _count(kept: Sequence[KeptPictures], *, is_hint: bool) -> int:
    return sum(each.is_hint is is_hint for each in kept)


def _bytes(kept: Sequence[KeptPictures | KeptMedium]) -> int:
    return sum(each.size for each in kept)


def _size_text(kept: Sequence[KeptPictures | KeptMedium]) -> str:
    return bytes_text(_bytes(kept))


def bytes_text(count: int) -> str:
    """Write a number of bytes in the unit that fits: "1.5 GB", "0.3 kB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1e3:,.1f} kB"
