"""Finds the videos that the model was shown for a job, so that its frames can be looked at again."""

from __future__ import annotations

from dataclasses import dataclass

from backend.config import queued_settings
from backend.store import Job
from backend.video import FrameSampling, Video, probe


@dataclass(frozen=True, slots=True)
class SeenMedia:
    """The videos whose frames were sent with a job's request."""

    shown: tuple[tuple[Video, int], ...]
    """The videos in their order, each with how many of its frames were sent; none for a text alone."""
    sampling: FrameSampling
    """How the frames were chosen."""


def seen_media(job: Job) -> SeenMedia:
    """Read the headers of the job's videos, as they are now. Blocks.

    Raises MediaError when a video is gone or cannot be read, and ConfigError when the settings that the job
    was queued with hold no more.
    """
    settings = queued_settings(job.settings)
    paths = () if job.video is None else (job.video, *job.controls)
    videos = [probe(path).with_rate(job.target.fps) for path in paths]
    counted = ((video, min(settings.frames_to_extract, video.frames)) for video in videos)
    return SeenMedia(tuple(counted), settings.frame_sampling)
