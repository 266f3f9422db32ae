"""Lists the formats that ffmpeg may open, and how large a picture may be. No other format is ever opened.

ffmpeg knows four hundred more, and few people use them. Some open other files or addresses (playlists, concat
lists), some run scripts (AviSynth, VapourSynth), and some draw any text (tty).
"""

from __future__ import annotations

MAX_PIXELS = 2**27
"""The most pixels of one picture. 134 million (8K has 33 million) decode to 400 MB."""

MAX_PICTURE_BYTES = 2**29
"""The most bytes of a picture and of a bare stream. ffmpeg may read them as a whole, and a file with holes
may be longer than the memory."""

_VIDEOS = (
    "mov", "matroska", "webm", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "mxf", "nut", "ivf", "dv",
    "yuv4mpegpipe", "gif", "apng",
)  # fmt: skip
_BARE_STREAMS = ("obu", "h264", "hevc", "vvc", "m4v", "mpegvideo", "mjpeg")
"""Streams without a container. ffmpeg keeps everything up to the next picture, however far that is."""
_PICTURES = (
    "image2", "png_pipe", "jpeg_pipe", "webp_pipe", "webp", "bmp_pipe", "tiff_pipe", "gif_pipe",
    "jpegxl_pipe", "jpegxl_anim", "j2k_pipe", "exr_pipe", "hdr_pipe", "dpx_pipe", "qoi_pipe",
    "ppm_pipe", "pgm_pipe", "pbm_pipe", "pam_pipe",
)  # fmt: skip
_SOUNDS = ("mp3", "wav", "flac", "aac")
"""Sound files are opened only for a better error message: they hold no picture."""

ONLY_THESE = {
    "format_whitelist": ",".join((*_VIDEOS, *_BARE_STREAMS, *_PICTURES, *_SOUNDS)),
    # ffmpeg then fetches nothing, whatever a file refers to.
    "protocol_whitelist": "file",
}
"""The options that restrict ffmpeg to these formats."""
ONLY_VIDEOS = ONLY_THESE | {"format_whitelist": ",".join((*_VIDEOS, *_SOUNDS))}
"""The same without bare streams and pictures, for a file that is too large to be one."""
