"""Videos and images on this machine: probes them, chooses the frames to show, and draws those frames.

`probe` reads headers, and `damage` says what is wrong with a file that cannot be read. `tiles` reads the
photographs of phones. `picture_sequences` finds the pictures of a numbered sequence. `frame_choice` chooses
frames by their timestamps. `ffmpeg` runs ffmpeg, the only program that draws. `colours` says how HDR becomes
what a person sees. `draw` makes frames and hint videos. `frame_cache` stores them by content, and looks up
the sizes of stored frames; `packing` packs them to be sent, and `sent_clips` makes clips of them.
`recent_videos` caches what was read of recent videos, and `video_index` keeps on disk what was probed.
`thumbnails` decodes small pictures for the screen.
`clips` draws clips of our own.
"""

from backend.video.colours import Colours
from backend.video.draw import Prepared, create_hint_video, prepare_frames
from backend.video.ffmpeg_program import find_ffmpeg
from backend.video.frame_cache import DrawnFrames, Frame, read_frame
from backend.video.frame_choice import ChosenFrame, FrameSampling, choose_frames
from backend.video.packing import FrameFormat
from backend.video.probe import MediaKind, Video, probe
from backend.video.recent_videos import RecentVideos
from backend.video.video_index import VideoIndex

__all__ = [
    "ChosenFrame",
    "Colours",
    "DrawnFrames",
    "Frame",
    "FrameFormat",
    "FrameSampling",
    "MediaKind",
    "Prepared",
    "RecentVideos",
    "Video",
    "VideoIndex",
    "choose_frames",
    "create_hint_video",
    "find_ffmpeg",
    "prepare_frames",
    "probe",
    "read_frame",
]
