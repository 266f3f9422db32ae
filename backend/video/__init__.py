"""Videos and images on this machine: what they are, which frames to show, and drawing those.

`probe` reads headers, `choose` picks frames by their real timestamps, `ffmpeg` runs the one program
that draws, `draw` makes frames and hint videos, `kept` is where they lie, by content, `drawn` tells
how large they are, `recent` remembers what was read of the last ones, `clips` draws videos of our own.
"""

from backend.video.draw import Prepared, create_hint_video, prepare_frames
from backend.video.drawn_frames import DrawnFrames
from backend.video.ffmpeg import find_ffmpeg
from backend.video.frame_cache import Frame
from backend.video.frame_choice import ChosenFrame, FrameSampling, choose_frames
from backend.video.probe import MediaKind, Video, probe
from backend.video.recent_videos import RecentVideos

__all__ = [
    "ChosenFrame",
    "DrawnFrames",
    "Frame",
    "FrameSampling",
    "MediaKind",
    "Prepared",
    "RecentVideos",
    "Video",
    "choose_frames",
    "create_hint_video",
    "find_ffmpeg",
    "prepare_frames",
    "probe",
]
