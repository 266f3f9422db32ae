"""What this program keeps on the user's machine, for `upsample uninstall`: found, and removed.

The folders of platformdirs bear this program's name, so they are removed with all that is in them. From the
folders for hint videos, which belong to the user, only pictures that were drawn here are removed, and from
known_hosts only lines with this program's comment. Results are the user's own and are not looked at.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import platformdirs

from backend.box.ssh.host_keys import count_added, remove_added
from backend.dispatch.preparing.picture_cache import picture_folders
from backend.store import Job
from backend.video.kept_pictures import list_kept, remove_kept

_NAME = "upsample"
_USUAL_HINT_FOLDER = ("inputs", "hint_videos")
"""The end of the path where `hint_video_dir` is the shipped one."""


@dataclass(frozen=True, slots=True)
class LocalTrace:
    """Something that is kept on the user's machine."""

    path: Path
    size: int
    """Bytes."""
    what: str
    """Says what it is."""
    remove: Callable[[], None]
    """Removes it. Raises OSError."""


def find_local_traces(jobs: Iterable[Job], known_hosts: Iterable[Path]) -> list[LocalTrace]:
    """Find what is kept here. `jobs` are those of the queue; `known_hosts` are files to look into."""
    return [*_pictures(jobs), *_known_hosts_lines(known_hosts), *_folders_there()]


def own_folders() -> dict[Path, str]:
    """Return this program's own folders, which need not exist, each with what it is for.

    On some systems several of them are one, or one lies in another.
    """
    return {
        platformdirs.user_config_path(_NAME): "settings, profiles",
        platformdirs.user_data_path(_NAME): "the queue, what boxes have told",
        platformdirs.user_state_path(_NAME): "what the app remembers",
        platformdirs.user_cache_path(
            _NAME
        ): "index, fetched media, clips of the demo, embedded box",
        platformdirs.user_log_path(_NAME): "the app's log",
    }


def _folders_there() -> Iterator[LocalTrace]:
    folders = own_folders()
    for folder, what in folders.items():
        is_inner = any(folder.is_relative_to(one) for one in folders if one != folder)
        if is_inner or not os.path.lexists(folder):
            continue
        is_link = folder.is_symlink()
        told = f"a link to {folder.readlink()}, which stays" if is_link else what
        yield LocalTrace(folder, _size_of(folder), told, partial(_remove_folder, folder))


def _remove_folder(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():  # the embedded box may have removed it: its root is there
        shutil.rmtree(folder)


def _pictures(jobs: Iterable[Job]) -> Iterator[LocalTrace]:
    for folder in picture_folders(jobs):
        kept = list_kept(folder)
        if kept:
            size = sum(each.size for each in kept)
            yield LocalTrace(folder, size, "frames, hint videos", partial(_remove_pictures, folder))


def _remove_pictures(folder: Path) -> None:
    kept = list_kept(folder)
    if len(remove_kept(folder, kept)) < len(kept):
        raise OSError(0, "some pictures cannot be removed")
    with contextlib.suppress(OSError):  # the user has something else in it
        folder.rmdir()
        if folder.parts[-2:] == _USUAL_HINT_FOLDER:
            folder.parent.rmdir()


def _known_hosts_lines(files: Iterable[Path]) -> Iterator[LocalTrace]:
    for file in dict.fromkeys(files):
        if count := count_added(file):
            lines = "1 line" if count == 1 else f"{count:,} lines"
            what = f"{lines} with host keys that upsample added"
            yield LocalTrace(file, 0, what, partial(remove_added, file))


def _size_of(folder: Path) -> int:
    """Return the bytes of the files below a folder, or of the link that stands for it."""
    if folder.is_symlink():
        return 0
    size = 0
    for below, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(below, name)).st_size  # noqa: PTH118 - quicker
    return size
