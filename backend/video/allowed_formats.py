"""The containers and pictures that are opened: those that people have, and that hold what they show.

ffmpeg knows four hundred more. Some open other files or addresses that their text names (playlists, concat
lists), some run scripts (AviSynth, VapourSynth) or draw any text (tty), and most are read by hardly anybody.
What is not listed is never opened, neither to look at it nor to draw it.
"""

from __future__ import annotations

_VIDEOS = (
    "mov", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "mxf", "nut", "ivf", "dv",
    "obu", "h264", "hevc", "vvc", "m4v", "mpegvideo", "mjpeg", "yuv4mpegpipe", "gif", "apng",
)  # fmt: skip
_PICTURES = (
    "image2", "png_pipe", "jpeg_pipe", "webp_pipe", "webp", "bmp_pipe", "tiff_pipe", "gif_pipe",
    "jpegxl_pipe", "jpegxl_anim", "j2k_pipe", "exr_pipe", "hdr_pipe", "dpx_pipe", "qoi_pipe",
    "ppm_pipe", "pgm_pipe", "pbm_pipe", "pam_pipe",
)  # fmt: skip
_SOUNDS = ("mp3", "wav", "flac", "aac")
"""To be told from what is no media at all."""

ONLY_THESE = {
    "format_whitelist": ",".join((*_VIDEOS, *_PICTURES, *_SOUNDS)),
    # Whatever a file refers to, nothing is fetched.
    "protocol_whitelist": "file",
}
"""As ffmpeg's options have it."""
