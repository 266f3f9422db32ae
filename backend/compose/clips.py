"""Finds the clips to compose: in folders, in lists of files, beside other prompts, or named one by one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.addresses import is_address, path_of_address, spelled
from backend.errors import InputError, MediaError
from backend.specs.media_names import MEDIA_SUFFIXES, is_absolute, is_relative, suffix_of
from backend.specs.model import BrokenSpec, Spec
from backend.specs.quoting import printable
from backend.specs.reading import read_in_parts
from backend.specs.source import SourceText, lines, load
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns
from backend.video.missing import PICTURE_SUFFIXES, is_numbered
from backend.video.picture_sequences import find_sequence
from remote.protocol import well_formed

_LISTS = frozenset({".txt", ".csv", ".tsv", ".parquet", ".json", ".jsonl", ".yaml", ".yml"})
"""Endings of files that name clips."""
MOST_CLIPS = 1_000_000


@dataclass(frozen=True, slots=True)
class SourceClip:
    """A video, a picture, or a sequence of pictures."""

    path: Path
    """Absolute, and its folder is free of links; or what holds an address."""
    is_picture: bool

    @property
    def name(self) -> str:
        """The name without its ending."""
        return self.path.stem

    def written(self, folder: Path, cwd: Path, *, from_file: bool) -> str:
        """Return the path as it stands in a spec file that lies in `folder`. Raises InputError.

        With `from_file`, the path starts at the file; else at the working directory, and it is absolute
        where the clip does not lie below that. `folder` and `cwd` are free of links.
        """
        if is_address(str(self.path)):
            return spelled(self.path)
        text = str(self.path)
        if "\\" in text or text != well_formed(text):
            raise InputError(
                f"{printable(text)} cannot be named in a spec: its path holds "
                + ("a backslash" if "\\" in text else "bytes that are not UTF-8"),
                "Rename it.",
            )
        if from_file:
            text = os.path.relpath(text, folder)
        elif self.path.is_relative_to(cwd):
            text = str(self.path.relative_to(cwd))
        # What would be taken for an address, a drive or somebody's home is none.
        return text if os.path.isabs(text) or is_relative(text) else f"./{text}"  # noqa: PTH117


def clip_of(path: Path, cwd: Path) -> SourceClip:
    """Return the clip at a path, which need not exist. A relative one starts at `cwd`."""
    is_picture = suffix_of(str(path)) in PICTURE_SUFFIXES and not is_numbered(path)
    if is_address(str(path)):
        return SourceClip(path, is_picture)
    place = cwd / path
    # The folder's links are followed, so that `..` leads where it seems to. The clip itself may be a link.
    return SourceClip(Path(os.path.realpath(place.parent), place.name), is_picture)


def find_clips(
    paths: Sequence[Path], cwd: Path, columns: WantedColumns = ANY_COLUMNS
) -> tuple[SourceClip, ...]:
    """Return the clips that these paths name, each once: media, folders with media below them, and lists.

    A list is a text with a path a line, a table, or a file of specs. Raises InputError for what does not
    exist or names no clip.
    """
    clips: dict[Path, SourceClip] = {}
    for path in paths:
        before = len(clips)
        found = False
        for clip in _clips_at(path, cwd, columns):
            found = True
            clips[clip.path] = clip
        if not found and len(clips) == before:
            raise InputError(
                f"{printable(str(path))} has no video or picture",
                "Name a folder or a list of some.",
            )
        if len(clips) > MOST_CLIPS:
            raise InputError(f"there are more than {MOST_CLIPS:,} clips", "Take fewer.")
    return tuple(clips.values())


def _clips_at(path: Path, cwd: Path, columns: WantedColumns) -> Iterator[SourceClip]:
    if is_address(str(path)):
        yield clip_of(path_of_address(str(path)), cwd)
        return
    place = cwd / path
    if is_numbered(path) and not place.exists():
        yield clip_of(path, cwd)
    elif place.is_dir():
        yield from _clips_below(place, cwd)
    elif not place.exists():
        raise InputError(f"there is no {printable(str(path))}", "Check the path.")
    elif place.suffix.lower() in _LISTS:
        yield from _listed(path, cwd, columns)
    else:
        yield clip_of(path, cwd)


def _clips_below(top: Path, cwd: Path) -> Iterator[SourceClip]:
    """Yield the clips below a folder, sorted; a folder whose pictures are a sequence is one clip."""
    for name, folders, files in os.walk(top):
        folder = Path(name)
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        media = sorted(each for each in files if suffix_of(each) in MEDIA_SUFFIXES)
        media = [each for each in media if not each.startswith(".")]
        if _is_sequence(folder, media):
            yield clip_of(folder, cwd)
            continue
        for each in media:
            yield clip_of(folder / each, cwd)


def _is_sequence(folder: Path, media: Sequence[str]) -> bool:
    """Whether the media of a folder are the frames of one clip."""
    if len(media) < 2 or any(suffix_of(each) not in PICTURE_SUFFIXES for each in media):
        return False
    try:
        return find_sequence(folder) is not None
    except MediaError:
        return False


def _listed(file: Path, cwd: Path, columns: WantedColumns) -> Iterator[SourceClip]:
    if file.suffix.lower() == ".txt":
        yield from _lines(file, cwd)
        return
    for part in read_in_parts(file, cwd, columns):
        for found in part:
            if isinstance(found, BrokenSpec):
                raise InputError(str(found), "Mend it, or name the clips themselves.")
            if isinstance(found, Spec) and found.video is not None:
                yield _existing(found.video, cwd, f"line {found.line} of {printable(str(file))}")


def _lines(file: Path, cwd: Path) -> Iterator[SourceClip]:
    source = load(file, cwd)
    if not isinstance(source, SourceText):
        why = source.problem if isinstance(source, BrokenSpec) else source.reason
        raise InputError(f"{printable(str(file))}: {why}", "Name a text with a path on each line.")
    for line in lines(source.text):
        text = source.text[line.start : line.end].strip()
        if not text:
            continue
        place = f"line {source.line_at(line.start)} of {printable(str(file))}"
        if is_address(text):
            yield clip_of(path_of_address(text), cwd)
        else:
            yield _existing(_beside(text, source.place.parent, cwd), cwd, place)


def _beside(text: str, folder: Path, cwd: Path) -> Path:
    """Return the path that a list names: from the list's folder, or else from the working directory."""
    if is_absolute(text) or (folder / text).exists() or not (cwd / text).exists():
        return folder / text
    return cwd / text


def _existing(path: Path, cwd: Path, place: str) -> SourceClip:
    if not (is_address(str(path)) or is_numbered(path) or (cwd / path).exists()):
        raise InputError(f"there is no {printable(str(path))} ({place})", "Mend the list.")
    return clip_of(path, cwd)
