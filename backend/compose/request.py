"""What a user asks to be composed. Its sources are read, and what it leaves open is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backend.compose.clips import SourceClip, clip_of, find_clips
from backend.compose.composition import DEFAULT_FOLDER, Composition, check
from backend.compose.formats import fitting_format, format_named
from backend.compose.pattern import default_pattern, parse_pattern
from backend.compose.prompts import Prompt, read_prompts
from backend.compose.styles import choose_styles
from backend.files.without_links import resolve_folder
from backend.specs.tables.columns import ANY_COLUMNS, WantedColumns


@dataclass(frozen=True, slots=True)
class ComposeRequest:
    """What is to be composed, as a user says it."""

    cwd: Path
    """The working directory, absolute and free of links."""
    words: tuple[str, ...] = ()
    """Prompts in words."""
    prompt_files: tuple[Path, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    """Prompts that are known already."""
    clip_paths: tuple[Path, ...] = ()
    """Media, folders, and lists of media."""
    clips: tuple[SourceClip, ...] = ()
    """Clips that are known already."""
    styles: tuple[str, ...] = ()
    """Names of styles."""
    format: str | None = None
    """None for the one that fits."""
    pattern: str = ""
    """Empty for the one that fits."""
    control: str = "edge"
    folder: Path | None = None
    """Where the specs go; None for the usual place."""
    columns: WantedColumns = ANY_COLUMNS


def compose(
    request: ComposeRequest, configured: Sequence[str] | Mapping[str, str]
) -> tuple[Composition, tuple[str, ...]]:
    """Return the composition, which is checked, and what is wrong with prompts that are left out.

    `configured` are the styles of the config. Blocks; raises InputError and LinkError.
    """
    cwd = request.cwd
    found = read_prompts(request.words, request.prompt_files, cwd, request.columns)
    prompts = (*request.prompts, *found.prompts)
    read = find_clips(request.clip_paths, cwd, request.columns)
    clips = tuple({clip.path: clip for clip in (*request.clips, *read)}.values())
    styles = choose_styles(configured, request.styles)
    own = () if clips else tuple(clip_of(p.video, cwd) for p in prompts if p.video is not None)
    fitting = fitting_format(
        # Where some prompts have no clip, the format must have a place for these, too.
        has_clips=bool(clips) or (bool(own) and len(own) == len(prompts)),
        has_pictures=any(clip.is_picture for clip in clips or own),
    )
    fitting_pattern = default_pattern(has_videos=bool(clips or own), has_styles=bool(styles))
    composition = Composition(
        prompts,
        clips,
        styles,
        format_named(request.format or fitting.value),
        parse_pattern(request.pattern or fitting_pattern),
        resolve_folder(request.folder or DEFAULT_FOLDER, cwd, named=request.folder is not None),
        cwd,
        request.control,
        datetime.now(UTC).isoformat(timespec="seconds"),
    )
    check(composition)
    return composition, found.troubles
