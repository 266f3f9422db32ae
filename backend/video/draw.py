"""Draws frames and hint videos from a user's video."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backend.errors import InputError, MediaError
from backend.files.without_links import is_plain
from backend.sizes import Size
from backend.video.ffmpeg import Drawing, draw
from backend.video.ffmpeg_program import find_ffmpeg
from backend.video.frame_cache import (
    FRAMES,
    HINT,
    Frame,
    check_drawn,
    content_key,
    copy_kept,
    drawing_folder,
    frame_name,
    frames_path,
    hint_path,
    keep_copy,
    keep_frames,
    kept_frames,
)
from backend.video.frame_choice import ChosenFrame
from backend.video.kept_pictures import note_use
from backend.video.missing import make_a_video
from backend.video.probe import MediaKind, Video, picture_of, probe
from backend.video.tiles import ffmpeg_for

TIME_LIMIT = 300.0
"""Seconds that one run of ffmpeg may take."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The pictures that the model will look at."""

    frames: tuple[Frame, ...]
    """One picture for each chosen frame, in the order of the video."""
    hint: Path | None
    """The hint video at the frames' size; None for an image or a sequence of pictures, and where the frames
    are not scaled, or are key frames."""


async def prepare_frames(
    video: Video,
    chosen: Sequence[ChosenFrame],
    size: Size,
    hint_video_dir: Path,
    *,
    content_key: Callable[[Path], str] = content_key,
    ffmpeg: Path | None = None,
    time_limit: float = TIME_LIMIT,
    threads: int = 0,
) -> Prepared:
    """Draw the chosen frames at `size`, and the hint video where `size` is not the video's own size.

    Frames and hint videos in `hint_video_dir` are reused. One run of ffmpeg draws the missing ones. No hint
    video is drawn for key frames, because all frames would have to be decoded for it. ffmpeg gets so many
    `threads`; 0 leaves it to ffmpeg.
    Cancelling stops ffmpeg and leaves no files behind. Raises MediaError, also when a chosen frame cannot
    be decoded, and InputError when the folder cannot be written.
    """
    content = await asyncio.to_thread(content_key, video.path)
    frames_dir = frames_path(hint_video_dir, content, size, chosen, video.colours)
    has_keys = any(frame.key_time is not None for frame in chosen)
    wants_hint = video.kind is MediaKind.VIDEO and size != video.size and not has_keys
    hint = hint_path(hint_video_dir, content, size, video.colours) if wants_hint else None
    kept = await asyncio.to_thread(kept_frames, frames_dir, chosen, size)
    missing_hint = hint if hint is not None and not is_plain(hint) else None
    for used in (frames_dir, hint):
        if used is not None:
            note_use(used)
    if kept is not None and missing_hint is None:
        return Prepared(kept, hint)
    program = ffmpeg or ffmpeg_for(video.stream)
    names = [(frame, f"{FRAMES}/{frame_name(at)}") for at, frame in enumerate(chosen)]
    drawing = Drawing(
        video.path,
        video.stream,
        frames=names if kept is None else (),
        frame_size=size if size != video.size or video.is_stretched else None,
        hint=(size.even, HINT) if missing_hint is not None else None,
        colours=video.colours,
        threads=threads,
    )
    with drawing_folder(hint_video_dir) as folder:
        (folder / FRAMES).mkdir()
        if video.kind is MediaKind.SEQUENCE:
            await _draw_pictures(video, chosen, size, folder, program, time_limit)
        else:
            await _draw_video(drawing, folder, program, time_limit)
        if kept is None:
            await asyncio.to_thread(check_drawn, video, folder / FRAMES, chosen, size)
            kept = await asyncio.to_thread(keep_frames, folder, frames_dir, chosen, size)
        if missing_hint is not None:
            (folder / HINT).replace(folder.parent / missing_hint.name)
    return Prepared(kept, hint)


async def _draw_video(drawing: Drawing, folder: Path, ffmpeg: Path, time_limit: float) -> None:
    """Draw from a video. Where a key frame cannot be decoded without what lies before it, decode all."""
    with contextlib.suppress(MediaError):
        if drawing.only_key_frames:
            await draw(drawing, folder, ffmpeg=ffmpeg, time_limit=time_limit)
            if all((folder / name).is_file() for _, name in drawing.frames):
                return
    by_number = [(replace(frame, key_time=None), name) for frame, name in drawing.frames]
    await draw(replace(drawing, frames=by_number), folder, ffmpeg=ffmpeg, time_limit=time_limit)


async def _draw_pictures(
    video: Video,
    chosen: Sequence[ChosenFrame],
    size: Size,
    folder: Path,
    ffmpeg: Path,
    time_limit: float,
) -> None:
    """Draw the chosen pictures of a sequence, each as a still picture is drawn."""
    for at, frame in enumerate(chosen):
        picture = frame.picture or video.path
        still = await asyncio.to_thread(picture_of, video.path, picture, video.size)
        drawing = Drawing(
            still.path,
            still.stream,
            frames=[(ChosenFrame(0, 0.0), f"{FRAMES}/{frame_name(at)}")],
            frame_size=size if size != still.size or still.is_stretched else None,
            colours=still.colours,
        )
        await draw(drawing, folder, ffmpeg=ffmpeg, time_limit=time_limit)


async def create_hint_video(
    input: str | Path,  # noqa: A002 -- the name that users know
    output: str | Path,
    *,
    size: Size | None = None,
    hint_video_dir: Path | None = None,
    ffmpeg: Path | None = None,
    time_limit: float = TIME_LIMIT,
) -> Path:
    """Write a hint video of `input` to `output`, replacing an existing file, and return `output`.

    The video has two frames a second, is scaled with Lanczos to `size` (by default the video's own size; odd
    sides lose a pixel, because yuv420p allows none), and is H.264 at CRF 18. With `hint_video_dir`, a hint
    video that is stored there is copied, and a new one is stored there, too. The output is written as a whole
    or not at all. Raises MediaError for an image, a sequence of pictures or a file that cannot be read, and
    InputError when the output cannot be written.
    """
    source, target = Path(input), Path(output)
    video = await asyncio.to_thread(_probe_hint_source, source, target)
    size = (size or video.size).even
    kept = None
    if hint_video_dir is not None:
        content = await asyncio.to_thread(content_key, source)
        kept = hint_path(hint_video_dir, content, size, video.colours)
    # The caller named the output, so links on the way to it are followed.
    with drawing_folder(target.parent.resolve()) as folder:
        drawn = folder / HINT
        if kept is not None and is_plain(kept):
            note_use(kept)
            await asyncio.to_thread(copy_kept, kept, drawn)
        else:
            drawing = Drawing(source, video.stream, hint=(size, HINT), colours=video.colours)
            await draw(drawing, folder, ffmpeg=ffmpeg or find_ffmpeg(), time_limit=time_limit)
            if kept is not None:
                await asyncio.to_thread(keep_copy, drawn, kept)
        drawn.replace(folder.parent / target.name)
    return target


def _probe_hint_source(source: Path, target: Path) -> Video:
    video = probe(source)
    if video.kind is MediaKind.IMAGE:
        raise MediaError(f"{source} is a still picture.", "Give a video to make a hint video of.")
    if video.kind is MediaKind.SEQUENCE:
        raise MediaError(
            f"{source} is a sequence of pictures, of which no hint video can be made.",
            make_a_video(source.name),
        )
    if target.exists() and target.samefile(source):
        raise InputError(f"{target} is the input itself.", "Give another output.")
    return video
