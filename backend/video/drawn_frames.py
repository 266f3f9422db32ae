"""Looks up the sizes of frames that are already drawn, without drawing any."""

from __future__ import annotations

from pathlib import Path

from backend.errors import UpsampleError
from backend.sizes import Size
from backend.video.frame_cache import choice_key, content_key, frame_name
from backend.video.frame_choice import FrameSampling, choose_frames
from backend.video.probe import Video


class DrawnFrames:
    """The frames in a folder for hint videos, as they were when this object was made."""

    def __init__(self, hint_video_dir: Path, sampling: FrameSampling) -> None:
        self._folder = hint_video_dir
        self._sampling = sampling
        self._sizes: set[str] = set()
        self._contents: dict[Path, str] = {}
        if hint_video_dir.is_dir():
            # The name of a folder of frames is content-size-choice.
            self._sizes = {path.name.split("-")[1] for path in hint_video_dir.glob("*-*-*")}

    def image_bytes(self, video: Video, size: Size, count: int) -> int | None:
        """Return the bytes of all frames that would be sent; None when they are not drawn yet. Blocks.

        The whole video is read to hash its content, but only where the folder has frames of this size.
        """
        if str(size) not in self._sizes:
            return None
        try:
            if video.path not in self._contents:
                self._contents[video.path] = content_key(video.path)
            chosen = choose_frames(video, count, self._sampling)
            name = f"{self._contents[video.path]}-{size}-{choice_key(chosen)}"
            frames = (self._folder / name / frame_name(at) for at in range(len(chosen)))
            return sum(path.stat().st_size for path in frames)
        except (OSError, UpsampleError):
            return None
