"""`upsample hint`: make the hint video: 2 fps, at the size that fits the context."""

from __future__ import annotations

import asyncio
from pathlib import Path

from backend.config import load_settings
from backend.console import write_line
from backend.errors import InputError, ResultError
from backend.exit_codes import ExitCode
from backend.planning.box_planner import make_planner
from backend.planning.orders import resolve_hint_video_dir
from backend.tokens import TextCounter
from backend.video import MediaKind, create_hint_video, probe
from backend.video.frame_cache import content_key, hint_path
from backend.video.missing import make_a_video


def make_hint(video: Path, output: Path | None, *, force: bool) -> ExitCode:
    """Make the hint video and print its path."""
    settings = load_settings()
    media = probe(video)
    if media.kind is MediaKind.IMAGE:
        raise InputError(f"{video} is an image", "A hint video is made of a video.")
    if media.kind is MediaKind.SEQUENCE:
        raise InputError(
            f"{video} is a sequence of pictures, of which no hint video can be made",
            make_a_video(video.name),
        )
    if output is not None and output.exists() and not force:
        raise ResultError(f"{output} exists already", "Use --force to replace it.")
    upsampling = settings.upsampling
    planner = make_planner(settings, TextCounter())
    size = planner.largest(media.size, planner.text_tokens(None), planner.frames_of(media))
    if size is None:
        raise InputError(f"no size of {video} fits", "Set frames_to_extract lower.")
    folder = upsampling.hint_video_dir
    kept_in = resolve_hint_video_dir(upsampling)
    made = asyncio.run(
        create_hint_video(
            video,
            # The name comes from the content, so that hint videos of two files named color.mp4 both stay.
            output or hint_path(folder, content_key(video), size, media.colours),
            size=size,
            hint_video_dir=kept_in,
        )
    )
    write_line(str(made))
    return ExitCode.OK
